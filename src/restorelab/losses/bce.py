"""Binary cross-entropy between intensities."""

import torch
from torch import Tensor, nn

from restorelab.errors import ConfigError
from restorelab.losses.reduction import Reduction, check_reduction, rescale


class BCE(nn.Module):
    """-(t log p + (1 - t) log(1 - p)), with t the clean image in [0, 1] and p the output clamped to [eps, 1 - eps].

    The clamp (eps = 1e-7 as in Keras, which the faces and the MNIST report use) accepts any output: that of a ReLU may
    be 0 or above 1, where it has no gradient and costs up to 16.1 per pixel. For t between 0 and 1 the minimum is the
    entropy of t, not 0. `reduction`: see `losses.reduction`. Raises ConfigError unless 0 < eps < 0.5.

    F.binary_cross_entropy takes 1.5 times as long on a CPU. For an output with NaN it raises on a CPU and ends the
    process on a GPU, before the step can be reported; here the loss is then NaN.
    """

    def __init__(self, eps: float = 1e-7, reduction: Reduction = "mean") -> None:
        super().__init__()
        if not 0 < eps < 0.5:
            raise ConfigError(f"loss.eps={eps}: expected a number above 0 and below 0.5")
        self.eps = eps
        self.reduction = check_reduction(reduction)

    def forward(self, restored: Tensor, clean: Tensor) -> Tensor:
        """Return the loss of `restored` against `clean`, both `(B, C, H, W)`, as a scalar."""
        p = restored.clamp(self.eps, 1 - self.eps)
        return rescale(-torch.lerp((-p).log1p(), p.log(), clean).mean(), restored, self.reduction)
