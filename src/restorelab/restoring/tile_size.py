"""The size of tiles, from the free memory and the memory that the network takes per pixel, which a trial measures."""

import math
import weakref
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from restorelab.data import memory
from restorelab.restoring.tiling import Compute, TileGrid

LARGEST = {"cpu": 1280, "cuda": 2048}
"""Pixels of a tile's sides at most, or `OVERLAPS` times the overlap: beyond, tiles take more memory and little less
time. An image of no more pixels than such a tile is one tile."""

OVERLAPS = 12
"""Side of a tile as a multiple of the overlap, with which 19 % of the pixels are computed twice."""

SHARE = 0.5
"""Share of the free memory that a tile may take on the CPU: images that are decoded and written take theirs, too."""

SHARE_DEVICE = 0.8
"""The same on a GPU."""

WORKSPACE = 2.0
"""Memory of a tile on the CPU over that of its tensors: the convolutions copy their inputs into another layout, and
freed memory is kept for the next tile."""

TRIAL = 128
"""The least side of the trial's tile, in pixels."""


class _Live(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of the tensors that are alive, and their maximum."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:  # a hook of torch: True, its default, imports torch._dynamo, for seconds
        return False

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.most = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for value in tree_leaves(result):
            if isinstance(value, Tensor):
                self._count(value.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._known:
            return
        size = storage.nbytes()
        self._known.add(key)
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._free, key, size)

    def _free(self, key: int, size: int) -> None:
        if key in self._known:
            self._known.remove(key)
            self.now -= size


def bytes_per_pixel(compute: Compute, channels: int, tiles: TileGrid, device: torch.device) -> float:
    """Return the bytes of memory that a tile takes per input pixel, measured by restoring one small tile.

    channels: of the image, 1 or 3.
    """
    side = tiles.padded(max(TRIAL, tiles.minimum))
    tile = torch.full((1, channels, side, side), 0.5, device=device)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        compute(tile)
        return (torch.cuda.max_memory_allocated(device) - before + tile.nbytes) / side**2
    with _Live() as live:
        compute(tile)
    return WORKSPACE * (live.most + tile.nbytes) / side**2


def free(device: torch.device) -> int:
    """Return the bytes of memory that a tile may take."""
    if device.type == "cuda":
        return int(SHARE_DEVICE * torch.cuda.mem_get_info(device)[0])
    return int(SHARE * memory.available())


def side(
    height: int, width: int, tiles: TileGrid, per_pixel: float, *, room: int, device: str = "cpu", needed: bool = False
) -> int:
    """Return the side in pixels of an image's tiles; 0 if the whole image is one tile.

    per_pixel: see `bytes_per_pixel`. room: bytes, see `free`. device: its type. needed: whether the image must be one
    tile if that fits, because tiles would change the result.
    """
    largest = max(LARGEST.get(device, LARGEST["cuda"]), OVERLAPS * tiles.overlap)
    pixels = tiles.padded(height) * tiles.padded(width)
    fits = pixels * per_pixel <= room
    if fits and (needed or pixels <= largest**2):
        return 0
    most = int(math.sqrt(room / max(per_pixel, 1e-9)))
    return max(min(most, largest), tiles.least)


def halved(tiles: TileGrid, height: int, width: int) -> int | None:
    """Return the next smaller side after a tile ran out of memory; None if there is none."""
    current = tiles.side or max(height, width)
    smaller = current // 2
    return smaller if smaller >= tiles.least else None


def out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that there was not enough memory, on the CPU or on a GPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and ("allocate memory" in str(error) or "out of memory" in str(error))


def bounded(net: nn.Module) -> bool:
    """Return whether the network declares a receptive field, so that tiles do not change the result."""
    return getattr(net, "receptive_field", None) is not None
