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
    """The base class of objectives.

    restores: whether the network's output is an image in the shape of the clean one, which is the default. Only then
    are panels drawn, the degraded input measured, and images padded to sizes that the network takes.
    """

    restores: ClassVar[bool] = True

    def __call__(
        self, net: Callable[..., Tensor], sample: Sample, degradation: Degradation, draws: Draws
    ) -> tuple[Tensor, Tensor]:
        """Return the loss, a float32 scalar, and the network's output for a batch.

        net: called with degraded images, and the noise level if it takes it. sample: after the datamodule prepared it,
        with `degraded`. degradation, draws: for objectives that degrade again.
        """
        raise NotImplementedError

    def measures(self, protocol: Protocol, metrics: Mapping[str, PerImage] | None = None) -> Measures:
        """Return the metrics of the output. metrics: of restored images, by name; None for the protocol's own."""
        return ImageMeasures(protocol, metrics)

    def to(self, device: torch.device) -> None:
        """Move what the objective computes with, such as a loss with weights, to a device."""
