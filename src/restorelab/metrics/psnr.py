"""Peak signal-to-noise ratio.

It is the project's own because torchmetrics 1.9's takes its logarithm's base in float32, which costs 1e-8 of the value
in float64, and copies a number to the device at each update, for which the host waits.
"""

from torch import Tensor

from restorelab.metrics.mse import mse
from restorelab.metrics.per_image import PerImage

PSNR_CAP = 100.0
"""dB. Identical images have no PSNR; the cap keeps means finite, and a report counts the images that reach it."""


class PSNR(PerImage):
    """The protocol's PSNR of each image, for data range 1, at most `PSNR_CAP`."""

    higher_is_better = True

    def each(self, preds: Tensor, target: Tensor) -> Tensor:
        """`psnr` of `(B, C, H, W)` in [0, 1] twice, `(B,)` in dB."""
        return psnr(mse(preds, target))


def psnr(error: Tensor) -> Tensor:
    """Turn the mean squared error of each image, `(B,)`, into PSNR in dB for data range 1, at most `PSNR_CAP`."""
    return (-10 * error.log10()).clamp(max=PSNR_CAP)
