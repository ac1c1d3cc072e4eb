"""Initial weights: their spread, their bounds, their biases."""

import pytest
import torch
from torch import nn

from restorelab.errors import ConfigError
from restorelab.models.initialize import initialize


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 64, 3), nn.ConvTranspose2d(64, 64, 3), nn.BatchNorm2d(64), nn.Linear(64, 512))


@pytest.mark.parametrize("std", [0.02, 0.1])
def test_truncated_normal(std):
    """TensorFlow's: nothing beyond two widths, so that the standard deviation is 0.8796 of one."""
    made = net()
    initialize(made, "truncated_normal", std)
    for layer in (made[1], made[3]):
        n = layer.weight.numel()
        assert layer.weight.abs().max() <= 2 * std
        assert abs(layer.weight.std().item() / (0.8796 * std) - 1) < 5 / (2 * n) ** 0.5
        assert abs(layer.weight.mean().item()) < 5 * 0.88 * std / n**0.5
        assert not layer.bias.any()
    assert bool((made[2].weight == 1).all())  # a normalization is left alone


def test_torch_leaves_the_weights():
    made, other = net(), net()
    initialize(made, "torch", 0.3)
    assert all(torch.equal(a, b) for a, b in zip(made.parameters(), other.parameters(), strict=True))


def test_errors():
    with pytest.raises(ConfigError, match=r"model.init='truncated'. Did you mean 'truncated_normal'"):
        initialize(net(), "truncated")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"model.std=0"):
        initialize(net(), "truncated_normal", 0)
