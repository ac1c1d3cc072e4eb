"""Check that a network and its batches fit into the available memory, before either is created."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from restorelab.data import memory
from restorelab.errors import ConfigError

MOST_TENSORS = 6_000
"""The most weight tensors of a network; ResNet-1202 has 3,600."""

FLOAT = 4
"""Bytes of a number."""


def at_hand(device: torch.device) -> int:
    """Return the memory of a GPU in bytes, or what this process may still allocate of the machine's memory."""
    return torch.cuda.mem_get_info(device)[1] if device.type == "cuda" else memory.available()


@contextmanager
def bounded(device: torch.device) -> Iterator[None]:
    """Stop the construction of a network, on the meta device, once its weights are more than a device can hold.

    Raises:
        ConfigError: out of the constructor of the layer that is too much.
    """
    most, tensors, taken = at_hand(device), 0, 0

    def count(module: nn.Module, name: str, parameter: Any) -> None:
        nonlocal tensors, taken
        tensors += 1
        taken += 0 if parameter is None else parameter.numel() * parameter.element_size()
        if taken > most:
            msg = f"its weights take more than {_size(taken)}, and {_size(most)} are at hand. Make it smaller."
            raise ConfigError(msg)
        if tensors > MOST_TENSORS:
            msg = f"it has more than {MOST_TENSORS:,} tensors of weights. Lower its depth."
            raise ConfigError(msg)

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()


def check_batch(key: str, images: int, shape: tuple[int, int, int], device: torch.device) -> None:
    """Raise ConfigError where a batch of degraded and clean images, (C, H, W), is more than a device can hold."""
    needed, most = 2 * images * shape[0] * shape[1] * shape[2] * FLOAT, at_hand(device)
    if needed > most:
        count = f"{images:,} images" if images > 1 else "one image"
        msg = f"{key}: {count} of {'x'.join(map(str, shape))} take {_size(needed)}, and {_size(most)} are at hand. "
        raise ConfigError(msg + f"Lower {' or '.join(dict.fromkeys((key, 'data.size', 'data.crop')))}.")


def _size(count: int) -> str:
    return f"{count / 2**30:,.1f} GiB"
