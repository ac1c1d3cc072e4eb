"""The reduction of a pixel loss to a scalar."""

from typing import Literal

from torch import Tensor

from restorelab.errors import ConfigError, nearest

Reduction = Literal["mean", "image_sum"]


def check_reduction(reduction: Reduction) -> Reduction:
    """Return `reduction`, or raise ConfigError for an unknown one."""
    if reduction not in ("mean", "image_sum"):
        raise ConfigError(f"loss.reduction={reduction!r}. {nearest(reduction, ['mean', 'image_sum'])}")
    return reduction


def rescale(mean: Tensor, restored: Tensor, reduction: Reduction) -> Tensor:
    """Convert the mean over all values of `restored: (B, C, H, W)` to the reduction `reduction`.

    `mean` is PyTorch's; `image_sum` sums the C H W values of an image and averages over the B images, as in the
    equations of the SVHN report. The two differ by a factor of C H W (1,024 there).
    """
    return mean if reduction == "mean" else mean * (restored.numel() // restored.shape[0])
