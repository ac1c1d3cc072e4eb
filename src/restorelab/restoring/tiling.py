"""Restore an array of stored samples in tiles; only one tile at a time is converted to floating point."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restorelab.restoring.inference import spans
from restorelab.restoring.photograph import white

OVERLAP = 32
"""Pixels by which tiles overlap if the network does not declare its receptive field."""

Compute = Callable[[Tensor], Tensor]
"""A function from a tile (1, C, h, w) in [0, 1] to its restored pixels (1, C, s h, s w), not clamped."""


@dataclass(frozen=True)
class TileGrid:
    """How an image is divided into tiles.

    Attributes:
        side: the greatest side of a tile in pixels; 0 for one tile.
        overlap: pixels by which tiles overlap.
        multiple, minimum: the sides of a tile are multiples of `multiple` and at least `minimum`, as the network needs.
    """

    side: int
    overlap: int
    multiple: int = 1
    minimum: int = 1

    @property
    def least(self) -> int:
        """The smallest side of a tile of which pixels remain beside the overlap."""
        return max(self.minimum, -(-(self.overlap + self.multiple) // self.multiple) * self.multiple)

    def padded(self, length: int) -> int:
        """Return the length that a side is padded to, so that the network takes it."""
        return max(-(-length // self.multiple) * self.multiple, self.minimum)

    def spans(self, length: int) -> list[tuple[int, int, int, int]]:
        """Return the tiles that cover a side: (start, end, first pixel that is used, one past the last that is used).

        The tiles are of one size, as small as their number allows.
        """
        whole = self.padded(length)
        side = max(self.side // self.multiple * self.multiple, self.least)
        if not self.side or whole <= side:
            return [(0, whole, 0, whole)]
        step = (side - self.overlap) // self.multiple * self.multiple
        count = -(-(whole - self.overlap) // step)
        even = -(-(-(-(whole - self.overlap) // count) + self.overlap) // self.multiple) * self.multiple
        side = min(side, max(even, self.least))
        step = (side - self.overlap) // self.multiple * self.multiple
        return [(start, start + side, first, last) for start, first, last in spans(whole, side, step)]

    def tiles(self, height: int, width: int) -> int:
        """Return the number of tiles of an image."""
        return len(self.spans(height)) * len(self.spans(width))


def grid(net: nn.Module, side: int) -> TileGrid:
    """Return the grid for a network and tiles of `side` pixels; 0 for one tile.

    If the network declares its receptive field and is translation invariant, tiles give the same result as the whole
    image.
    """
    field = getattr(net, "receptive_field", None)
    overlap = OVERLAP if field is None else int(field) - 1
    return TileGrid(side, overlap, int(getattr(net, "multiple", 1)), int(getattr(net, "minimum", 1)))


def restored(
    pixels: np.ndarray,
    compute: Compute,
    tiles: TileGrid,
    device: torch.device,
    progress: Callable[[int], object] = lambda tiles: None,
) -> np.ndarray:
    """Return the restored pixels (s H, s W, C), of the type of `pixels` (H, W, C): uint8, uint16 or float32.

    progress: called after each tile with 1. Values are clamped to [0, 1] and rounded once.

    Raises:
        ValueError: for a network whose output is not a whole multiple of its input.
    """
    height, width, _ = pixels.shape
    result: np.ndarray | None = None
    for top, bottom, first, last in tiles.spans(height):
        for left, right, before, behind in tiles.spans(width):
            tile = _tile(pixels, (top, bottom), (left, right)).to(device)
            output = compute(tile)
            scale = output.shape[-1] // tile.shape[-1]
            if scale < 1 or output.shape[-2:] != (scale * tile.shape[-2], scale * tile.shape[-1]):
                sizes = " into ".join("x".join(map(str, part.shape[-2:])) for part in (tile, output))
                raise ValueError(f"the network turned {sizes} pixels: not a whole multiple")
            if result is None:
                result = np.empty((scale * height, scale * width, pixels.shape[2]), pixels.dtype)
            rows, columns = slice(scale * first, scale * last), slice(scale * before, scale * behind)
            inner = output[0, :, scale * (first - top) : scale * (last - top), scale * (before - left) :]
            place = result[rows, columns]
            place[...] = _stored(inner[:, : place.shape[0], : place.shape[1]], pixels.dtype)
            progress(1)
    assert result is not None
    return result


def _tile(pixels: np.ndarray, rows: tuple[int, int], columns: tuple[int, int]) -> Tensor:
    """Return a part of the image, (1, C, h, w) float32 in [0, 1], reflected beyond its lower and right edges."""
    part = np.ascontiguousarray(pixels[rows[0] : rows[1], columns[0] : columns[1]].transpose(2, 0, 1))
    top = white(part)
    tile = torch.from_numpy(part.astype(np.float32))[None] / top
    down, right = rows[1] - rows[0] - tile.shape[-2], columns[1] - columns[0] - tile.shape[-1]
    if not down and not right:
        return tile
    mode = "reflect" if down < tile.shape[-2] and right < tile.shape[-1] else "replicate"
    return F.pad(tile, (0, right, 0, down), mode=mode)


def _stored(output: Tensor, dtype: np.dtype[Any]) -> np.ndarray:
    """Convert (C, h, w) to stored samples (h, w, C), clamped to [0, 1]."""
    clamped = output.float().clamp(0, 1)
    if dtype != np.float32:
        clamped = (clamped * white(np.empty(0, dtype))).round()
    return clamped.permute(1, 2, 0).cpu().numpy().astype(dtype)
