"""The universal image quality index."""

from torch import Tensor
from torchmetrics.functional.image import universal_image_quality_index

from restorelab.metrics.per_image import PerImage


class UQI(PerImage):
    """SSIM without its two constants, by torchmetrics; channels are averaged. 1 for identical images.

    Source: Wang and Bovik, "A Universal Image Quality Index", Signal Processing Letters 2002. Unlike the source, the
    window is SSIM's Gaussian one.
    """

    higher_is_better = True

    def each(self, preds: Tensor, target: Tensor) -> Tensor:
        """Compare `preds` with `target`, both `(B, C, H, W)` in [0, 1], at least 11 pixels a side; return `(B,)`."""
        return universal_image_quality_index(preds, target, reduction="none").mean((1, 2, 3))
