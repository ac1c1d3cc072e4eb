"""Figures and arrays as PNGs: every value as drawn, one channel for gray, fewer colors where that is asked for."""

import io

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image

from restorelab.report.pixels import pixels, rendered, shown_bands
from restorelab.report.png import encoded, palette, png
from restorelab.report.sheet import MARGIN, SheetPicture, sheet


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    assert image.format == "PNG"
    return image


def test_colors_are_kept_and_gray_has_one_channel() -> None:
    array = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    assert np.array_equal(np.asarray(opened(encoded(array))), array)
    gray = opened(encoded(np.repeat(array[..., :1], 3, axis=-1), optimize=True))
    assert gray.mode == "L"
    assert np.array_equal(np.asarray(gray), array[..., 0])


def test_a_figure_has_its_own_size() -> None:
    figure = Figure(figsize=(3, 2), dpi=50, facecolor=(1, 0, 0))
    image = opened(png(figure))
    assert image.size == (150, 100)
    assert np.array_equal(np.asarray(image), rendered(figure))
    assert np.asarray(image)[0, 0].tolist() == [255, 0, 0]


def test_a_palette_is_smaller_and_alike() -> None:
    y, x = np.mgrid[:64, :64]
    noise = np.random.default_rng(0).integers(0, 4, (64, 64, 3))
    array = (np.stack([3 * y, 3 * x, x + y], axis=-1) + noise).astype(np.uint8)
    content = encoded(array)
    fewer = palette(content)
    assert len(fewer) < len(content)
    difference = np.asarray(opened(fewer).convert("RGB")).astype(int) - array
    assert np.abs(difference).mean() < 8  # 256 colors of a plane: 16 steps each way
    gray = encoded(np.repeat(array[..., :1], 3, axis=-1))
    assert palette(gray) == gray


def test_an_image_is_clamped_and_rounded() -> None:
    image = torch.tensor([[[-1.0, 0.0, 0.5 / 255, 0.6 / 255, 1.0, 7.0]]])
    assert pixels(image).tolist() == [[0, 0, 0, 1, 255, 255]]
    assert pixels(torch.rand(3, 4, 5)).shape == (4, 5, 3)


def test_of_many_bands_the_first_three_are_shown_and_named() -> None:
    bands = torch.rand(5, 4, 4)
    assert np.array_equal(pixels(bands), pixels(bands[:3]))
    assert np.array_equal(pixels(bands[:2]), pixels(bands[:1]))
    assert [shown_bands(count) for count in (1, 2, 3, 5)] == [
        "", "band 1 of 2", "", "bands 1 to 3 of 5 as red, green and blue",
    ]  # fmt: skip


def test_a_png_keeps_every_value_and_a_palette_is_smaller() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    gray = Image.open(io.BytesIO(png(sheet([[SheetPicture(ramp, 160, 160)]]))))
    assert gray.mode == "L"
    assert set(np.asarray(gray).ravel().tolist()) >= set(range(256))
    noise = np.random.default_rng(0).integers(0, 256, (160, 160, 3)).astype(np.uint8)
    content = png(sheet([[SheetPicture(noise, 160, 160)]]))
    colored = Image.open(io.BytesIO(content))
    assert colored.mode == "RGB"
    assert np.array_equal(np.asarray(colored)[MARGIN : MARGIN + 160, MARGIN : MARGIN + 160], noise)
    small = palette(content)
    assert Image.open(io.BytesIO(small)).mode == "P"
    assert len(small) < len(content) / 2
