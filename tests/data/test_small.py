"""Images that are too small: padded, left out, or named."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from restorelab.data.pairing import Division
from restorelab.data.small_images import leave_out, reflected, refuse, window
from restorelab.errors import DataError


def division(**rows: list[int]) -> Division:
    return Division({part: np.array(rows.get(part, []), np.int64) for part in ("train", "val", "test")})


def sized(*sizes: tuple[int, int]) -> SimpleNamespace:
    return SimpleNamespace(ids=[f"{i}.png" for i in range(len(sizes))], shapes=np.array([(1, *size) for size in sizes]))


FOUND = sized((40, 40), (20, 60), (40, 30), (9, 40), (10, 10))
ROWS = division(train=[0, 1], val=[2], test=[3, 4])


@pytest.mark.parametrize(("small", "kept"), [
    ("error", ([0, 1], [2], [3, 4])), ("pad", ([0, 1], [2], [])), ("skip", ([0], [2], [])),
])  # fmt: skip
def test_what_is_left_out_is_said_with_its_number(small, kept):
    rows, said = leave_out(FOUND, ROWS, small, (32, 32), 11)
    assert tuple(found.tolist() for found in rows.values()) == kept
    told = {
        "error": [],
        "pad": ["1 image under 32x32, 1.png (20x60), is padded", "2 images under 11x11, 3.png (9x40)"],
        "skip": ["1 image under 32x32, 1.png (20x60), is left out of train", "are left out of test"],
    }[small]
    assert len(said) == len(told)
    assert all(words in sentence for words, sentence in zip(told, said, strict=True))


def test_without_a_crop_no_training_image_is_too_small():
    assert leave_out(FOUND, ROWS, "skip", None, 1) == (ROWS, [])
    refuse(FOUND, ROWS, ["train", "test"], None, 1)


def test_an_image_that_is_shown_under_some_noises_is_left_out_of_all():
    shown = {part: {"a": np.array([0, 1]), "b": np.array([1])} for part in ("train", "val", "test")}
    rows, _ = leave_out(FOUND, Division.of_pairs(shown), "skip", (32, 32), 1)
    assert rows.shown is not None
    assert {name: found.tolist() for name, found in rows.shown["train"].items()} == {"a": [0], "b": []}
    assert rows["train"].tolist() == [0]
    assert rows["test"].tolist() == [0, 1]


def test_only_the_parts_that_are_needed_are_held_against_it():
    refuse(FOUND, ROWS, ["val"], (32, 32), 11)
    with pytest.raises(DataError, match=r"data\.crop=\[32, 32\]: 1 image under 32x32, 1\.png \(20x60\), is smaller"):
        refuse(FOUND, ROWS, ["train"], (32, 32), 11)
    with pytest.raises(DataError, match=r"test: 2 images under 11x11, 3\.png .* data\.small=skip"):
        refuse(FOUND, ROWS, ["test"], (32, 32), 11)


@pytest.mark.parametrize("edge", [False, True])
@pytest.mark.parametrize("length", [2, 4, 7])
def test_reflection_is_numpys(length: int, edge: bool):
    row = np.arange(length)
    expected = np.pad(row, (0, 30), mode="symmetric" if edge else "reflect")
    for given in (length, torch.tensor(length)):
        assert np.array_equal(row[reflected(torch.arange(length + 30), given, edge=edge).numpy()], expected)


def test_a_window_is_cut_from_the_image_or_from_its_continuation():
    image = np.arange(2 * 5 * 8).reshape(2, 5, 8)
    assert np.array_equal(window(image, 1, 2, (3, 4), edge=False), image[:, 1:4, 2:6])
    padded = np.pad(image, ((0, 0), (0, 4), (0, 0)), mode="reflect")
    assert np.array_equal(window(image, 0, 3, (9, 4), edge=False), padded[:, :, 3:7])
