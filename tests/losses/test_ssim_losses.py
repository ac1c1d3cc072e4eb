"""SSIM as a loss against scikit-image, MS-SSIM against its definition in SciPy's filters."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity
from skimage.transform import downscale_local_mean

from restorelab.errors import ConfigError
from restorelab.losses.ms_ssim import BETAS, MSSSIM
from restorelab.losses.ssim import SSIM


def pair(side, channels=1):
    generator = torch.Generator().manual_seed(side)
    clean = torch.rand(2, channels, side, side, generator=generator, dtype=torch.float64)
    return (clean + 0.2 * torch.rand(clean.shape, generator=generator, dtype=torch.float64)) / 1.2, clean


def factors(x, y):
    """Means of contrast-structure and of SSIM over the windows inside the image, by SciPy."""

    def blur(image):
        return gaussian_filter(image, 1.5, truncate=3.5)[5:-5, 5:-5]

    mx, my = blur(x), blur(y)
    structure = (2 * (blur(x * y) - mx * my) + 9e-4) / (blur(x * x) - mx**2 + blur(y * y) - my**2 + 9e-4)
    return structure.mean(), (structure * (2 * mx * my + 1e-4) / (mx**2 + my**2 + 1e-4)).mean()


def halve(image, times):
    """Means of 2x2 pixels; an odd last row or column is dropped (scikit-image would fill it up with zeros)."""
    for _ in range(times):
        image = downscale_local_mean(image[: len(image) // 2 * 2, : len(image) // 2 * 2], (2, 2))
    return image


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_is_skimages(channels):
    restored, clean = pair(24, channels)
    expected = np.mean(
        [
            structural_similarity(
                x, y, channel_axis=0, data_range=1.0, gaussian_weights=True, use_sample_covariance=False
            )
            for x, y in zip(restored.numpy(), clean.numpy(), strict=True)
        ]
    )
    assert SSIM()(restored, clean).item() == pytest.approx(1 - expected, abs=1e-12)


@pytest.mark.parametrize(("side", "scales"), [(20, 1), (100, 4), (176, 5)])
def test_ms_ssim(side, scales):
    restored, clean = pair(side)
    expected = []
    for x, y in zip(restored[:, 0].numpy(), clean[:, 0].numpy(), strict=True):
        value = 1.0
        for scale in range(scales):
            small = (halve(x, scale), halve(y, scale))
            value *= factors(*small)[scale == scales - 1] ** (BETAS[scale] / sum(BETAS[:scales]))
        expected.append(1 - value)
    assert MSSSIM()(restored, clean).item() == pytest.approx(np.mean(expected), rel=1e-9)
    assert MSSSIM(scales)(restored, clean) == MSSSIM()(restored, clean)


def test_gradients():
    restored, clean = pair(23)
    restored = restored[:1, :, :12].requires_grad_()
    assert torch.autograd.gradcheck(SSIM(), (restored, clean[:1, :, :12]), fast_mode=True)
    restored = restored.detach().repeat(1, 1, 2, 1)[:, :, :23].requires_grad_()
    assert torch.autograd.gradcheck(MSSSIM(2), (restored, clean[:1]), fast_mode=True)


def test_opposite_images_stay_finite():
    clean = pair(44)[1].float()
    restored = (1 - clean).requires_grad_()
    loss = MSSSIM()(restored, clean)
    loss.backward()
    assert loss.isfinite()
    assert restored.grad.isfinite().all()


def test_too_small():
    with pytest.raises(ValueError, match="at least 11x11 pixels, got 10x10"):
        SSIM()(*pair(10))
    with pytest.raises(
        ValueError, match=r"at 5 scales needs 176 pixels a side, the images have 100; set loss.scales=4"
    ):
        MSSSIM(5)(*pair(100))
    with pytest.raises(ConfigError, match=r"loss.scales=6: expected 1 to 5"):
        MSSSIM(6)
