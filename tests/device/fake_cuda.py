"""A CUDA device without a GPU: tensors that have a device, a dtype and a shape but no values.

PyTorch's `FakeTensorMode` gives tensors on "cuda" in a build for the CPU: mixing devices raises, and so does whatever
needs a value (`.item()`, `bool(tensor)`, `nonzero`). `Strict` adds what fake tensors let pass: copies between the
devices, each of which makes the host wait for the device.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import torch._dynamo  # FakeTensorMode imports it, which must not happen while torch.Generator is another
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

CUDA = torch.device("cuda", 0)


class HostSyncError(AssertionError):
    """The host would have waited for the device."""


class Strict(TorchDispatchMode):
    """Refuse copies between the host and the device, but for those that do not wait.

    Such a copy goes to the device, is said to be `non_blocking`, and comes from pinned memory, else it waits all the
    same. `copies` counts them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.copies, self._pinned = 0, dict[int, Tensor]()

    def pin(self, tensor: Tensor) -> Tensor:
        """What `Tensor.pin_memory` is here: a copy of which is known that it is pinned."""
        copy = tensor.clone()
        self._pinned[id(copy)] = copy
        return copy

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default):
            source = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)][-1]
            if source.device.type != out.device.type:
                self.copies += 1
                asynchronous = (kwargs or {}).get("non_blocking", False) and id(source) in self._pinned
                if not (asynchronous and out.device.type == "cuda"):
                    raise HostSyncError(f"{func}: a tensor of {tuple(source.shape)}, {source.device} to {out.device}")
        return out


@cache
def _mode() -> FakeTensorMode:
    """One for all, so that a module may be placed again in another block."""
    return FakeTensorMode()


@contextmanager
def fake_cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[Strict]:
    """Let `CUDA` be a device inside the block, and no tensor have values."""
    _pretend_guard()
    generator = torch.Generator
    with monkeypatch.context() as patch, _mode(), Strict() as strict:
        # A CUDA generator needs CUDA's library; a fake tensor draws nothing, so that any generator will do.
        patch.setattr(torch, "Generator", lambda device="cpu": generator())
        patch.setattr(FakeTensorMode, "__deepcopy__", lambda mode, memo: mode, raising=False)  # of a network's copy
        patch.setattr(Tensor, "pin_memory", lambda tensor: strict.pin(tensor))  # noqa: PLW0108 - a function becomes a method
        yield strict


@contextmanager
def autocast(dtype: torch.dtype) -> Iterator[None]:
    """Autocast on CUDA, as a training of mixed precision has it; `torch.autocast` asks whether there is a GPU."""
    before = torch.get_autocast_dtype("cuda")
    torch.set_autocast_cache_enabled(False)  # a fake weight may be gone while the cache still has it
    torch.set_autocast_enabled("cuda", True)
    torch.set_autocast_dtype("cuda", dtype)
    try:
        yield
    finally:
        torch.set_autocast_enabled("cuda", False)
        torch.set_autocast_dtype("cuda", before)
        torch.set_autocast_cache_enabled(True)


def _pretend_guard() -> None:
    """Give CUDA the device guard of the CPU, which does nothing, where the build has none."""
    library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libc10.so"))
    guards = (ctypes.c_void_p * 2).in_dll(library, "_ZN3c104impl26device_guard_impl_registryE")
    guards[1] = guards[1] or guards[0]


def placed(module: torch.nn.Module, device: torch.device = CUDA) -> torch.nn.Module:
    """Give a module parameters and buffers of the same shapes on the fake device, or another."""
    for part in module.modules():
        for name, tensor in part._parameters.items():
            if tensor is not None:
                part._parameters[name] = torch.nn.Parameter(_like(tensor, device), tensor.requires_grad)
        for name, tensor in part._buffers.items():
            if tensor is not None:
                part._buffers[name] = _like(tensor, device)
    return module


def _like(tensor: Tensor, device: torch.device) -> Tensor:
    return torch.empty(tensor.shape, dtype=tensor.dtype, device=device)
