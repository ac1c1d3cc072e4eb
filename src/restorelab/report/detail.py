"""Measure where an image has detail: which test images and which parts of them are worth showing."""

from collections.abc import Callable

import numpy as np
import torch.nn.functional as F
from torch import Tensor

Box = tuple[int, int, int, int]
"""x, y, width and height in pixels of the clean image."""

BLOCK = 8
"""Pixels a side of the blocks whose variance counts."""

SIDE = 128
"""Pixels a side, about, to which an image is thinned before its detail is measured."""

LOOKED_AT, PIXELS = 32, 2**26
"""Images that are looked at for each one shown, at most, and pixels that are read for all of them, about."""

CHOSEN = (
    "Of each equal stretch of the test set, the image with the most detail is shown (the standard deviation within "
    f"blocks of {BLOCK}x{BLOCK} pixels of the clean image), whatever the result."
)
"""A description of how `places` chooses, for a caption."""


def busiest(weight: np.ndarray, wide: int, high: int, step: int = 1, margin: int = 0) -> Box:
    """The box of that size over which `weight` (H, W) sums to the most; its corner at multiples of `step`.

    margin: pixels at each side that it keeps away from, where there is room.
    """
    height, width = weight.shape
    wide, high = (min(size, side) // step * step for size, side in ((wide, width), (high, height)))
    total = np.zeros((height + 1, width + 1))
    total[1:, 1:] = np.nan_to_num(weight.astype(np.float64), posinf=0.0, neginf=0.0).cumsum(0).cumsum(1)
    sums = total[high:, wide:] - total[:-high, wide:] - total[high:, :-wide] + total[:-high, :-wide]
    rows, columns = (np.arange(0, count, step) for count in sums.shape)
    rows, columns = (_inner(places, margin, count) for places, count in zip((rows, columns), sums.shape, strict=True))
    inside = sums[np.ix_(rows, columns)]
    row, column = np.unravel_index(int(np.argmax(inside)), inside.shape)
    return int(columns[column]), int(rows[row]), wide, high


def _inner(places: np.ndarray, margin: int, count: int) -> np.ndarray:
    kept = places[(places >= margin) & (places < count - margin)]
    return kept if kept.size else places


def detail(clean: Tensor) -> np.ndarray:
    """Return the detail at each pixel of `clean` (C, H, W): the differences from its neighbors, (H, W)."""
    gray = clean.float().mean(0).numpy()
    down, right = np.zeros_like(gray), np.zeros_like(gray)
    down[:-1], right[:, :-1] = np.abs(np.diff(gray, axis=0)), np.abs(np.diff(gray, axis=1))
    return down + right


def cut(image: Tensor, box: Box, scale: int = 1) -> Tensor:
    """The box of the clean image in `image` (C, h, w), which is `scale` times smaller."""
    x, y, wide, high = (value // scale for value in box)
    return image[..., y : y + high, x : x + wide]


def contrast(clean: Tensor) -> float:
    """The standard deviation within blocks of 8x8 pixels of `clean` (C, H, W), averaged over the blocks."""
    thin = max(1, min(clean.shape[-2:]) // SIDE)
    gray = clean[..., ::thin, ::thin].double().mean(0)[None]
    block = min(BLOCK, *gray.shape[-2:])
    mean, square = F.avg_pool2d(gray, block), F.avg_pool2d(gray.square(), block)
    return float((square - mean.square()).clamp(min=0).sqrt().mean())


def places(images: int, clean: Callable[[int], Tensor], count: int) -> list[int]:
    """Which of `images` to show, `count` of them in their order; see `CHOSEN`. clean: gives one of them, (C, H, W)."""
    count = min(count, images)
    if not count:
        return []
    height, width = clean(0).shape[-2:]
    most = max(1, min(LOOKED_AT, PIXELS // (height * width * count)))
    chosen = []
    for part in range(count):
        stretch = np.arange(part * images // count, (part + 1) * images // count)
        looked_at = stretch[np.unique(np.linspace(0, len(stretch) - 1, most).round().astype(int))]
        chosen.append(int(max(looked_at, key=lambda place: contrast(clean(int(place))))))
    return chosen
