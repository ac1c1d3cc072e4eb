"""Apply a NumPy function to each image of a batch."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


def each_image(degraded: Tensor, work: Callable[[np.ndarray], np.ndarray]) -> Tensor:
    """Apply `work` to every image of `degraded: (B, C, H, W)` on the CPU; shape, dtype and device are kept.

    work: maps a copy of the image, (H, W, C) float32 (float64 if `degraded` is), to an array of the same shape. Images
    are processed one by one: with threads the library of BM3D aborts, and total variation and non-local means are
    hardly faster. For a tensor on the meta device only the shape is computed.
    """
    if degraded.is_meta:
        return torch.empty_like(degraded)
    exact = torch.float64 if degraded.dtype == torch.float64 else torch.float32
    images = degraded.detach().to("cpu", exact).permute(0, 2, 3, 1)
    restored = [torch.from_numpy(np.asarray(work(np.array(image.numpy(), order="C")))) for image in images]
    return torch.stack(restored).permute(0, 3, 1, 2).contiguous().to(degraded)
