"""Pixel losses against torch.nn and closed forms."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from restorelab.errors import ConfigError
from restorelab.losses.bce import BCE
from restorelab.losses.charbonnier import Charbonnier
from restorelab.losses.huber import Huber
from restorelab.losses.l1 import L1
from restorelab.losses.mse import MSE
from restorelab.losses.sum import Sum

MAKERS = [MSE, L1, Huber, Charbonnier, BCE]


@pytest.fixture
def pair():
    torch.manual_seed(0)
    clean = torch.rand(4, 3, 6, 5, dtype=torch.float64)
    return torch.rand_like(clean), clean


@pytest.mark.parametrize(
    ("loss", "oracle"),
    [
        (MSE(), nn.MSELoss()),
        (L1(), nn.L1Loss()),
        (Huber(), nn.SmoothL1Loss()),
        (Huber(0.05), lambda x, y: 0.05 * nn.SmoothL1Loss(beta=0.05)(x, y)),
        (Charbonnier(1e-9), nn.L1Loss()),
        (Charbonnier(0.3), lambda x, y: torch.hypot(x - y, torch.tensor(0.3, dtype=x.dtype)).mean()),
        (BCE(), nn.BCELoss()),
    ],
)
def test_against_torch(loss, oracle, pair):
    restored, clean = pair[0].requires_grad_(), pair[1]
    torch.testing.assert_close(loss(restored, clean), oracle(restored, clean))
    gradients = [torch.autograd.grad(f(restored, clean), restored)[0] for f in (loss, oracle)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("make", MAKERS)
def test_image_sum(make, pair):
    """Pixels summed, images averaged: written out image by image."""
    restored, clean = pair
    mean = make()
    images = [mean(x[None], y[None]) * (3 * 6 * 5) for x, y in zip(restored, clean, strict=True)]
    torch.testing.assert_close(make(reduction="image_sum")(restored, clean), torch.stack(images).mean())


@pytest.mark.parametrize("make", MAKERS)
def test_unknown_reduction(make):
    with pytest.raises(ConfigError, match=r"loss.reduction='sum'. .*Allowed: image_sum, mean"):
        make(reduction="sum")


@pytest.mark.parametrize(
    ("make", "named"),
    [(lambda: Huber(0), "loss.delta=0"), (lambda: Charbonnier(0), "loss.eps=0"), (lambda: BCE(0.5), "loss.eps=0.5")],
)
def test_bad_values(make, named):
    with pytest.raises(ConfigError, match=named):
        make()


def test_bce_clamps_as_keras():
    """A ReLU's output: at most -log(1e-7) = 16.118 a pixel, and no gradient outside the clamp."""
    restored = torch.tensor([0.0, 0.0, 1.7, 1.7, 0.4], dtype=torch.float64, requires_grad=True)
    clean = torch.tensor([0.0, 1.0, 0.0, 1.0, 1.0], dtype=torch.float64)
    loss = BCE()(restored.view(1, 1, 1, 5), clean.view(1, 1, 1, 5))
    high, low = 16.11809565, 1e-7
    torch.testing.assert_close(loss.item(), (low + high + high + low + 0.91629073) / 5)
    (gradient,) = torch.autograd.grad(loss, restored)
    torch.testing.assert_close(gradient, torch.tensor([0, 0, 0, 0, -1 / 0.4 / 5], dtype=torch.float64))


def test_bce_least_value_is_the_entropy():
    clean = torch.full((1, 1, 4, 4), 0.3)
    assert BCE()(clean, clean).item() == pytest.approx(0.61086430, rel=1e-6)


def test_bce_lets_a_broken_output_be_seen():
    """`F.binary_cross_entropy` raises here, and on a GPU ends the process."""
    restored = torch.tensor([0.5, float("nan")]).view(1, 1, 1, 2).requires_grad_()
    assert BCE()(restored, torch.zeros(1, 1, 1, 2)).isnan()
    with pytest.raises(RuntimeError):
        F.binary_cross_entropy(restored, torch.zeros(1, 1, 1, 2))


def test_sum(pair):
    loss = Sum({"mse": MSE(), "l1": L1()}, {"l1": 0.25, "mse": 2})
    torch.testing.assert_close(loss(*pair), 2 * F.mse_loss(*pair) + 0.25 * F.l1_loss(*pair))


def test_sum_wants_each_name_twice():
    with pytest.raises(ConfigError, match=r"loss.weights.l2 has no loss .* Did you mean 'l1'"):
        Sum({"l1": L1()}, {"l1": 1, "l2": 1})
    with pytest.raises(ConfigError, match=r"loss.losses.mse has no weight"):
        Sum({"l1": L1(), "mse": MSE()}, {"l1": 1})
    with pytest.raises(ConfigError, match="empty"):
        Sum({}, {})
