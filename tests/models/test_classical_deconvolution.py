"""Wiener and Richardson-Lucy deconvolution, against scikit-image and SciPy called directly."""

import numpy as np
import pytest
import scipy.signal
import torch
from skimage import data, restoration

from restorelab.degradations.blur import Box, Gaussian, Motion
from restorelab.degradations.noise import Gaussian as Noise
from restorelab.degradations.rng import TorchDraws
from restorelab.errors import ConfigError
from restorelab.metrics.mse import mse
from restorelab.models.richardson_lucy import RichardsonLucy
from restorelab.models.wiener import Wiener
from restorelab.restoring.inference import restore


def photo(channels: int = 1, side: int = 48) -> torch.Tensor:
    """Two pieces of a real photograph, (2, C, side, side + 4)."""
    pixels = torch.from_numpy(data.astronaut()).permute(2, 0, 1).float().div(255)
    pieces = [pixels[:channels, top : top + side, 180 : 184 + side] for top in (60, 150)]
    return torch.stack(pieces)


def psnr(restored: torch.Tensor, clean: torch.Tensor) -> float:
    return float(-10 * mse(restored.clamp(0, 1), clean).log10().mean())


def response(blur: Box | Gaussian | Motion) -> np.ndarray:
    """What the blur makes of a bright point in the middle of 25x25."""
    point = torch.zeros(1, 1, 25, 25, dtype=torch.float64)
    point[..., 12, 12] = 1
    return blur(point, TorchDraws())[0][0, 0].numpy()


@pytest.mark.parametrize(("psf", "kernel"), [(None, 1.5), (Box(5), None), (Motion(7, 30, 0.5), None)])
def test_wiener_is_scikit_images_on_the_mirrored_image(psf, kernel):
    image = photo(3, 32)
    spread = response(psf or Gaussian(1.5))
    restored = Wiener(psf, kernel, balance=0.05)(image)
    mirrored = np.pad(image.numpy(), ((0, 0), (0, 0), (0, 30), (0, 34)), mode="reflect")
    for one, result in zip(mirrored.reshape(-1, 62, 70), restored.reshape(-1, 32, 36), strict=True):
        expected = restoration.wiener(one.astype(np.float64), spread, 0.05, clip=False)[:32, :36]
        np.testing.assert_allclose(result.numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("psf", [Box(5), Motion(5, 30, 0.9)])
def test_richardson_lucy_is_scikit_images_inside(psf):
    """scikit-image pads with zeros, which 4 iterations of a reach of 2 carry 16 pixels inwards."""
    image = photo(side=64).clamp(min=0.05)
    restored = RichardsonLucy(psf, iterations=4)(image)
    spread = response(psf)[10:15, 10:15]
    assert psf.reach == 2
    for one, result in zip(image[:, 0].numpy(), restored[:, 0].numpy(), strict=True):
        expected = restoration.richardson_lucy(one.astype(np.float64), spread, 4, clip=False)
        np.testing.assert_allclose(result[16:-16, 16:-16], expected[16:-16, 16:-16], atol=1e-4)


@pytest.mark.parametrize("blur", [Gaussian(1.0), Box(3)])
def test_a_known_blur_is_undone_up_to_the_border(blur):
    """No noise: the mirrored image makes the degradation an exact circular convolution, so no frame remains."""
    clean = photo(3, 48).double()
    blurred = blur(clean, TorchDraws())[0]
    sharp = Wiener(blur, balance=1e-9)(blurred)
    assert psnr(sharp, clean) > 45
    edge = (sharp - clean).abs()
    assert edge[..., 0, :].mean() < 3 * edge[..., 8:-8, 8:-8].mean() + 1e-3
    assert psnr(RichardsonLucy(blur, iterations=50)(blurred), clean) > psnr(blurred, clean) + 4


def test_an_image_without_blur_comes_back():
    image = photo(3)
    torch.testing.assert_close(Wiener(sigma=0, balance=0)(image), image, rtol=0, atol=1e-5)
    torch.testing.assert_close(RichardsonLucy(sigma=0, iterations=3)(image), image, rtol=0, atol=1e-5)


def test_wiener_denoises_better_than_scipys_local_one():
    clean = photo(1, 96)
    noisy = Noise(50, clip=True)(clean, TorchDraws().reseed(0))[0]
    best = max(psnr(Wiener(sigma=0, balance=b)(noisy), clean) for b in (0.3, 1, 3))
    local = [
        torch.from_numpy(np.stack([scipy.signal.wiener(one[0].numpy(), k)[None] for one in noisy.double()]))
        for k in (3, 5, 7)
    ]
    assert best > max(psnr(one, clean) for one in local)


def test_a_blur_that_is_drawn_cannot_be_told():
    with pytest.raises(ConfigError, match=r"model.psf: size=\[3.0, 5.0\] is drawn for each image"):
        Wiener(Box([3, 5]), balance=0.1)
    with pytest.raises(ConfigError, match=r"model.psf: sigma=\[0.5, 1.5\] is drawn for each image"):
        Wiener(Gaussian([0.5, 1.5]), balance=1)
    with pytest.raises(ConfigError, match=r"model\.sigma=2 beside model\.psf"):
        RichardsonLucy(Box(3), sigma=2, iterations=1)
    with pytest.raises(ValueError, match="at least 2x2 pixels, got 1x9"):
        Wiener(sigma=1, balance=1)(torch.rand(1, 1, 1, 9))
    assert restore(Wiener(sigma=1, balance=1), torch.rand(1, 1, 1, 9)).shape == (1, 1, 1, 9)
