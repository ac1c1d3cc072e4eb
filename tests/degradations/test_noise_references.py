"""Noises against scikit-image, and on real faces against the input PSNR that other programs measured."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats
from skimage.util import random_noise

from restorelab.degradations.noise import Gaussian, Impulse, Poisson, Speckle
from restorelab.degradations.rng import TorchDraws

SMALLEST_P = 1e-6


def draws():
    return TorchDraws().reseed(0)


@pytest.mark.parametrize(
    ("noise", "options"),
    [
        (Gaussian(50, clip=True), {"mode": "gaussian", "var": (50 / 255) ** 2}),
        (Speckle(0.02, clip=True), {"mode": "speckle", "var": 0.02}),
        (Impulse(0.3, clip=True, salt=0.2), {"mode": "s&p", "amount": 0.3, "salt_vs_pepper": 0.2}),
    ],
    ids=["gaussian", "speckle", "impulse"],
)
def test_same_distribution_as_scikit_image(noise, options):
    ramp = torch.linspace(0.05, 0.95, 120, dtype=torch.float64).expand(1, 3, 120, 120)  # color, clipped at both ends
    ours = noise(ramp, draws())[0].numpy()
    theirs = random_noise(ramp.numpy(), rng=np.random.default_rng(0), clip=True, **options)
    for columns in (slice(0, 20), slice(50, 70), slice(100, 120)):
        test = stats.ks_2samp(ours[..., columns].ravel(), theirs[..., columns].ravel())
        assert test.pvalue > SMALLEST_P
    for value in (0.0, 1.0):
        shares = [(image == value).mean() for image in (ours, theirs)]
        pooled = sum(shares) / 2
        assert abs(shares[0] - shares[1]) <= 5 * (2 * pooled * (1 - pooled) / ours.size) ** 0.5


@pytest.fixture(scope="module")
def faces(shared):
    paths = sorted((shared / "data" / "faces").rglob("*.jpg"))[:60]
    arrays = [np.asarray(Image.open(path).convert("L").resize((100, 100), Image.Resampling.BICUBIC)) for path in paths]
    return torch.from_numpy(np.stack(arrays)[:, None]).double() / 255


@pytest.mark.parametrize(
    ("noise", "psnr"),
    [
        (Gaussian(10**0.5, clip=True), 38.2),  # the faces report's "variance 10" read in 8-bit units
        (Gaussian(25, clip=True), 20.4),
        (Gaussian(35, clip=True), 17.7),
        (Gaussian(50, clip=True), 14.9),
        (Gaussian(75, clip=True), 12.0),
        (Speckle(0.02, clip=True), 22.9),
        (Poisson(255, clip=True), 27.3),
        (Poisson(30, clip=True), 18.4),
        (Impulse(0.3, clip=True), 10.4),
    ],
    ids=str,
)
def test_input_psnr_of_real_faces(faces, noise, psnr):
    # Measured with scikit-image on other faces (SYSTEMS.md, 40 to 60 of them, printed to 0.1): twice the squared
    # standard error of our mean, since both samples vary.
    error = (noise(faces, draws())[0] - faces).square().mean((1, 2, 3))
    each = -10 * error.log10()
    assert abs(each.mean() - psnr) < 0.05 + 4 * each.std() * (2 / len(each)) ** 0.5
