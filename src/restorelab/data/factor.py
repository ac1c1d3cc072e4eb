"""Pairs whose degraded image is smaller than the clean one by a whole factor, as in super-resolution.

Images are cropped at the bottom and right so that their sides are multiples of the factor and of `data.multiple`.
"""

from math import lcm

import numpy as np

Size = tuple[int, int]
"""Height and width."""


def factor_of(clean: Size, degraded: Size) -> int | None:
    """Return the factor by which a degraded image is smaller, 1 for equal sizes; None if there is no whole factor.

    The clean image may be larger by a remainder below the factor, which is cropped.
    """
    factor = clean[0] // max(degraded[0], 1)
    if factor < 1 or tuple(side // factor for side in clean) != tuple(degraded):
        return None
    return factor if factor > 1 or clean == degraded else None


def cut_sizes(clean: Size, degraded: Size | None, multiple: int) -> tuple[Size, Size | None]:
    """Return the sizes of an image and of its partner after cropping; the same sizes if they have no whole factor."""
    factor = 1 if degraded is None else factor_of(clean, degraded)
    if factor is None:
        return clean, degraded
    unit = lcm(multiple, factor)
    height, width = (side // unit * unit for side in clean)
    return (height, width), None if degraded is None else (height // factor, width // factor)


def cut(clean: np.ndarray, degraded: np.ndarray | None, multiple: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Crop an image `(C, H, W)` and its partner `(C, h, w)` to the same field of view."""
    pair = None if degraded is None else (degraded.shape[1], degraded.shape[2])
    (height, width), smaller = cut_sizes((clean.shape[1], clean.shape[2]), pair, multiple)
    if degraded is not None and smaller is not None:
        degraded = degraded[:, : smaller[0], : smaller[1]]
    return clean[:, :height, :width], degraded
