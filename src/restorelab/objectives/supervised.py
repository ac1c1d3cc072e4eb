"""Training on degraded/clean pairs."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from restorelab.data.sample import Sample
from restorelab.degradations.pipeline import Degradation
from restorelab.degradations.rng import Draws
from restorelab.noise_level import call, takes_sigma
from restorelab.objectives.objective import Objective


@dataclass(frozen=True)
class Supervised(Objective):
    """A loss between restored and clean images, computed in float32 outside autocast.

    loss: maps `(restored, clean)`, both (B, C, H, W), to a scalar.
    """

    loss: nn.Module

    def __call__(
        self, net: Callable[..., Tensor], sample: Sample, degradation: Degradation, draws: Draws
    ) -> tuple[Tensor, Tensor]:
        """Return the loss and the restored images (B, C, H, W); `degradation` and `draws` are not used."""
        assert sample.degraded is not None
        restored = call(net, sample.degraded, sample.sigma if takes_sigma(net) else None)
        with torch.autocast(restored.device.type, enabled=False):
            return self.loss(restored.float(), sample.clean), restored

    def to(self, device: torch.device) -> None:
        """Move the loss, which may contain a network, to a device."""
        self.loss.to(device)
