"""The recipe's network: its cost, what it leaves alone, what it refills."""

import pytest
import torch

from restorelab.metrics import cost
from restorelab.models.selective_unet import RADII, SelectiveUNet, binomial, refill

WINDOWS = [binomial(2 * radius) for radius in RADII]


def test_costs_no_more_than_the_reports_best_network():
    with torch.device("meta"):
        net = SelectiveUNet()
    assert cost.parameters(net) == 86_579  # of 91,488
    macs = cost.macs(net, (1, 100, 100))
    assert macs == 228_921_968
    assert macs <= 317_254_375  # dual_ae_skip's


def test_starts_from_the_refilled_image():
    image = torch.rand(2, 3, 16, 16) * 0.8 + 0.1
    assert torch.equal(SelectiveUNet(3)(image), image)  # nothing marked: the image itself
    struck = image.clone()
    struck[:, :, 4, 7] = 1
    struck[:, :, 9, 2] = 0
    restored = SelectiveUNet(3)(struck)
    marked = (struck == 0) | (struck == 1)
    assert torch.equal(restored[~marked], struck[~marked])
    assert (restored[marked] - image[marked]).abs().max() < 0.9 * (struck[marked] - image[marked]).abs().max()


def test_refill_is_the_weighted_mean_of_unmarked_neighbors():
    image = torch.tensor([[0.2, 0.4, 0.6], [0.8, 1.0, 0.1], [0.3, 0.5, 0.7]])[None, None]
    marked = (image == 1).float()
    weights = torch.tensor([[1.0, 2, 1], [2, 0, 2], [1, 2, 1]])
    expected = (image[0, 0] * weights).sum() / weights.sum()
    assert refill(image, marked, WINDOWS)[0, 0, 1, 1].item() == pytest.approx(expected.item())


def test_refill_widens_where_all_neighbors_are_marked():
    image = torch.full((1, 1, 21, 21), 0.3)
    marked = torch.zeros_like(image)
    marked[..., 8:13, 8:13] = 1  # no unmarked pixel within two of the center
    assert refill(image, marked, WINDOWS)[0, 0, 10, 10].item() == pytest.approx(0.3, abs=1e-5)
    assert torch.equal(refill(image, torch.ones_like(image), WINDOWS), torch.full_like(image, 0.5))


def test_a_wrong_size_is_refused():
    with pytest.raises(ValueError, match="multiples of 4"):
        SelectiveUNet()(torch.rand(1, 1, 18, 16))
