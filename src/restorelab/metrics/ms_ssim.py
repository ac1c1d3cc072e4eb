"""Multi-scale structural similarity."""

import torch
import torch.nn.functional as F
from torch import Tensor

from restorelab.metrics.per_image import PerImage
from restorelab.metrics.ssim import SSIM_WINDOW, ssim_maps

BETAS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Weights of the scales, finest first: Wang, Simoncelli and Bovik, Asilomar 2003, section 3.2."""


class MSSSIM(PerImage):
    """MS-SSIM at the five scales of its source; channels are averaged.

    Equal to torchmetrics', but that images whose coarsest scale does not hold the window are refused, at 176 pixels and
    not at 160, and that PyTorch's CPU convolution does not slow it down in float64.
    """

    higher_is_better = True

    def each(self, preds: Tensor, target: Tensor) -> Tensor:
        """Compare `(B, C, H, W)` in [0, 1] twice, `(B,)`. Raises ValueError for sides under 176 pixels."""
        side, least = min(preds.shape[-2:]), SSIM_WINDOW << (len(BETAS) - 1)
        if side < least:
            raise ValueError(f"MS-SSIM at {len(BETAS)} scales needs {least} pixels a side, the images have {side}")
        return ms_ssim(preds, target, len(BETAS)).mean(dim=1)


def ms_ssim(restored: Tensor, clean: Tensor, scales: int) -> Tensor:
    """The product over the scales of contrast-structure ^ beta, with the luminance at the coarsest; differentiable.

    restored, clean: `(B, C, H, W)` in [0, 1], of at least 11 pixels a side at the coarsest scale. Each scale halves the
    one before by 2x2 means, and the first betas are scaled to the sum 1. Gives `(B, C)`, 1 for identical images.
    """
    similarity = torch.ones_like(restored[:, :, 0, 0])
    for scale, beta in enumerate(BETAS[:scales]):
        if scale:
            restored, clean = F.avg_pool2d(restored, 2), F.avg_pool2d(clean, 2)
        light, structure = ssim_maps(restored, clean)
        value = (light * structure if scale == scales - 1 else structure).mean((2, 3))
        # The mean can be negative early in training, where a power with a fraction is not a number.
        similarity = similarity * value.clamp(min=1e-4) ** (beta / sum(BETAS[:scales]))
    return similarity
