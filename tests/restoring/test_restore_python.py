"""`restorelab.restore`: arrays, Pillow images and tensors, each given back as it came."""

from pathlib import Path

import networks
import numpy as np
import photographs
import pytest
import torch
from PIL import Image

import restorelab
from restorelab.config import packaged
from restorelab.errors import ConfigError
from restorelab.restoring import noise_estimate
from restorelab.restoring.restorer import Options, Restorer


@pytest.fixture(scope="module")
def net() -> torch.nn.Module:
    return networks.unet(3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("bands", [1, 3])
def test_arrays(dtype: type, bands: int, net: torch.nn.Module) -> None:
    given = photographs.pixels(bands, np.float32 if dtype is np.float64 else dtype).astype(dtype)
    before = given.copy()
    result = restorelab.restore(given, net, sigma=25)
    assert (result.shape, result.dtype) == (given.shape, given.dtype)
    assert np.array_equal(given, before)
    white = 1 if np.issubdtype(dtype, np.floating) else np.iinfo(dtype).max
    reference = restorelab.restore((given / white).astype(np.float32), net, sigma=25)
    assert np.allclose(result / white, reference, atol=0.51 / white if white > 1 else 1e-6)
    assert not np.allclose(result / white, given / white, atol=0.01)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_pillow_images(mode: str, net: torch.nn.Module) -> None:
    bands = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "I;16": 1}[mode]
    array = photographs.pixels(bands, np.uint16 if mode == "I;16" else np.uint8)
    image = Image.fromarray(array)
    image.info["icc_profile"] = b"profile"
    result = restorelab.restore(image, net, sigma=25)
    assert (result.mode, result.size, result.info) == (mode, image.size, image.info)
    colors = array if bands in (1, 3) else array[..., : bands - 1].squeeze()
    expected = restorelab.restore(colors, net, sigma=25)
    found = np.asarray(result)
    assert np.array_equal(found if bands in (1, 3) else found[..., : bands - 1].squeeze(), expected)
    if bands in (2, 4):
        assert np.array_equal(found[..., -1], array[..., -1])


def test_tensors(net: torch.nn.Module) -> None:
    image = torch.rand(2, 3, 20, 26, generator=torch.Generator().manual_seed(0))
    result = restorelab.restore(image, net, sigma=25)
    assert (result.shape, result.dtype) == (image.shape, image.dtype)
    with torch.inference_mode():
        expected = net(image, torch.tensor([25 / 255] * 2)).clamp(0, 1)
    assert torch.allclose(result, expected, atol=1e-6)
    assert torch.equal(restorelab.restore(image[0], net, sigma=25), result[0])
    assert restorelab.restore(image[0].double(), net, sigma=25).dtype == torch.float64


def test_names_and_paths_and_the_noise_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = networks.write(tmp_path, "gray", 1)
    monkeypatch.setattr(packaged, "FOLDER", tmp_path)
    image = photographs.pixels(1, np.float32)
    expected = restorelab.restore(image, networks.unet(1), sigma=25)
    assert np.allclose(restorelab.restore(image, "gray", sigma=25), expected, atol=1e-6)  # it is laid out otherwise
    assert np.allclose(restorelab.restore(image, file, sigma=25), expected, atol=1e-6)
    smooth = np.full((40, 40), 0.5, np.float32)
    assert np.array_equal(restorelab.restore(smooth, "gray"), smooth)  # it has no noise
    assert not np.array_equal(restorelab.restore(smooth, "gray", force=True), smooth)


