"""Initial weights by the rules of PyTorch, Keras and TensorFlow, which the reports used."""

from typing import Literal

from torch import nn

from restorelab.errors import ConfigError, nearest

Init = Literal["torch", "glorot", "truncated_normal"]
INITS = ("torch", "glorot", "truncated_normal")

STD = 0.05
"""Standard deviation of the truncated normal for networks without a key for it."""


def initialize(net: nn.Module, init: Init, std: float = STD) -> None:
    """Overwrite the initial weights of a network's convolutions and linear layers, in place.

    `torch` keeps PyTorch's default: weights and biases uniform in +-1/sqrt(fan_in). `glorot` is the default of Keras:
    weights uniform in +-sqrt(6 / (fan_in + fan_out)), biases zero. The sum of the two fans is the same for a transposed
    convolution, so PyTorch's order of their axes makes no difference. `truncated_normal` is TensorFlow's: weights
    N(0, std^2), drawn again beyond 2 std, biases zero; only it uses `std`.

    Raises ConfigError for an unknown `init`, and for a truncated normal whose `std` is not positive.
    """
    if init not in INITS:
        raise ConfigError(f"model.init={init!r}. {nearest(init, INITS)}")
    if init == "truncated_normal" and not std > 0:
        raise ConfigError(f"model.std={std}: expected a positive number")
    if init == "torch":
        return
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            if init == "glorot":
                nn.init.xavier_uniform_(module.weight)
            else:
                nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
