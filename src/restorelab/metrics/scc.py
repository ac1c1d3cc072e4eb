"""The spatial correlation coefficient."""

from torch import Tensor
from torchmetrics.functional.image import spatial_correlation_coefficient

from restorelab.metrics.per_image import PerImage


class SCC(PerImage):
    """The correlation of the high-pass filtered images in windows of 8x8 pixels, by torchmetrics; 1 if identical.

    Source: Zhou, Civco and Silander, "A wavelet transform method to merge Landsat TM and SPOT panchromatic data",
    International Journal of Remote Sensing 1998.
    """

    higher_is_better = True

    def each(self, preds: Tensor, target: Tensor) -> Tensor:
        """Compare `preds` with `target`, both `(B, C, H, W)` in [0, 1]; return `(B,)` in [-1, 1]."""
        return spatial_correlation_coefficient(preds, target, reduction="none")
