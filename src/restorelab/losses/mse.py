"""Mean squared error."""

import torch.nn.functional as F
from torch import Tensor, nn

from restorelab.losses.reduction import Reduction, check_reduction, rescale


class MSE(nn.Module):
    """The squared difference; `reduction`: see `losses.reduction`."""

    def __init__(self, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.reduction = check_reduction(reduction)

    def forward(self, restored: Tensor, clean: Tensor) -> Tensor:
        """Return the loss of `restored` against `clean`, both `(B, C, H, W)`, as a scalar."""
        return rescale(F.mse_loss(restored, clean), restored, self.reduction)
