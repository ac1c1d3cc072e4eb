"""The sheet of pictures: sizes are whole multiples of an image's pixels, and words are broken into lines."""

import numpy as np
import pytest
import torch

from restorelab.report import sheet
from restorelab.report.pixels import rendered
from restorelab.report.sheet import Picture


@pytest.mark.parametrize(("size", "zoom"), [((28, 28), 7), ((96, 96), 2), ((192, 10), 1), ((500, 400), 1)])
def test_an_image_is_enlarged_by_a_whole_number(size: tuple[int, int], zoom: int) -> None:
    assert sheet.times(*size) == zoom


@pytest.mark.parametrize(
    ("text", "letters", "lines"),
    [
        ("short", 11, ["short"]),
        ("one_long_name", 9, ["one_long_", "name"]),
        ("a/b/c words here", 8, ["a/b/c", "words", "here"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("two\nlines", 11, ["two", "lines"]),
        ("", 5, [""]),
    ],
)
def test_words_are_broken_behind_their_parts(text: str, letters: int, lines: list[str]) -> None:
    assert sheet.wrapped(text, letters) == lines


def test_each_pixel_is_drawn_as_large_as_the_picture_says() -> None:
    values = np.arange(6, dtype=np.uint8).reshape(2, 3) * 50
    large = sheet.enlarged(Picture(values, 4, 9))
    assert large.shape == (4, 9, 3)
    assert np.array_equal(large[..., 1], values.repeat(2, 0).repeat(3, 1))


def test_a_smaller_image_fills_the_place_with_larger_pixels() -> None:
    picture = sheet.shown(torch.rand(1, 12, 8), (24, 16), 3, 192, "a note")
    assert (picture.height, picture.width, picture.pixels.shape, picture.note) == (72, 48, (12, 8), "a note")


def test_pictures_stand_in_their_rows_and_columns() -> None:
    colours = [[(200, 0, 0), (0, 200, 0)], [(0, 0, 200), (90, 90, 0)]]
    rows = [[Picture(np.full((1, 1, 3), colour, np.uint8), 40, 40) for colour in row] for row in colours]
    array = rendered(sheet.sheet(rows, [("left", "soft"), ("right", "")], labels=["up", "down"], title="title"))
    places = {}
    for row in range(2):
        for column in range(2):
            y, x = np.nonzero((array == colours[row][column]).all(axis=-1))
            assert len(y) == 40 * 40
            places[row, column] = y.min(), x.min()
    assert places[0, 0][0] == places[0, 1][0] < places[1, 0][0] == places[1, 1][0]
    assert places[0, 0][1] == places[1, 0][1] < places[0, 1][1] == places[1, 1][1]
