"""One minus multi-scale structural similarity."""

from torch import Tensor, nn

from restorelab.errors import ConfigError
from restorelab.metrics.ms_ssim import BETAS, ms_ssim
from restorelab.metrics.ssim import SSIM_WINDOW


class MSSSIM(nn.Module):
    """1 - product over scales of contrast-structure ^ beta, with the luminance at the coarsest; 0 when identical.

    Each scale halves the one before by 2x2 means, and the coarsest must still hold the 11x11 window, so that the five
    scales of the source need 176 pixels. `scales=None` takes as many as fit (100 pixels: 4; 32: 2), with the first
    betas scaled to the sum 1; a number insists on it.
    """

    def __init__(self, scales: int | None = None) -> None:
        super().__init__()
        if scales is not None and not 1 <= scales <= len(BETAS):
            raise ConfigError(f"loss.scales={scales}: from 1 to {len(BETAS)}, or null for as many as fit")
        self.scales = scales

    def forward(self, restored: Tensor, clean: Tensor) -> Tensor:
        """Return the loss of `restored` against `clean`, both `(B, C, H, W)`, the mean over images and channels.

        Raises ValueError where the images are too small for the scales asked for.
        """
        side = min(restored.shape[-2:])
        fit = sum(side >> scale >= SSIM_WINDOW for scale in range(len(BETAS)))
        scales = self.scales or max(fit, 1)
        if scales > max(fit, 1):
            raise ValueError(
                f"MS-SSIM at {scales} scales needs {SSIM_WINDOW << (scales - 1)} pixels a side, "
                f"the images have {side}: loss.scales={fit} fits"
            )
        return 1 - ms_ssim(restored, clean, scales).mean()
