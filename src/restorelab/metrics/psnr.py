"""Peak signal-to-noise ratio.

It is the project's own because that of torchmetrics 1.9 computes the logarithm's base in float32, which changes float64
values by a factor of 1e-8, and copies a number to the device at each update, for which the host waits.
"""

from torch import Tensor

from restorelab.metrics.mse import mse
from restorelab.metrics.per_image import PerImage

PSNR_CAP = 100.0
"""Cap in dB. Identical images have infinite PSNR; the cap keeps means finite, and reports count the images at it."""


class PSNR(PerImage):
    """The protocol's PSNR of each image, for data range 1, at most `PSNR_CAP`."""

    higher_is_better = True

    def each(self, preds: Tensor, target: Tensor) -> Tensor:
        """Compare `preds` with `target`, both `(B, C, H, W)` in [0, 1]; return `(B,)` in dB."""
        return psnr(mse(preds, target))


def psnr(error: Tensor) -> Tensor:
    """Convert the mean squared error of each image, `(B,)`, to PSNR in dB for data range 1, at most `PSNR_CAP`."""
    return (-10 * error.log10()).clamp(max=PSNR_CAP)
