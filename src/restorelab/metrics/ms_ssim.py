"""Multi-scale structural similarity."""

import torch
import torch.nn.functional as F
from torch import Tensor

from restorelab.metrics.per_image import PerImage
from restorelab.metrics.ssim import SSIM_WINDOW, ssim_maps

BETAS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Weights of the scales, finest first: Wang, Simoncelli and Bovik, Asilomar 2003, section 3.2."""


class MSSSIM(PerImage):
    """MS-SSIM at the five scales of its source; channels are averaged. 1 for identical images.

    It is equal to torchmetrics' MS-SSIM, with two differences: images whose coarsest scale is smaller than the window
    (below 176 pixels, not 160) are refused, and float64 is not slowed down by PyTorch's CPU convolution.
    """

    higher_is_better = True

    def each(self, preds: Tensor, target: Tensor) -> Tensor:
        """Compare `preds` with `target`, both `(B, C, H, W)` in [0, 1]; return `(B,)`.

        Raises ValueError for a side below 176 pixels.
        """
        side, least = min(preds.shape[-2:]), SSIM_WINDOW << (len(BETAS) - 1)
        if side < least:
            raise ValueError(f"MS-SSIM at {len(BETAS)} scales needs {least} pixels a side, the images have {side}")
        return ms_ssim(preds, target, len(BETAS)).mean(dim=1)


def ms_ssim(restored: Tensor, clean: Tensor, scales: int) -> Tensor:
    """Return the product over the scales of contrast-structure ^ beta, times luminance ^ beta at the coarsest.

    restored, clean: `(B, C, H, W)` in [0, 1], of at least 11 pixels a side at the coarsest scale. Each scale halves the
    previous one by 2x2 means, and the betas that are used are scaled to a sum of 1. The result is `(B, C)`, 1 for
    identical images, and differentiable.
    """
    similarity = torch.ones_like(restored[:, :, 0, 0])
    for scale, beta in enumerate(BETAS[:scales]):
        if scale:
            restored, clean = F.avg_pool2d(restored, 2), F.avg_pool2d(clean, 2)
        light, structure = ssim_maps(restored, clean)
        value = (light * structure if scale == scales - 1 else structure).mean((2, 3))
        # The mean can be negative early in training, and a fractional power of a negative number is NaN.
        similarity = similarity * value.clamp(min=1e-4) ** (beta / sum(BETAS[:scales]))
    return similarity
