"""The noise level that is estimated is the one that was added."""

import io
from collections.abc import Callable
from pathlib import Path

import networks
import numpy as np
import pytest
from PIL import Image
from skimage import data

import restorelab
from restorelab.restoring.noise_estimate import CLEAN, estimate, estimate_color, estimate_luma
from restorelab.restoring.restorer import Options, Restorer


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


def test_noise_whose_color_a_jpeg_smooths_is_found_in_the_luma() -> None:
    noisy = _noisy(data.coffee()[:256, :256], 25, 0, clipped=True)
    assert estimate_color(noisy, 255) == estimate(noisy, 255)
    subsampled, full = (_jpeg(noisy, subsampling=subsampling) for subsampling in (2, 0))
    assert 255 * estimate(subsampled, 255) < 20
    assert 255 * estimate_color(subsampled, 255) == pytest.approx(25, rel=0.1)
    assert 255 * estimate_color(full, 255) == pytest.approx(25, rel=0.1)
    # The luma of independent noise in R, G and B: 25 * sqrt(0.299^2 + 0.587^2 + 0.114^2).
    assert 255 * estimate_luma(noisy, 255) == pytest.approx(25 * 0.6686, rel=0.1)


def _jpeg(image: np.ndarray, *, subsampling: int) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=92, subsampling=subsampling)
    return np.asarray(Image.open(stream))


@pytest.mark.parametrize(
    ("channels", "color", "estimated"), [(3, "each", estimate_color), (1, "each", estimate), (1, "luma", estimate_luma)]
)
def test_a_network_gets_the_level_of_what_it_is_given(
    channels: int, color: str, estimated: Callable[..., float]
) -> None:
    image = _jpeg(_noisy(data.coffee()[:96, :96], 25, 0, clipped=True), subsampling=2)
    levels = [255 * function(image, 255) for function in (estimate_color, estimate, estimate_luma)]
    assert len(set(levels)) == 3
    restorer = Restorer(networks.unet(channels), Options(color=color))
    assert restorer.restore(image).sigma == 255 * estimated(image, 255)


@pytest.mark.slow
def test_a_subsampled_jpeg_is_restored_a_decibel_better_by_it(shared: Path) -> None:
    net = restorelab.load("denoise_color", clamp=False)
    gains = []
    for seed, file in enumerate(sorted((shared / "data" / "cbsd68").glob("*.png"))[::12]):
        clean = np.asarray(Image.open(file))
        degraded = _jpeg(_noisy(clean, 15, seed, clipped=True), subsampling=2)
        errors = [
            np.mean((restorelab.restore(degraded, net, sigma=sigma).astype(float) - clean) ** 2)
            for sigma in (255 * estimate(degraded, 255), "auto")
        ]
        gains.append(10 * np.log10(errors[0] / errors[1]))
    assert np.mean(gains) > 1


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
@pytest.mark.parametrize(("name", "estimated"), [("bsd68_gray", estimate), ("cbsd68", estimate_color)])
def test_clean_photographs_count_as_clean(name: str, estimated: Callable[..., float], shared: Path) -> None:
    levels = [255 * estimated(image, 255) for image in _photographs(name, shared)]
    assert np.mean(np.array(levels) < CLEAN) > 0.95  # the others are textured all over


@pytest.mark.slow
def test_levels_of_color_photographs_are_found_within_a_tenth(shared: Path) -> None:
    images = _photographs("cbsd68", shared)[::2]
    for sigma in (5, 10, 25, 75):
        levels = [estimate_color(_noisy(image, sigma, seed, clipped=False)) for seed, image in enumerate(images)]
        errors = 255 * np.array(levels) / sigma - 1
        assert (np.abs(errors) < 0.1).mean() >= 0.9, f"sigma {sigma}: {np.sort(np.abs(errors))[-8:]}"
