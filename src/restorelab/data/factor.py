"""Pairs of a factor: a degraded image that is smaller than its clean partner, as in super-resolution."""

import numpy as np

Size = tuple[int, int]
"""Height and width."""


def factor_of(clean: Size, degraded: Size) -> int | None:
    """By how much a degraded image is smaller, 1 for equal sizes; None where that is no whole factor.

    A clean image whose sides the factor does not divide may be larger by the remainder, which `cut` takes off.
    """
    factor = clean[0] // max(degraded[0], 1)
    if factor < 1 or tuple(side // factor for side in clean) != tuple(degraded):
        return None
    return factor if factor > 1 or clean == degraded else None


def cut(clean: np.ndarray, degraded: np.ndarray | None, multiple: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Take off rows at the bottom and columns at the right.

    clean: `(C, H, W)`, brought to sides that are multiples of `multiple`, and of the factor by which `degraded`
    (C, h, w), its partner, is smaller. The partner keeps what shows the same; of sizes without a factor it is left.
    """
    factor = 1 if degraded is None else factor_of(clean.shape[1:], degraded.shape[1:])
    if factor is None:
        return clean, degraded
    unit = int(np.lcm(multiple, factor))
    height, width = (side // unit * unit for side in clean.shape[1:])
    pair = None if degraded is None else degraded[:, : height // factor, : width // factor]
    return clean[:, :height, :width], pair
