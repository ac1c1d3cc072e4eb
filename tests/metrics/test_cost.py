"""Parameters and multiply-accumulates, against counts by hand."""

import torch
from torch import nn

from restorelab.metrics import cost
from restorelab.models.dual_ae import DualAE
from restorelab.models.median import Median


def meta(make: type[nn.Module], **values: object) -> nn.Module:
    with torch.device("meta"):
        return make(**values)


def test_macs_of_a_convolution_and_a_linear_layer_by_hand():
    with torch.device("meta"):
        net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16 * 16, 10))
    assert cost.macs(net, (3, 16, 16)) == 16 * 16 * 8 * 3 * 9 + 8 * 16 * 16 * 10
    assert cost.parameters(net) == 3 * 8 * 9 + 8 + 8 * 16 * 16 * 10 + 10


def test_macs_of_the_dual_autoencoder_layer_by_layer():
    own = [98**2 * 9 * 50, 48**2 * 450 * 35, 23**2 * 315 * 25, 23**2 * 225 * 25, 47**2 * 225 * 25, 95**2 * 900]
    own += [98**2 * 9 * 25, 96**2 * 225 * 25, 47**2 * 225 * 50, 47**2 * 450 * 50, 95**2 * 450 * 25, 97**2 * 16 * 25]
    assert cost.macs(meta(DualAE), (1, 100, 100)) == sum(own)


def test_frozen_weights_are_no_parameters_and_training_mode_is_kept():
    net = meta(DualAE)
    for weight in net.conv1.parameters():
        weight.requires_grad_(False)
    assert cost.parameters(net) == 87_812 - 500
    cost.macs(net.train(), (1, 100, 100))
    assert net.training


def test_what_cannot_be_counted_is_none():
    assert cost.macs(meta(DualAE), (1, 101, 100)) is None  # a size that it does not take
    assert cost.macs(meta(Median), (1, 32, 32)) is None  # no product in it
