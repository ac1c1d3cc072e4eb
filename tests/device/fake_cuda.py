"""A CUDA device without a GPU: tensors that have a device, a dtype and a shape but no values.

PyTorch's `FakeTensorMode` gives tensors on "cuda" in a build for the CPU: mixing devices raises, and so does whatever
needs a value (`.item()`, `bool(tensor)`, `nonzero`). `Strict` adds what fake tensors let pass: copies between the
devices, each of which makes the host wait for the device.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

CUDA = torch.device("cuda", 0)


class HostSyncError(AssertionError):
    """The host would have waited for the device."""


class Strict(TorchDispatchMode):
    """Refuse copies between the host and the device, but for those that do not wait (`non_blocking`)."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default):
            source = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)][-1]
            waits = not (kwargs or {}).get("non_blocking", False)
            if waits and source.device.type != out.device.type:
                raise HostSyncError(f"{func}: a tensor of {tuple(source.shape)} from {source.device} to {out.device}")
        return out


@contextmanager
def fake_cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let `CUDA` be a device inside the block."""
    _pretend_guard()
    generator = torch.Generator
    # A CUDA generator needs CUDA's library; a fake tensor draws nothing, so that any generator will do.
    monkeypatch.setattr(torch, "Generator", lambda device="cpu": generator())
    with FakeTensorMode(), Strict():
        yield


def _pretend_guard() -> None:
    """Give CUDA the device guard of the CPU, which does nothing, where the build has none."""
    library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libc10.so"))
    guards = (ctypes.c_void_p * 2).in_dll(library, "_ZN3c104impl26device_guard_impl_registryE")
    guards[1] = guards[1] or guards[0]


def on_cuda(module: torch.nn.Module) -> torch.nn.Module:
    """Give a module parameters and buffers of the same shapes on the fake device."""
    for part in module.modules():
        for name, tensor in part._parameters.items():
            if tensor is not None:
                part._parameters[name] = torch.nn.Parameter(_like(tensor), tensor.requires_grad)
        for name, tensor in part._buffers.items():
            if tensor is not None:
                part._buffers[name] = _like(tensor)
    return module


def _like(tensor: Tensor) -> Tensor:
    return torch.empty(tensor.shape, dtype=tensor.dtype, device=CUDA)
