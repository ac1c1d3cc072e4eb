"""Panels of a run: which images and parts are shown, what the colors of an error say, and that no name is cut off."""

import matplotlib
import numpy as np
import pytest
import torch
from torch import Tensor

from restorelab.metrics.protocol import Protocol
from restorelab.report import detail, panels, sheet
from restorelab.report.panels import RANGES, PanelRow, colors, panel, reach
from restorelab.report.pixels import rendered


def stripes(side: int = 32, step: float = 0.5, period: int = 4) -> Tensor:
    """(1, side, side): bars of two values that are `step` apart."""
    bars = (torch.arange(side) // (period // 2) % 2) * step
    return bars.expand(1, side, side).clone()


def test_contrast_is_the_standard_deviation_within_blocks() -> None:
    assert detail.contrast(torch.full((3, 40, 40), 0.3)) == 0
    # half of each block lies 0.25 above its mean, half below
    assert detail.contrast(stripes()) == pytest.approx(0.25, abs=1e-7)
    ramp = torch.linspace(0, 1, 64).expand(1, 64, 64)  # a smooth sky changes little within a block
    assert detail.contrast(ramp) < 0.05
    assert detail.contrast(torch.rand(1, 3, 3)) > 0  # smaller than a block


def test_of_each_stretch_the_image_with_the_most_detail_is_shown() -> None:
    images = [torch.full((1, 16, 16), 0.5) for _ in range(12)]
    for place, step in ((2, 0.3), (3, 0.2), (7, 0.1), (11, 0.4)):
        images[place] = stripes(16, step)
    asked: list[int] = []

    def clean(place: int) -> Tensor:
        asked.append(place)
        return images[place]

    assert detail.places(12, clean, 3) == [2, 7, 11]
    assert set(asked) == set(range(12))
    assert detail.places(2, clean, 4) == [0, 1]
    assert detail.places(0, clean, 4) == []


def test_of_a_large_set_few_images_are_read() -> None:
    asked: list[int] = []

    def clean(place: int) -> Tensor:
        asked.append(place)
        return torch.zeros(1, 8, 8)

    found = detail.places(100_000, clean, 4)
    assert [place // 25_000 for place in found] == [0, 1, 2, 3]
    assert len(asked) <= 4 * detail.LOOKED_AT + 1


def test_colors_run_from_dark_to_bright_and_end_at_the_range() -> None:
    shades = colors(np.linspace(0, 1, 64)[None])[0].astype(float) @ [0.299, 0.587, 0.114]
    assert (np.diff(shades) >= -0.5).all()
    assert shades[0] < 5
    assert shades[-1] > 200
    assert np.array_equal(colors(np.array([[1.0, 7.0, np.nan]]))[0, 0], colors(np.array([[7.0]]))[0, 0])
    assert panels.COLORS in matplotlib.colormaps


@pytest.mark.parametrize(("error", "end"), [(0.0, 0.01), (0.196, 0.2), (0.2, 0.2), (0.21, 0.5), (3.0, 1.0)])
def test_the_range_is_a_round_number_above_the_inputs_error(error: float, end: float) -> None:
    assert reach(error) == end
    assert end in RANGES


def test_the_error_is_drawn_in_the_colors_of_the_bar_and_the_bar_says_its_range() -> None:
    clean = stripes(sheet.CELL // 3, 0.4)
    degraded = clean + 0.1  # root mean squared error 0.1: the range is 0 to 0.1
    restored = clean + 0.05
    figure = panel([PanelRow("a/name", degraded, restored, clean)], Protocol(), "run: evaluation")
    words = [text.get_text() for text in figure.texts]
    assert {"0", "0.05", "0.1 or more", "absolute error", "mean error 0.0500"} <= set(words)
    array = rendered(figure)
    middle = colors(np.array([[0.5]]))[0, 0]
    drawn = (array == middle).all(axis=-1)
    assert drawn.sum() >= sheet.CELL**2  # the whole picture has the color of half the range


def test_of_a_large_image_the_part_with_detail_is_shown_and_named() -> None:
    clean = torch.full((1, 300, 400), 0.2)
    clean[:, 180:240, 300:380] = stripes(80)[:, :60]
    figure = panel([PanelRow("large", clean, clean, clean)], Protocol(), "run")
    assert "large\n192x192 of its 400x300 pixels" in [text.get_text() for text in figure.texts]
    shown = figure.images[2].get_array()
    assert shown.shape[:2] == (sheet.CELL, sheet.CELL)
    assert len(np.unique(np.asarray(shown))) > 1


def test_names_are_broken_into_lines_and_never_cut() -> None:
    name = "a_folder/with/IMG20231204111111111111111111111111111111111111111111111.jpeg"
    clean = stripes()
    figure = panel([PanelRow(name, clean, clean, clean)], Protocol(), "run_" * 40)
    words = [text.get_text() for text in figure.texts]
    assert name in [word.replace("\n", "") for word in words]
    assert "run_" * 40 in [word.replace("\n", "") for word in words]
    wide = figure.get_figwidth() * sheet.DPI
    rendered(figure)
    for text in figure.texts:
        box = text.get_window_extent()
        assert -1 <= box.x0 <= box.x1 <= wide + 1, text.get_text()
