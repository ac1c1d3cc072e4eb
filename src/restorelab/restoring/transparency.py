"""Replace the colors of fully transparent pixels, which are invisible and must not affect the restored image."""

import numpy as np


def filled(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return pixels (H, W, C) in which those with alpha 0 have the colors of the visible pixels around them.

    Each hidden pixel gets the mean color of the smallest square of 2, 4, 8, ... pixels on a fixed grid that holds a
    visible pixel. Nothing is changed if nothing, or everything, is transparent.
    """
    hidden = alpha == 0
    if not hidden.any() or hidden.all():
        return pixels
    result = pixels.copy()
    weight = (~hidden).astype(np.float32)[..., None]
    sums = pixels.astype(np.float32) * weight
    waiting, scale = hidden, 1
    while waiting.any():
        sums, weight, scale = _halved(sums), _halved(weight), 2 * scale
        rows, columns = np.nonzero(waiting)
        known = weight[rows // scale, columns // scale, 0] > 0
        rows, columns = rows[known], columns[known]
        colors = sums[rows // scale, columns // scale] / weight[rows // scale, columns // scale]
        result[rows, columns] = colors if pixels.dtype == np.float32 else np.rint(colors)
        waiting = waiting.copy()
        waiting[rows, columns] = False
    return result


def _halved(image: np.ndarray) -> np.ndarray:
    """Return the sums of 2x2 pixels, with zeros beyond the edges."""
    height, width, bands = image.shape
    padded = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)))
    return padded.reshape((height + 1) // 2, 2, (width + 1) // 2, 2, bands).sum(axis=(1, 3))