@pytest.mark.parametrize(
    ("image", "error", "expected"),
    [
        ([[0.5]], TypeError, "image is a list"),
        (np.zeros((4, 5, 2), np.uint8), ValueError, r"\(H, W, 3\)"),
        (np.zeros((4, 5, 4), np.uint8), ValueError, "a Pillow image to keep transparency"),
        (np.zeros((3, 4, 5), np.uint8), ValueError, r"image.transpose\(1, 2, 0\)"),
        (np.zeros((2, 4, 5, 3), np.uint8), ValueError, r"\(H, W, 3\)$"),
        (np.zeros((0, 5, 3), np.uint8), ValueError, "no pixels"),
        (torch.zeros(0, 3, 9, 9), ValueError, "no pixels"),
        (np.zeros((4, 5), np.int16), TypeError, "int16"),
        (np.full((9, 9), 200.0), ValueError, r"up to 200; expected numbers in \[0, 1\]"),
        (np.full((9, 9), np.nan), ValueError, "NaN"),
        (torch.zeros(3, 9, 9, dtype=torch.uint8), TypeError, "floating-point"),
        (torch.zeros(9, 9), ValueError, "expected"),
        (Image.new("CMYK", (9, 9)), TypeError, "mode CMYK"),
    ],
)
def test_other_images_are_refused(image: object, error: type[Exception], expected: str, net: torch.nn.Module) -> None:
    with pytest.raises(error, match=expected):
        restorelab.restore(image, net, sigma=25)


def test_half_precision_changes_a_little(net: torch.nn.Module) -> None:
    image = photographs.pixels(3, np.float32)
    full = restorelab.restore(image, net, sigma=25)
    half = restorelab.restore(image, net, sigma=25, precision="bf16-mixed")
    assert 0 < float(np.abs(full - half).max()) < 4 / 255
    assert half.dtype == np.float32
    assert not np.array_equal((half * 256).astype(int) / 256, half)  # the image itself is not rounded to bfloat16


def test_wrong_options_are_told(net: torch.nn.Module) -> None:
    with pytest.raises(ConfigError, match=r"precision=bf16: .*bf16-mixed"):
        restorelab.restore(photographs.pixels(3), net, precision="bf16")
    with pytest.raises(ConfigError, match="device=gpu: expected auto, cpu, or cuda"):
        restorelab.restore(photographs.pixels(3), net, device="gpu")
    with pytest.raises(ConfigError, match="strength=2"):
        restorelab.restore(photographs.pixels(3), net, strength=2)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["u2", "f4", "f8"])
def test_arrays_of_any_byte_order_and_strides(order: str, kind: str, net: torch.nn.Module) -> None:
    native = photographs.pixels(3, np.uint16 if kind == "u2" else np.float32)
    expected = restorelab.restore(native.astype(kind), net, sigma=25)
    apart = np.full((72, 100, 3), 0, order + kind)[::-2, ::2]
    apart[...] = native
    apart.flags.writeable = False
    result = restorelab.restore(apart, net, sigma=25)
    assert result.dtype == apart.dtype
    assert np.array_equal(result, expected)


def test_an_image_that_is_left_as_it_is_comes_back_as_a_copy(net: torch.nn.Module) -> None:
    whole = photographs.pixels(3).astype(np.float64) / 255 + 1e-12  # more than float32 holds
    for image in (whole, whole[..., 0], whole[::2, ::2, 1], torch.from_numpy(whole.transpose(2, 0, 1).copy())):
        result = restorelab.restore(image, net, strength=0)
        assert not np.shares_memory(np.asarray(result), np.asarray(image))
        assert np.array_equal(result, image)


def test_a_transparent_color_of_a_pillow_image_is_refused(net: torch.nn.Module) -> None:
    image = Image.fromarray(photographs.pixels(1))
    image.info["transparency"] = 77
    with pytest.raises(TypeError, match="convert it to LA or RGBA"):
        restorelab.restore(image, net, sigma=25)
    assert restorelab.restore(image.convert("LA"), net, sigma=25).mode == "LA"


def test_hidden_colors_do_not_change_the_noise_that_is_estimated(net: torch.nn.Module) -> None:
    generator = np.random.default_rng(0)
    image = np.full((80, 160, 4), 255, np.uint8)
    image[..., :3] = np.rint(generator.normal(128, 20, (80, 160, 3))).clip(0, 255)
    image[:, 80:, 3] = 0
    found = []
    for color in (0, 128, 255):
        image[:, 80:, :3] = color
        found.append(Restorer(net, Options()).restore(image[..., :3], image[..., 3]))
    visible = 255 * noise_estimate.estimate_color(image[:, :80, :3], 255)
    assert [restored.sigma for restored in found] == pytest.approx([visible] * 3, rel=0.02)
    assert all(np.array_equal(restored.pixels[:, :80], found[0].pixels[:, :80]) for restored in found)
