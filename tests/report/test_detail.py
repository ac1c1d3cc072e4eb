"""Where an image has the most detail."""

import numpy as np
import torch

from restorelab.report.detail import busiest, cut, detail


def test_the_box_with_the_most_weight_is_that_of_a_search_by_hand() -> None:
    weight = np.random.default_rng(0).random((13, 17)) ** 4
    sums = {(x, y): weight[y : y + 4, x : x + 6].sum() for x in range(12) for y in range(10)}
    assert busiest(weight, 6, 4)[:2] == max(sums, key=sums.__getitem__)
    stepped = {place: value for place, value in sums.items() if not (place[0] % 2 or place[1] % 2)}
    assert busiest(weight, 6, 4, step=2) == (*max(stepped, key=stepped.__getitem__), 6, 4)
    inner = {(x, y): value for (x, y), value in sums.items() if 2 <= x < 10 and 2 <= y < 8}
    assert busiest(weight, 6, 4, margin=2)[:2] == max(inner, key=inner.__getitem__)


def test_a_box_is_no_larger_than_the_image_and_a_bad_pixel_counts_nothing() -> None:
    weight = np.ones((5, 7))
    weight[0, 0] = np.nan
    assert busiest(weight, 100, 3) == (0, 1, 7, 3)


def test_detail_is_the_steps_to_the_neighbors() -> None:
    image = torch.zeros(2, 3, 3)
    image[:, 1, 1] = 0.5
    assert detail(image).tolist() == [[0, 0.5, 0], [0.5, 1.0, 0], [0, 0, 0]]


def test_a_smaller_image_is_cut_at_the_same_place() -> None:
    image = torch.arange(24.0).view(1, 4, 6)
    assert torch.equal(cut(image, (2, 1, 3, 2)), image[:, 1:3, 2:5])
    assert torch.equal(cut(image, (4, 2, 6, 4), scale=2), image[:, 1:3, 2:5])
