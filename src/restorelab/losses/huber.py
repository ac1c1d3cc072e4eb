"""Huber loss: quadratic near zero, linear beyond."""

import torch.nn.functional as F
from torch import Tensor, nn

from restorelab.errors import ConfigError
from restorelab.losses.reduction import Reduction, check_reduction, rescale


class Huber(nn.Module):
    """d^2 / 2 for |d| < `delta`, delta (|d| - delta / 2) beyond; `delta` in units of the image, [0, 1].

    With `delta=1` it is the SVHN report's smooth L1, which on images in [0, 1] is half the squared error almost
    everywhere, so that with SGD it differs from `mse` only by the learning rate. A `delta` of 0.05 makes a difference.
    `reduction`: see `losses.reduction`. Raises ConfigError unless `delta` is positive.
    """

    def __init__(self, delta: float = 1.0, reduction: Reduction = "mean") -> None:
        super().__init__()
        if not delta > 0:
            raise ConfigError(f"loss.delta={delta}: expected a number above 0")
        self.delta = delta
        self.reduction = check_reduction(reduction)

    def forward(self, restored: Tensor, clean: Tensor) -> Tensor:
        """Return the loss of `restored` against `clean`, both `(B, C, H, W)`, as a scalar."""
        return rescale(F.huber_loss(restored, clean, delta=self.delta), restored, self.reduction)
