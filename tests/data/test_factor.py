"""Factors of pairs, and what is cut off."""

import numpy as np
import pytest

from restorelab.data.factor import cut, factor_of


@pytest.mark.parametrize(("clean", "degraded", "factor"), [
    ((40, 60), (40, 60), 1), ((40, 60), (20, 30), 2), ((481, 321), (240, 160), 2), ((481, 321), (160, 107), 3),
    ((482, 322), (120, 80), 4), ((40, 60), (41, 60), None), ((40, 60), (39, 60), None), ((40, 60), (20, 20), None),
    ((40, 60), (80, 120), None), ((41, 60), (20, 29), None),
])  # fmt: skip
def test_factor(clean: tuple[int, int], degraded: tuple[int, int], factor: int | None):
    assert factor_of(clean, degraded) == factor


@pytest.mark.parametrize(("degraded", "multiple", "sides"), [
    (None, 1, (47, 31)), (None, 8, (40, 24)), ((47, 31), 8, (40, 24)), ((23, 15), 1, (46, 30)), ((23, 15), 4, (44, 28)),
    ((15, 10), 2, (42, 30)), ((40, 31), 8, (47, 31)),
])  # fmt: skip
def test_both_images_are_cut_at_the_bottom_and_the_right(degraded, multiple: int, sides: tuple[int, int]):
    clean = np.arange(47 * 31).reshape(1, 47, 31)
    pair = None if degraded is None else np.arange(degraded[0] * degraded[1]).reshape(1, *degraded)
    whole, part = cut(clean, pair, multiple)
    assert np.array_equal(whole, clean[:, : sides[0], : sides[1]])
    if pair is None:
        assert part is None
    elif sides == (47, 31):
        assert part is pair or part.shape == pair.shape
    else:
        factor = 47 // degraded[0]
        assert np.array_equal(part, pair[:, : sides[0] // factor, : sides[1] // factor])
