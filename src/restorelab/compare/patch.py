"""Parts of images: where the runs differ, and how a part is kept in the page without losing a bit."""

import io

import numpy as np
from PIL import Image
from torch import Tensor

from restorelab.report.panels import pixels

Box = tuple[int, int, int, int]
"""x, y, width and height in pixels of the clean image."""

THUMB = 176
"""Pixels of the longer side of a whole image, made small."""


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
    """How much there is to see at each pixel of `clean` (C, H, W): the steps to its neighbours, (H, W)."""
    gray = clean.float().mean(0).numpy()
    down, right = np.zeros_like(gray), np.zeros_like(gray)
    down[:-1], right[:, :-1] = np.abs(np.diff(gray, axis=0)), np.abs(np.diff(gray, axis=1))
    return down + right


def cut(image: Tensor, box: Box, scale: int = 1) -> Tensor:
    """The box of the clean image in `image` (C, h, w), which is `scale` times smaller."""
    x, y, wide, high = (value // scale for value in box)
    return image[..., y : y + high, x : x + wide]


def webp(image: Tensor) -> bytes:
    """(C, H, W) in [0, 1], clamped and rounded to 8 bits, as a lossless WebP: nothing is added to it."""
    return _saved(Image.fromarray(pixels(image.nan_to_num(0.0, 1.0, 0.0))))


def small(image: Tensor) -> bytes:
    """The whole image, at most `THUMB` pixels a side."""
    picture = Image.fromarray(pixels(image))
    picture.thumbnail((THUMB, THUMB), Image.Resampling.LANCZOS)
    return _saved(picture)


def _saved(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "webp", lossless=True, quality=70, method=4)
    return buffer.getvalue()
