"""Run a network on images of any size: padding, tiling, cropping back."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LARGE, TILE = 1 << 24, 2048
"""Pixels of an image beyond which it is restored in tiles, where that gives the same, and pixels a side of those: the
layers of a network of 32 channels take 14 GB each for a photograph of 108 megapixels, and 0.5 GB for a tile."""


@contextmanager
def exact() -> Iterator[None]:
    """Float32 that is float32: without TF32, which training may use on a GPU and which rounds to 10 bits."""
    before = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before[0]
        torch.set_float32_matmul_precision(before[1])


@torch.inference_mode()
def restore(net: nn.Module, degraded: Tensor, *, tile: int | None = None, overlap: int | None = None) -> Tensor:
    """Restore `degraded: (B, C, h, w)` with a network in evaluation mode; returns `(B, C', s h, s w)`, not clamped.

    Where h or w does not fit the network's `multiple` and `minimum`, the image is padded at the bottom and right (by
    reflection; by repeating the edge where it is too small for that) and the result cropped back. s is whatever whole
    factor the network enlarges by. Afterwards every module is in the mode it was in.

    `tile` (pixels of the input, brought up to the network's multiple) bounds the memory: the image is restored in
    squares of that side that share at least `overlap` pixels, each giving its middle. From `overlap >= receptive_field
    - 1` on, the default where the network says its `receptive_field`, the result is that of the whole image, for
    networks that treat every place alike; otherwise the default is 32. Foreign networks need declare nothing. Without
    `tile`, images of more than `LARGE` pixels are tiled if the network says its `receptive_field`.

    Raises ValueError where the network takes only one size, where its output is no whole multiple of its input, and
    where the overlap leaves nothing of a tile.
    """
    _check_size(net, degraded)
    if tile is None and degraded.shape[-2] * degraded.shape[-1] > LARGE and getattr(net, "receptive_field", None):
        tile = TILE
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        padded = _pad(degraded, int(getattr(net, "multiple", 1)), int(getattr(net, "minimum", 1)))
        restored = net(padded) if tile is None else _tiled(net, padded, tile, overlap)
    finally:
        for module, training in modes:
            module.training = training
    if padded is degraded:
        return restored
    scale = _scale(restored, padded)
    return restored[..., : scale * degraded.shape[-2], : scale * degraded.shape[-1]]


def _check_size(net: nn.Module, degraded: Tensor) -> None:
    """Raise ValueError where the network takes one size only (`size`, of what it gives) and this is another."""
    size: Any = getattr(net, "size", None)
    if size is None:
        return
    scale = int(getattr(net, "scale", 1))
    height, width = (side // scale for side in size)
    if (height, width) != tuple(degraded.shape[-2:]):
        gives = f" and gives {size[0]}x{size[1]}" if scale > 1 else ""
        raise ValueError(
            f"{type(net).__name__} takes only images of {height}x{width} (its `size`){gives}, got "
            f"{degraded.shape[-2]}x{degraded.shape[-1]}: resize the data, or choose a convolutional network"
        )


def _pad(image: Tensor, multiple: int, minimum: int) -> Tensor:
    """Extend `(B, C, h, w)` at the bottom and right to the next size that fits; the same tensor where it does."""
    height, width = (max(-(-side // multiple) * multiple, minimum) for side in image.shape[-2:])
    down, right = height - image.shape[-2], width - image.shape[-1]
    if not down and not right:
        return image
    mode = "reflect" if down < image.shape[-2] and right < image.shape[-1] else "replicate"
    return F.pad(image, (0, right, 0, down), mode=mode)


def _scale(restored: Tensor, degraded: Tensor) -> int:
    """Return the whole factor between the sides of two images `(B, C, H, W)`, the same for both sides."""
    scale = restored.shape[-1] // degraded.shape[-1]
    if scale < 1 or any(restored.shape[axis] != scale * degraded.shape[axis] for axis in (-2, -1)):
        raise ValueError(
            f"the network turned {tuple(degraded.shape)} into {tuple(restored.shape)}: not a whole multiple, so the "
            "result cannot be cropped or put together"
        )
    return scale


def _tiled(net: nn.Module, image: Tensor, tile: int, overlap: int | None) -> Tensor:
    """Restore `(B, C, h, w)`, of a size that fits the network, tile by tile."""
    multiple, minimum = int(getattr(net, "multiple", 1)), int(getattr(net, "minimum", 1))
    if overlap is None:
        field = getattr(net, "receptive_field", None)
        overlap = 32 if field is None else int(field) - 1
    side = max(-(-tile // multiple) * multiple, minimum)
    if not 0 <= overlap < side:
        raise ValueError(f"overlap={overlap} leaves nothing of a tile of {side} pixels: at least 0 and below the tile")
    # A tile starts at a multiple, else a network with strides would see its pixels in another phase than in the whole.
    step = (side - overlap) // multiple * multiple
    if step < 1:
        raise ValueError(f"tile={tile} is too small for overlap={overlap}: take at least {overlap + multiple}")
    restored: Tensor | None = None
    scale = 1
    for top, above, below in _spans(image.shape[-2], side, step):
        for left, before, behind in _spans(image.shape[-1], side, step):
            piece = image[..., top : top + side, left : left + side]
            result = net(piece)
            if restored is None:
                scale = _scale(result, piece)
                size = (scale * image.shape[-2], scale * image.shape[-1])
                restored = result.new_empty((*result.shape[:2], *size))
            rows, columns = slice(scale * above, scale * below), slice(scale * before, scale * behind)
            inner = result[..., scale * (above - top) : scale * (below - top), :]
            restored[..., rows, columns] = inner[..., scale * (before - left) : scale * (behind - left)]
    assert restored is not None
    return restored


def _spans(length: int, side: int, step: int) -> list[tuple[int, int, int]]:
    """Cover `length` pixels by tiles: (where a tile starts, first pixel it gives, one past the last it gives)."""
    starts = [*range(0, max(length - side, 0), step), max(length - side, 0)]
    # Two neighbours meet in the middle of what they share.
    meetings = [0, *((after + before + side) // 2 for before, after in pairwise(starts)), length]
    return [(start, *given) for start, given in zip(starts, pairwise(meetings), strict=True)]
