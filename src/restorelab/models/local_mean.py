"""Means over windows around each pixel."""

import torch
import torch.nn.functional as F
from torch import Tensor


def local_mean(x: Tensor, window: int) -> Tensor:
    """Return the mean of `x: (B, C, H, W)` over the `window` x `window` pixels around each pixel, in the shape of `x`.

    Windows lie inside the image: pixels near the border get the mean of the nearest window. A side of the image that is
    no longer than the window is averaged whole; if both sides are, the result is (B, C, 1, 1).
    """
    height, width = x.shape[-2:]
    if window >= height and window >= width:
        return x.mean(dim=(2, 3), keepdim=True)
    means = _running_mean(_running_mean(x, -1, min(window, width)), -2, min(window, height))
    down, right = height - means.shape[-2], width - means.shape[-1]
    return F.pad(means, (right // 2, right - right // 2, down // 2, down - down // 2), mode="replicate")


def _running_mean(x: Tensor, axis: int, window: int) -> Tensor:
    """Return the means of all `window` successive elements along an axis; it gets shorter by `window - 1`."""
    sums = x.cumsum(axis, dtype=torch.float64 if x.device.type == "cpu" else torch.float32)
    zero = torch.zeros_like(sums.narrow(axis, 0, 1))
    count = x.shape[axis] - window + 1
    ahead = sums.narrow(axis, window - 1, count)
    behind = torch.cat([zero, sums], dim=axis).narrow(axis, 0, count)
    return ((ahead - behind) / window).to(x.dtype)
