"""Larger crops and smaller batches as training goes on."""

from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from restorelab.data.sample import Sample
from restorelab.degradations.rng import derive
from restorelab.errors import ConfigError
from restorelab.noise_level import BOX

LAST = 3
"""Numbers of a stage."""


class Progressive(Callback):
    """Cut training batches by stages: fewer images, and a random crop of each.

    Source: progressive learning of Restormer (Zamir et al., CVPR 2022). stages: each `[steps, crop, images]`; the last
    lasts as long as training does. As in the authors' program, batches are loaded at `data.crop` and
    `data.batch_size`, which hold the largest crop and batch of all stages, and are cut: one window for all images
    of a batch. The draws depend on the seed, the rank and the number of the batch; the stage on the optimizer's step.

    Raises ConfigError for stages that are not such lists, and at the first batch for crops that its images do not hold.
    """

    def __init__(self, stages: Sequence[Sequence[int]]) -> None:
        if not stages or any(len(stage) != LAST or min(stage) < 1 for stage in stages):
            msg = (
                f"callbacks.progressive: stages={[list(stage) for stage in stages]}; expected a list of [steps, crop, "
            )
            raise ConfigError(f"{msg}images], each at least 1.")
        self.stages = [(int(steps), int(crop), int(images)) for steps, crop, images in stages]

    def stage(self, step: int) -> tuple[int, int]:
        """Return the crop and the number of images at an optimizer step."""
        for steps, crop, images in self.stages:
            if step < steps:
                return crop, images
            step -= steps
        _, crop, images = self.stages[-1]
        return crop, images

    def on_train_batch_start(self, trainer: Trainer, pl_module: Any, batch: Sample, batch_idx: int) -> None:
        """Cut the batch in place, once it is degraded."""
        assert batch.degraded is not None
        factor = batch.clean.shape[-1] // batch.degraded.shape[-1]
        sides = batch.degraded.shape[-2:]
        crops = [crop for _, crop, _ in self.stages]
        if max(crops) > factor * min(sides) or any(crop % factor for crop in crops):
            msg = (
                f"callbacks.progressive: crops of {crops} from images of {factor * sides[0]}x{factor * sides[1]}; set "
            )
            raise ConfigError(
                f"{msg}data.crop to the largest, and all to multiples of the degradation's factor {factor}."
            )
        crop, images = self.stage(trainer.global_step)
        generator = torch.Generator().manual_seed(
            derive("progressive", pl_module.seed, trainer.global_rank, batch.counter or 0)
        )
        chosen = torch.randperm(len(batch), generator=generator)[:images].sort().values
        side = crop // factor
        top, left = (int(torch.randint(length - side + 1, (), generator=generator)) for length in sides)
        cut(batch, chosen.to(batch.clean.device), (top, left), side, factor)


def cut(batch: Sample, chosen: Tensor, corner: tuple[int, int], side: int, factor: int) -> None:
    """Keep some images of a batch, and a window of each: `side` pixels of the degraded, `factor` as many of the clean.

    chosen: (N,) int64, sorted. corner: the window's top and left in the degraded images.
    """
    assert batch.degraded is not None
    top, left = corner
    clean = (..., slice(factor * top, factor * (top + side)), slice(factor * left, factor * (left + side)))
    batch.clean = batch.clean[chosen][clean].contiguous()
    batch.degraded = batch.degraded[chosen][..., top : top + side, left : left + side].contiguous()
    batch.index = batch.index[chosen.to(batch.index.device)]
    batch.parameters = {name: values[chosen] for name, values in batch.parameters.items()}
    batch.label = None if batch.label is None else batch.label[chosen]
    batch.counts = None
    for name, start in zip(BOX, corner, strict=False):  # of noise inside a box: its top and left
        if name in batch.parameters:
            batch.parameters[name] = batch.parameters[name] - start
