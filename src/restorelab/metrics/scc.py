"""The spatial correlation coefficient."""

from torch import Tensor
from torchmetrics.functional.image import spatial_correlation_coefficient

from restorelab.metrics.per_image import PerImage


class SCC(PerImage):
    """The correlation of the high-pass filtered images in windows of 8x8 pixels, by torchmetrics; 1 where identical.

    Source: Zhou, Civco and Silander, International Journal of Remote Sensing 1998.
    """

    higher_is_better = True

    def each(self, preds: Tensor, target: Tensor) -> Tensor:
        """Compare `(B, C, H, W)` in [0, 1] twice, `(B,)`."""
        return spatial_correlation_coefficient(preds, target, reduction="none")
