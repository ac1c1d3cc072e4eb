"""The noise level that is estimated is the one that was added."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from restorelab.restoring.noise_estimate import CLEAN, estimate


def _noisy(image: np.ndarray, sigma: float, seed: int, *, clipped: bool) -> np.ndarray:
    noisy = image / 255 + np.random.default_rng(seed).standard_normal(image.shape) * sigma / 255
    return np.rint(noisy.clip(0, 1) * 255).astype(np.uint8) if clipped else noisy


@pytest.mark.parametrize(("sigma", "clipped"), [(5, False), (75, True)])
def test_the_level_of_a_photograph_is_found_within_a_tenth(sigma: float, clipped: bool) -> None:
    for seed, image in enumerate((data.coffee()[:192, :192, 1], data.camera()[128:320, 128:320])):
        noisy = _noisy(image, sigma, seed, clipped=clipped)
        assert 255 * estimate(noisy, 255 if clipped else 1) == pytest.approx(sigma, rel=0.1)


def test_pure_noise_is_found_closely() -> None:
    noise = 0.5 + np.random.default_rng(0).standard_normal((300, 300)) * 0.05
    # 60,000 of 86,436 overlapping patches; the standard deviation itself is known to 1 / sqrt(2 * 90000) = 0.24 %.
    assert estimate(noise) == pytest.approx(0.05, rel=0.02)
    assert estimate(np.full((64, 64), 0.5)) == 0


def test_small_images_are_refused() -> None:
    with pytest.raises(ValueError, match="15x40 pixels is too small"):
        estimate(np.zeros((40, 15)))


def _photographs(name: str, folder: Path) -> list[np.ndarray]:
    if name == "scikit-image":
        return [data.astronaut(), data.coffee(), data.chelsea(), data.rocket(), data.camera()]
    return [np.asarray(Image.open(file)) for file in sorted((folder / "data" / name).glob("*.png"))]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bsd68_gray", "scikit-image"])
@pytest.mark.parametrize("clipped", [False, True])
def test_levels_of_5_to_75_are_found_within_a_tenth(name: str, clipped: bool, shared: Path) -> None:
    images = _photographs(name, shared)
    white = 255 if clipped else 1
    for sigma in (5, 10, 15, 25, 50, 75):
        errors = np.array([
            255 * estimate(_noisy(image, sigma, seed, clipped=clipped), white) / sigma - 1
            for seed, image in enumerate(images)
        ])  # fmt: skip
        assert abs(errors.mean()) < 0.1
        assert (np.abs(errors) < 0.1).mean() >= 0.9, f"sigma {sigma}: {np.sort(np.abs(errors))[-8:]}"


@pytest.mark.slow
def test_clean_photographs_count_as_clean(shared: Path) -> None:
    levels = [255 * estimate(image, 255) for image in _photographs("bsd68_gray", shared)]
    assert np.mean(np.array(levels) < CLEAN) > 0.95  # the others are textured all over
