"""Initial weights by the rule of the library that a report used."""

from typing import Literal

from torch import nn

from restorelab.errors import ConfigError, nearest

Init = Literal["torch", "glorot"]


def initialize(net: nn.Module, init: Init) -> None:
    """Overwrite the initial weights of a network's convolutions and linear layers, in place.

    `torch` leaves PyTorch's default: weights and biases uniform in +-1/sqrt(fan_in). `glorot` is Keras' default, that
    of the reports written in Keras: weights uniform in +-sqrt(6 / (fan_in + fan_out)), biases zero; the sum of the two
    fans is the same for a convolution and its transpose, so PyTorch's order of their axes makes no difference.
    """
    if init not in ("torch", "glorot"):
        raise ConfigError(f"model.init={init!r}. {nearest(init, ['torch', 'glorot'])}")
    if init == "torch":
        return
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
