"""Estimate the device memory of a training on the meta device, before it begins."""

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.optim import Optimizer

from restorelab.config.build import Parts, make
from restorelab.errors import REFUSALS
from restorelab.noise_level import probe
from restorelab.training import checks

AVERAGES = ("EMA", "WeightAveraging", "EMAWeightAveraging")
"""Callbacks that keep a second network: this package's, and Lightning's."""

FLOAT = 4
"""Bytes of a number: mixed precision keeps some tensors in half of it, so that the estimate is the upper bound."""


def needs(built: Parts) -> dict[str, int] | None:
    """Bytes that a training takes at a time, by what for; None where its network cannot be tried on the meta device.

    The sizes are those of a batch of the training, where images have mixed sizes of one about 128 pixels a side. What
    backward allocates besides (workspaces, gradients of activations) is not counted.
    """
    net = built.outline.train()
    weights = sum(tensor.nbytes for tensor in (*net.parameters(), *net.buffers()))
    trained = sum(parameter.nbytes for parameter in net.parameters() if parameter.requires_grad)
    states = state_of(make("optimizer", built.config["optimizer"]))
    bytes_for = {"weights": weights, "gradients": trained, "optimizer": int(states * trained)}
    if any(
        str(node.get("_target_")).rpartition(".")[2] in AVERAGES for node in (built.config["callbacks"] or {}).values()
    ):
        bytes_for["average"] = weights
    clean_size, degraded_size = checks.sizes(built.dataset, built.degradation, net)
    try:
        activations = _activations(built, net, clean_size, degraded_size)
    except (*REFUSALS, NotImplementedError):
        return None
    batch, channels = built.dataset.batch_size, built.dataset.channels
    images = FLOAT * batch * channels * (clean_size[0] * clean_size[1] + degraded_size[0] * degraded_size[1])
    return bytes_for | {
        "activations": activations,
        "batch": 2 * images,
    }  # the next one is made while the last is in use


def state_of(optimizer: Callable[..., Optimizer]) -> float:
    """Numbers that an optimizer keeps for each weight: 2 for Adam; found by a step on a small matrix."""
    weight = nn.Parameter(torch.zeros(16, 16))
    weight.grad = torch.zeros_like(weight)
    built = optimizer([weight])
    built.step(lambda: 0.0)  # LBFGS requires a closure
    state = [value for value in built.state[weight].values() if isinstance(value, Tensor) and value.ndim]
    return sum(value.numel() for value in state) / weight.numel()


def _activations(built: Parts, net: nn.Module, clean_size: tuple[int, int], degraded_size: tuple[int, int]) -> int:
    """Bytes that forward keeps for backward: of the network, and of a loss between two images."""
    batch, channels = built.dataset.batch_size, built.dataset.channels
    with saved([*net.parameters(), *net.buffers()]) as tensors:
        output = probe(net, torch.empty(batch, channels, *degraded_size, device="meta"))
        loss: Any = getattr(built.objective, "loss", None)
        if isinstance(loss, nn.Module):
            loss = copy.deepcopy(loss).to("meta")
            loss(output, torch.empty(batch, channels, *clean_size, device="meta"))
    return sum(tensor.untyped_storage().nbytes() for tensor in tensors.values())


@contextmanager
def saved(beside: Iterable[Tensor]) -> Iterator[dict[int, Tensor]]:
    """Collect what autograd saves inside the block: a tensor for each storage, but for those of `beside`."""
    tensors: dict[int, Tensor] = {}
    # Private: of a storage on the meta device `_cdata` is all that tells it from others; its `data_ptr` is 0.
    known = {tensor.untyped_storage()._cdata for tensor in beside}

    def pack(tensor: Tensor) -> Tensor:
        if (storage := tensor.untyped_storage()._cdata) not in known:
            tensors[storage] = tensor  # and so keeps the storage, whose address is then its own
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        yield tensors
