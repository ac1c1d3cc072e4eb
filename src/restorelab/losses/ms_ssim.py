"""One minus multi-scale structural similarity."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restorelab.errors import ConfigError
from restorelab.metrics.ssim import SSIM_WINDOW, ssim_maps

BETAS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Weights of the scales, finest first: Wang, Simoncelli and Bovik, Asilomar 2003, section 3.2."""


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
        similarity = torch.ones_like(restored[:, :, 0, 0])
        for scale, beta in enumerate(BETAS[:scales]):
            if scale:
                restored, clean = F.avg_pool2d(restored, 2), F.avg_pool2d(clean, 2)
            light, structure = ssim_maps(restored, clean)
            value = (light * structure if scale == scales - 1 else structure).mean((2, 3))
            # The mean can be negative early in training, where a power with a fraction is not a number.
            similarity = similarity * value.clamp(min=1e-4) ** (beta / sum(BETAS[:scales]))
        return 1 - similarity.mean()
