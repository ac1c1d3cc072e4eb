"""Which images are measured together: of one shape, and as many as the device is given memory for."""

from typing import Literal

import numpy as np
import torch

BATCH_VALUES = 1 << 26
"""Pixels times channels of a batch at most, whatever `data.eval_batch_size` says: 256 MiB, and what is made of them."""

AUTO_VALUES = {"cpu": 1 << 17, "cuda": 1 << 22}
"""Pixels times channels of a batch by `data.eval_batch_size=auto`. As float32 these are on a GPU 16 MiB, and 1 GiB for
a layer of 64 channels of gray images; on a CPU 0.5 MiB, where a fourth and four times as much take the same time. Other
devices are treated as a CPU."""

BatchSize = int | Literal["auto"]
"""Images a batch: a number, or as many of a shape as fit `AUTO_VALUES`."""

CPU = torch.device("cpu")


def measured_together(
    shapes: np.ndarray, batch_size: BatchSize, rank: int, world: int, device: torch.device
) -> list[np.ndarray]:
    """The places, among images of some shapes (N, 3), of those that form each batch.

    With several ranks each takes every world-th image, unpadded. device: where they are measured.
    """
    found = []
    for shape in np.unique(shapes, axis=0):
        same = np.flatnonzero((shapes == shape).all(axis=1))[rank::world]
        size = int(shape.prod())
        if batch_size == "auto":
            count = AUTO_VALUES.get(device.type, AUTO_VALUES["cpu"]) // size
        else:
            count = min(batch_size, BATCH_VALUES // size)
        found += [same[i : i + max(1, count)] for i in range(0, len(same), max(1, count))]
    return found
