"""Charbonnier loss: the absolute difference, smoothed near 0."""

from torch import Tensor, nn

from restorelab.errors import ConfigError
from restorelab.losses.reduction import Reduction, check_reduction, rescale


class Charbonnier(nn.Module):
    """sqrt(d^2 + eps^2), `eps` in units of the image, [0, 1].

    Source: Charbonnier et al., ICIP 1994; eps 1e-3 as in LapSRN (Lai et al., CVPR 2017). Identical images give eps,
    not 0. `reduction`: see `losses.reduction`. Raises ConfigError unless eps is positive. kornia's `charbonnier_loss`
    is not used because its eps is fixed at 1.
    """

    def __init__(self, eps: float = 1e-3, reduction: Reduction = "mean") -> None:
        super().__init__()
        if not eps > 0:
            raise ConfigError(f"loss.eps={eps}: expected a number above 0; at 0 the gradient of equal pixels is NaN")
        self.eps = eps
        self.reduction = check_reduction(reduction)

    def forward(self, restored: Tensor, clean: Tensor) -> Tensor:
        """Return the loss of `restored` against `clean`, both `(B, C, H, W)`, as a scalar."""
        difference = restored - clean
        return rescale((difference * difference + self.eps**2).sqrt().mean(), restored, self.reduction)
