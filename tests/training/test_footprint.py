"""The memory that a training takes, estimated before it begins."""

from functools import partial

import pytest
import torch
from torch import nn

import runs
from restorelab.config import build
from restorelab.training import footprint

BATCH, SIDE = 32, 64
PIXELS = BATCH * SIDE * SIDE


@pytest.mark.parametrize(("optimizer", "states"), [
    (torch.optim.SGD, 0), (partial(torch.optim.SGD, momentum=0.9), 1), (torch.optim.Adam, 2),
    (partial(torch.optim.AdamW, amsgrad=True), 3), (partial(torch.optim.Adam, fused=True), 2),
])  # fmt: skip
def test_an_optimizers_state_is_counted(optimizer: object, states: int) -> None:
    assert footprint.state_of(partial(optimizer, lr=0.1)) == states


def test_what_forward_keeps_is_what_it_keeps_on_a_real_device() -> None:
    found = []
    for device in ("meta", "cpu"):
        here = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 2, 3, padding=1), nn.Sigmoid())
        here.to(device)
        with footprint.saved(here.parameters()) as kept:
            here(torch.zeros(2, 1, 10, 10, device=device))
        found.append(sum(tensor.untyped_storage().nbytes() for tensor in kept.values()))
    # the input, what the ReLU gives (which the convolution behind it keeps, too), and what the sigmoid gives
    assert found == [4 * 2 * 100 * (1 + 8 + 2)] * 2


def test_the_sum_of_a_run() -> None:
    """DnCNN of three layers: 1 to 4, 4 to 4 with batch normalization, 4 to 1; the loss keeps its two images."""
    overrides = ["model=dncnn", "model.depth=3", "model.features=4", "loss=mse", "optimizer=adam"]
    found = footprint.needs(build.parts(runs.composed(overrides)))
    net = build.parts(runs.composed(overrides)).net()
    trained = 4 * sum(p.numel() for p in net.parameters())
    assert found["gradients"] == trained
    assert found["optimizer"] == 2 * trained
    assert found["weights"] >= trained
    assert "average" not in found
    assert found["batch"] == 2 * 2 * 4 * PIXELS
    maps = 1 + 4 + 4 + 4  # of the input, of the first layer, and of the second before and behind its normalization
    assert 4 * PIXELS * maps <= found["activations"] <= 4 * PIXELS * (maps + 3)
    averaged = footprint.needs(build.parts(runs.composed([*overrides, "callbacks=ema"])))
    assert averaged["average"] == averaged["weights"] == found["weights"]


def test_a_network_that_cannot_be_tried_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    built = build.parts(runs.composed(["model=dncnn", "model.depth=3"]))
    monkeypatch.setattr(type(built.net()), "forward", lambda self, x: x.nonzero().item())
    assert footprint.needs(built) is None
