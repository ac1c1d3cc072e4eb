"""What a training step minimizes, and what is measured of its output."""

from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
from torch import Tensor

from restorelab.data.sample import Sample
from restorelab.degradations.pipeline import Degradation
from restorelab.degradations.rng import Draws
from restorelab.metrics.measures import ImageMeasures, Measures
from restorelab.metrics.per_image import PerImage
from restorelab.metrics.protocol import Protocol


class Objective:
    """Base of all objectives: as it stands, one whose output is the restored image.

    `restores` says whether the output is an image of the clean one's shape; only then are there panels, the degraded
    input's own numbers, and padding to sizes that the network takes.
    """

    restores: ClassVar[bool] = True

    def __call__(
        self, net: Callable[..., Tensor], sample: Sample, degradation: Degradation, draws: Draws
    ) -> tuple[Tensor, Tensor]:
        """Give the loss, a scalar in float32, and the network's output for a batch."""
        raise NotImplementedError

    def measures(self, protocol: Protocol, metrics: Mapping[str, PerImage] | None = None) -> Measures:
        """What is measured of the output. metrics: of restored images, by name; None for the protocol's own."""
        return ImageMeasures(protocol, metrics)

    def to(self, device: torch.device) -> None:
        """Bring what the objective computes with to the device."""
