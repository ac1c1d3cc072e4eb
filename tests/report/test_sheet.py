"""The sheet of pictures: sizes are whole multiples of an image's pixels, and words are broken into lines."""

import numpy as np
import pytest
import torch
from matplotlib.transforms import Bbox

from restorelab.report import sheet
from restorelab.report.pixels import rendered
from restorelab.report.sheet import SheetPicture, wrapped


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
    large = sheet.enlarged(SheetPicture(values, 4, 9))
    assert large.shape == (4, 9, 3)
    assert np.array_equal(large[..., 1], values.repeat(2, 0).repeat(3, 1))


def test_a_smaller_image_fills_the_place_with_larger_pixels() -> None:
    picture = sheet.shown(torch.rand(1, 12, 8), (24, 16), 3, 192, "a note")
    assert (picture.height, picture.width, picture.pixels.shape, picture.note) == (72, 48, (12, 8), "a note")


def test_pictures_stand_in_their_rows_and_columns() -> None:
    colors = [[(200, 0, 0), (0, 200, 0)], [(0, 0, 200), (90, 90, 0)]]
    rows = [[SheetPicture(np.full((1, 1, 3), color, np.uint8), 40, 40) for color in row] for row in colors]
    array = rendered(sheet.sheet(rows, [("left", "soft"), ("right", "")], labels=["up", "down"], title="title"))
    places = {}
    for row in range(2):
        for column in range(2):
            y, x = np.nonzero((array == colors[row][column]).all(axis=-1))
            assert len(y) == 40 * 40
            places[row, column] = y.min(), x.min()
    assert places[0, 0][0] == places[0, 1][0] < places[1, 0][0] == places[1, 1][0]
    assert places[0, 0][1] == places[1, 0][1] < places[0, 1][1] == places[1, 1][1]


def test_words_on_a_sheet_do_not_run_into_each_other() -> None:
    gray = np.full((8, 8), 128, np.uint8)
    picture = SheetPicture(gray, 64, 64, "mean, channels 29, 36, 37, 38, 42, 50")
    names = [("method_one_with_a_long_name", ""), ("unbreakablename", ""), ("clean", "")]
    figure = sheet.sheet([[picture] * 3] * 2, names, labels=["gaussian_50:\nsome_network", "impulse_30"], title="title")
    width, height = (figure.get_size_inches() * figure.dpi).tolist()
    rendered(figure)
    boxes = [text.get_window_extent() for text in figure.texts if text.get_text()]
    assert all(b.x0 >= 0 and b.y0 >= 0 and b.x1 <= width and b.y1 <= height for b in boxes)
    places = [Bbox.from_extents(x0, y0, x1, y1) for x0, x1, y0, y1 in (image.get_extent() for image in figure.images)]
    for number, box in enumerate(boxes):
        others = boxes[number + 1 :] + places
        assert not any(
            min(box.x1, o.x1) - max(box.x0, o.x0) > 0.5 and min(box.y1, o.y1) - max(box.y0, o.y0) > 0.5 for o in others
        ), figure.texts[number].get_text()


def test_lines_break_where_words_end() -> None:
    assert wrapped("dual_ae_skip_sep", 12) == ["dual_ae_", "skip_sep"]
    assert wrapped("one two\nthree", 20) == ["one two", "three"]
    assert wrapped("", 5) == [""]
    assert "".join(wrapped("a_b c-d/e", 1)).replace(" ", "") == "a_bc-d/e"
