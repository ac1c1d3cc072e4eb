"""Run a network on images of any size: padding, tiling, cropping back."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restorelab.noise_level import call, takes_sigma
from restorelab.restoring.self_ensemble import averaged

LARGE, TILE = 1 << 24, 2048
"""Images with more pixels than `LARGE` are restored in tiles of `TILE` pixels per side if that gives the same result. A
layer of 32 channels takes 14 GB for a photograph of 108 megapixels, and 0.5 GB for a tile."""


@contextmanager
def exact() -> Iterator[None]:
    """Compute float32 in full precision: without TF32, which training may use on a GPU and which rounds to 10 bits."""
    before = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before[0]
        torch.set_float32_matmul_precision(before[1])


class Restoring:
    """A network with the padding of `restore`: a callable of degraded images and their noise level."""

    def __init__(self, net: nn.Module, *, self_ensemble: bool = False) -> None:
        self.net, self.takes_sigma, self.self_ensemble = net, takes_sigma(net), self_ensemble

    def __call__(self, degraded: Tensor, sigma: Tensor | None = None) -> Tensor:
        """See `restore`."""
        return restore(self.net, degraded, sigma, self_ensemble=self.self_ensemble)


@torch.inference_mode()
def restore(
    net: nn.Module,
    degraded: Tensor,
    sigma: Tensor | None = None,
    *,
    tile: int | None = None,
    overlap: int | None = None,
    self_ensemble: bool = False,
) -> Tensor:
    """Restore `degraded: (B, C, h, w)` with a network in evaluation mode; returns `(B, C', s h, s w)`, not clamped.

    sigma: the noise level for a network that takes it, (B,) or (B, 1, h, w) in [0, 1] units; others do not get it.

    s is the whole factor by which the network enlarges. If h or w does not fit the network's `multiple` and `minimum`,
    the image is padded at the bottom and right (by reflection, or by repeating the edge if it is too small for that)
    and the result is cropped. Every module is returned to its former mode.

    tile: limits the memory: the image is restored in squares of that many input pixels per side, rounded up to the
    network's multiple, which overlap by at least `overlap` pixels; the middle of each is used. Without it, images of
    more than `LARGE` pixels are tiled if the network declares its `receptive_field`. overlap: with `receptive_field -
    1` or more, the result is the same as that of the whole image, for translation invariant networks. That is the
    default if the network declares its `receptive_field`; otherwise it is 32. Networks of other packages do not have to
    declare anything. self_ensemble: return the mean over the eight turns and flips of the input.

    Raises ValueError if the network accepts only another size, if its output is not a whole multiple of its input, and
    if the overlap is not smaller than the tile.
    """
    if self_ensemble:
        return averaged(partial(restore, net, tile=tile, overlap=overlap))(degraded, sigma)
    _check_size(net, degraded)
    if tile is None and degraded.shape[-2] * degraded.shape[-1] > LARGE and getattr(net, "receptive_field", None):
        tile = TILE
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        multiple, minimum = int(getattr(net, "multiple", 1)), int(getattr(net, "minimum", 1))
        padded = _pad(degraded, multiple, minimum)
        level = _pad(sigma, multiple, minimum) if sigma is not None and sigma.ndim == 4 else sigma
        restored = call(net, padded, level) if tile is None else _tiled(net, padded, level, tile, overlap)
    finally:
        for module, training in modes:
            module.training = training
    if padded is degraded:
        return restored
    scale = _scale(restored, padded)
    return restored[..., : scale * degraded.shape[-2], : scale * degraded.shape[-1]]


def _check_size(net: nn.Module, degraded: Tensor) -> None:
    """Raise ValueError if the network accepts only one size (`size` is that of its output) and this is another."""
    size: Any = getattr(net, "size", None)
    if size is None:
        return
    scale = int(getattr(net, "scale", 1))
    height, width = (side // scale for side in size)
    if (height, width) != tuple(degraded.shape[-2:]):
        gives = f" and gives {size[0]}x{size[1]}" if scale > 1 else ""
        raise ValueError(
            f"{type(net).__name__} takes only images of {height}x{width} (its `size`){gives}, got "
            f"{degraded.shape[-2]}x{degraded.shape[-1]}; resize the images, or use a convolutional network"
        )


def _pad(image: Tensor, multiple: int, minimum: int) -> Tensor:
    """Pad `(B, C, h, w)` at the bottom and right to the next valid size; return the same tensor if it is valid."""
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
            "result cannot be cropped or assembled from tiles"
        )
    return scale


def _tiled(net: nn.Module, image: Tensor, sigma: Tensor | None, tile: int, overlap: int | None) -> Tensor:
    """Restore `(B, C, h, w)`, of a size that is valid for the network, tile by tile."""
    multiple, minimum = int(getattr(net, "multiple", 1)), int(getattr(net, "minimum", 1))
    if overlap is None:
        field = getattr(net, "receptive_field", None)
        overlap = 32 if field is None else int(field) - 1
    side = max(-(-tile // multiple) * multiple, minimum)
    if not 0 <= overlap < side:
        raise ValueError(f"overlap={overlap} leaves nothing of a tile of {side} pixels; expected 0 to {side - 1}")
    # Tiles start at multiples, so that the strides of the network are aligned as in the whole image.
    step = (side - overlap) // multiple * multiple
    if step < 1:
        raise ValueError(f"tile={tile} is too small for overlap={overlap}; expected at least {overlap + multiple}")
    restored: Tensor | None = None
    scale = 1
    for top, above, below in spans(image.shape[-2], side, step):
        for left, before, behind in spans(image.shape[-1], side, step):
            here = (..., slice(top, top + side), slice(left, left + side))
            piece = image[here]
            result = call(net, piece, sigma[here] if sigma is not None and sigma.ndim == 4 else sigma)
            if restored is None:
                scale = _scale(result, piece)
                size = (scale * image.shape[-2], scale * image.shape[-1])
                restored = result.new_empty((*result.shape[:2], *size))
            rows, columns = slice(scale * above, scale * below), slice(scale * before, scale * behind)
            inner = result[..., scale * (above - top) : scale * (below - top), :]
            restored[..., rows, columns] = inner[..., scale * (before - left) : scale * (behind - left)]
    assert restored is not None
    return restored


def spans(length: int, side: int, step: int) -> list[tuple[int, int, int]]:
    """Cover `length` pixels by tiles; return the start of each, the first pixel that is used, and one past the last."""
    starts = [*range(0, max(length - side, 0), step), max(length - side, 0)]
    # Adjacent tiles meet in the middle of their overlap.
    meetings = [0, *((after + before + side) // 2 for before, after in pairwise(starts)), length]
    return [(start, *given) for start, given in zip(starts, pairwise(meetings), strict=True)]
