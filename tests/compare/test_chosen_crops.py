"""Which images and which parts of them a comparison shows."""

import numpy as np
import pytest

from restorelab.compare.crops import SIDES, choose, side
from restorelab.report import detail


def test_the_images_are_those_that_differ_and_the_ends_and_the_middle() -> None:
    #               0     1     2     3     4     5     6
    psnr = np.array([[20.0, 30.0, 25.0, 24.0, 26.0, 28.0, 22.0], [20.5, 30.5, 25.5, 29.0, 26.5, 28.5, 22.5]])
    found = choose(psnr, np.full(7, 15.0), 4)
    assert [place for place, _ in found] == [3, 4, 0, 1]
    assert found[0][1] == "Most different: 24.0 to 29.0 dB, input 15.0 dB"
    assert [why.partition(":")[0] for _, why in found] == ["Most different", "Median", "Hardest", "Easiest"]
    assert [place for place, _ in choose(psnr, np.full(7, 15.0), 1)] == [3]
    every = choose(psnr, np.full(7, 15.0), 50)
    assert len(every) == len({why.partition(":")[0] for _, why in every}) == 7
    assert every[4][1].startswith("Most different, no. 4: ")


def test_an_image_that_is_several_things_says_so() -> None:
    found = choose(np.array([[20.0, 30.0, 25.0], [21.0, 36.0, 25.5]]), np.full(3, 15.0), 3)
    assert [(place, why.partition(":")[0]) for place, why in found] == [
        (1, "Most different, easiest"), (2, "Median"), (0, "Hardest"),
    ]  # fmt: skip


def test_a_run_that_does_not_improve_the_input_does_not_choose_the_images() -> None:
    psnr = np.array([[20.0, 21.0, 22.0], [20.0, 24.0, 22.0], [5.0, 9.0, 1.0]])  # the last one is black
    assert choose(psnr, np.full(3, 15.0), 1)[0][0] == 1


def test_one_run_shows_where_it_gains_most() -> None:
    found = choose(np.array([[20.0, 21.0, 22.0]]), np.array([10.0, 19.0, 20.0]), 1)
    assert found == [(0, "Largest gain, hardest: 20.0 dB, input 10.0 dB")]


@pytest.mark.parametrize("step", [1, 4])
@pytest.mark.parametrize("margin", [0, 8])
def test_the_box_lies_where_the_weight_is(step: int, margin: int) -> None:
    weight = np.random.default_rng(step + margin).random((40, 52)) ** 4
    x, y, wide, high = detail.busiest(weight, 16, 12, step, margin)
    assert (wide, high) == (16, 12)
    sums = {(a, b): weight[b : b + 12, a : a + 16].sum()
            for a in range(0, 37, step) for b in range(0, 29, step)
            if margin <= a < 37 - margin and margin <= b < 29 - margin}  # fmt: skip
    assert (x, y) == max(sums, key=lambda place: sums[place])


def test_a_box_is_no_larger_than_the_image() -> None:
    assert detail.busiest(np.ones((9, 7)), 64, 64) == (0, 0, 7, 9)
    assert detail.busiest(np.ones((9, 7)), 64, 64, step=2, margin=24) == (0, 0, 6, 8)
    assert detail.busiest(np.full((9, 7), np.nan), 4, 4)[2:] == (4, 4)


def test_the_more_pictures_the_smaller_they_are() -> None:
    assert side(1) == SIDES[1]
    assert side(10**6) == SIDES[0]
    sides = [side(count) for count in (50, 100, 416, 800)]
    assert sides == sorted(sides, reverse=True)
    assert all(size % 8 == 0 for size in sides)
