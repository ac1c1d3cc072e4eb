"""Visual information fidelity."""

from torch import Tensor
from torchmetrics.functional.image import visual_information_fidelity

from restorelab.metrics.per_image import PerImage


class VIF(PerImage):
    """VIF in the pixel domain, by torchmetrics; channels are averaged. 1 for identical images, more for sharper ones.

    Images are scaled to [0, 255], the range to which the metric's assumed noise of variance 2 belongs. In [0, 1] that
    noise would drown the differences between the images, as it does in `torchmetrics.image.VisualInformationFidelity`.

    Source: Sheikh and Bovik, "Image Information and Visual Quality", TIP 2006, and their pixel-domain implementation.
    """

    higher_is_better = True

    def each(self, preds: Tensor, target: Tensor) -> Tensor:
        """Compare `preds` with `target`, both `(B, C, H, W)` in [0, 1]; return `(B,)` float32, NaN for a flat target.

        Raises ValueError for a side below 41 pixels.
        """
        # In float64 PyTorch's CPU convolution takes 14 times as long, and changes the value by 1e-5.
        return visual_information_fidelity(255 * preds.float(), 255 * target.float(), reduction="none")
