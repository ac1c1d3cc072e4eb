"""Group images into evaluation batches: one shape a batch, as many images as the memory limit allows."""

from typing import Literal

import numpy as np
import torch

BATCH_VALUES = 1 << 26
"""Upper limit of pixels times channels of a batch, whatever `data.eval_batch_size` says: 256 MiB as float32."""

AUTO_VALUES = {"cpu": 1 << 17, "cuda": 1 << 22}
"""Pixels times channels of a batch under `data.eval_batch_size=auto`, by device type. As float32 a GPU batch takes
16 MiB, and the output of a layer of 64 channels 1 GiB for gray images. A CPU batch takes 0.5 MiB; a fourth and four
times that size are equally fast. Other devices are treated as a CPU."""

BatchSize = int | Literal["auto"]
"""Images per batch: a number, or `auto` for as many images of one shape as fit `AUTO_VALUES`."""

CPU = torch.device("cpu")


def measured_together(
    shapes: np.ndarray, batch_size: BatchSize, rank: int, world: int, device: torch.device
) -> list[np.ndarray]:
    """Return the indices of the images of each batch, given the shapes of all images (N, 3).

    With several ranks each rank takes every world-th image of a shape, without padding. device: where the batches are
    evaluated; it selects the limit for `auto`.
    """
    batches = []
    for shape in np.unique(shapes, axis=0):
        same = np.flatnonzero((shapes == shape).all(axis=1))[rank::world]
        size = int(shape.prod())
        if batch_size == "auto":
            count = AUTO_VALUES.get(device.type, AUTO_VALUES["cpu"]) // size
        else:
            count = min(batch_size, BATCH_VALUES // size)
        batches += [same[i : i + max(1, count)] for i in range(0, len(same), max(1, count))]
    return batches
