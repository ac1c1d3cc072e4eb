"""One minus multi-scale structural similarity."""

from torch import Tensor, nn

from restorelab.errors import ConfigError
from restorelab.metrics.ms_ssim import BETAS, ms_ssim
from restorelab.metrics.ssim import SSIM_WINDOW


class MSSSIM(nn.Module):
    """1 - MS-SSIM (see `metrics.ms_ssim`), the mean over images and channels; 0 for identical images.

    Each scale halves the previous one by 2x2 means, and the 11x11 window must fit the coarsest, so that the five scales
    of the source need 176 pixels. `scales=None` takes as many as fit (4 for 100 pixels, 2 for 32), with the first betas
    scaled to a sum of 1; a number requires exactly that many. Raises ConfigError for a number other than 1 to 5.

    Source: Wang, Simoncelli and Bovik, "Multiscale Structural Similarity for Image Quality Assessment", Asilomar 2003.
    """

    def __init__(self, scales: int | None = None) -> None:
        super().__init__()
        if scales is not None and not 1 <= scales <= len(BETAS):
            raise ConfigError(f"loss.scales={scales}: expected 1 to {len(BETAS)}, or null for as many as fit")
        self.scales = scales

    def forward(self, restored: Tensor, clean: Tensor) -> Tensor:
        """Return the loss of `restored` against `clean`, both `(B, C, H, W)` in [0, 1], as a scalar.

        Raises ValueError if the images are too small for `scales`.
        """
        side = min(restored.shape[-2:])
        fit = sum(side >> scale >= SSIM_WINDOW for scale in range(len(BETAS)))
        scales = self.scales or max(fit, 1)
        if scales > max(fit, 1):
            raise ValueError(
                f"MS-SSIM at {scales} scales needs {SSIM_WINDOW << (scales - 1)} pixels a side, "
                f"the images have {side}; set loss.scales={fit}"
            )
        return 1 - ms_ssim(restored, clean, scales).mean()
