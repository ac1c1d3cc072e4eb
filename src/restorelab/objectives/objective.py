"""What a training step minimizes, and what is measured of its output."""

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from restorelab.data.sample import Sample
from restorelab.degradations.pipeline import Degradation
from restorelab.degradations.rng import Draws
from restorelab.metrics.protocol import Protocol


class Objective:
    """Base of all objectives: as it stands, one whose output is the restored image.

    `metrics` names what is measured of each image; the best checkpoint is the one with the highest mean of the first.
    `restores` says whether the output is an image of the clean one's shape; only then are there panels, the degraded
    input's own numbers, and padding to sizes that the network takes.
    """

    metrics: ClassVar[tuple[str, ...]] = ("psnr", "ssim", "mse")
    restores: ClassVar[bool] = True

    def __call__(
        self, net: Callable[[Tensor], Tensor], sample: Sample, degradation: Degradation, draws: Draws
    ) -> tuple[Tensor, Tensor]:
        """Give the loss, a scalar in float32, and the network's output for a batch."""
        raise NotImplementedError

    def measure(self, output: Tensor, sample: Sample, protocol: Protocol) -> dict[str, Tensor]:
        """Measure each image of the output: the entries of `metrics`, each (B,)."""
        return protocol.measure(output.float(), sample.clean)

    def to(self, device: torch.device) -> None:
        """Bring what the objective computes with to the device."""
