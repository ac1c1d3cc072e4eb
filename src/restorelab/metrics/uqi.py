"""The universal image quality index."""

from torch import Tensor
from torchmetrics.functional.image import universal_image_quality_index

from restorelab.metrics.per_image import PerImage


class UQI(PerImage):
    """SSIM without the constants that keep flat windows from counting, by torchmetrics; the window is SSIM's.

    Source: Wang and Bovik, Signal Processing Letters 2002; unlike there, windows are Gaussian.
    """

    higher_is_better = True

    def each(self, preds: Tensor, target: Tensor) -> Tensor:
        """Compare `(B, C, H, W)` in [0, 1] twice, of at least 11 pixels a side, `(B,)`."""
        return universal_image_quality_index(preds, target, reduction="none").mean((1, 2, 3))
