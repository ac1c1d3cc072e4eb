"""Visual information fidelity."""

from torch import Tensor
from torchmetrics.functional.image import visual_information_fidelity

from restorelab.metrics.per_image import PerImage


class VIF(PerImage):
    """VIF in the pixel domain, by torchmetrics; channels are averaged. 1 for identical images, more for sharper ones.

    Unlike `torchmetrics.image.VisualInformationFidelity` on images in [0, 1], whose noise of variance 2 would drown
    them: that number belongs to images in [0, 255], and so they are brought there.

    Source: Sheikh and Bovik, TIP 2006, and their pixel-domain implementation.
    """

    higher_is_better = True

    def each(self, preds: Tensor, target: Tensor) -> Tensor:
        """Compare `(B, C, H, W)` in [0, 1] twice, `(B,)`; NaN where the clean image is flat.

        Raises ValueError for sides under 41 pixels.
        """
        # In float64 PyTorch's CPU convolution takes 14 times as long, for 1e-5 of the value.
        return visual_information_fidelity(255 * preds.float(), 255 * target.float(), reduction="none")
