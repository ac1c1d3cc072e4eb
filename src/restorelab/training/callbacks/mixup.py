"""Training pairs that are weighted means of two pairs of the batch."""

from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from restorelab.data.sample import Sample
from restorelab.degradations.rng import derive
from restorelab.errors import ConfigError
from restorelab.noise_level import BOX


class Mixup(Callback):
    """Replace each pair of a training batch by a weighted mean of itself and another pair of the batch.

    Source: Zhang et al., "mixup", ICLR 2018, of clean and degraded images alike as in MIRNet (Zamir et al., ECCV 2020).
    alpha: the weight is drawn from Beta(alpha, alpha) for each batch; 1.2 is MIRNet's. The draws depend on the seed,
    the rank and the number of the batch. A noise level that was drawn becomes that of the mean of two independent
    noises.

    Raises ConfigError for an `alpha` that is not positive, and for noise inside boxes.
    """

    def __init__(self, alpha: float = 1.2) -> None:
        if not alpha > 0:
            raise ConfigError(f"callbacks.mixup: alpha={alpha}; expected a positive number.")
        self.alpha = alpha

    def on_train_batch_start(self, trainer: Trainer, pl_module: Any, batch: Sample, batch_idx: int) -> None:
        """Mix the batch in place, once it is degraded."""
        assert batch.degraded is not None
        if BOX[0] in batch.parameters:
            raise ConfigError("callbacks.mixup: the noise is inside a box of each image; use noise.region=all.")
        generator = torch.Generator().manual_seed(
            derive("mixup", pl_module.seed, trainer.global_rank, batch.counter or 0)
        )
        weight = _beta(self.alpha, generator)
        other = torch.randperm(len(batch), generator=generator).to(batch.clean.device)
        batch.clean = _mixed(batch.clean, other, weight)
        batch.degraded = _mixed(batch.degraded, other, weight)
        if "sigma" in batch.parameters:
            sigma = batch.parameters["sigma"]
            alone = other == torch.arange(len(batch), device=other.device)  # mixed with themselves
            mixed = torch.hypot(weight * sigma, (1 - weight) * sigma[other])
            batch.parameters["sigma"] = torch.where(alone, sigma, mixed)


def _beta(alpha: float, generator: torch.Generator) -> float:
    """Draw from Beta(alpha, alpha), as the share of one of two gamma variates."""
    shapes = torch.full((2,), alpha, dtype=torch.float64)
    first, second = torch._standard_gamma(shapes, generator).tolist()  # private: torch.distributions takes no generator
    return first / (first + second)


def _mixed(images: Tensor, other: Tensor, weight: float) -> Tensor:
    return torch.lerp(images[other], images, weight)
