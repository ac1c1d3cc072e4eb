"""What is measured of a network's outputs: metrics by name, all of the same images."""

import copy
from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor

from restorelab.metrics.mse import MSE
from restorelab.metrics.per_image import PerImage, exact
from restorelab.metrics.protocol import Protocol, enlarge
from restorelab.metrics.psnr import PSNR
from restorelab.metrics.ssim import SSIM

INPUT = "input_"
"""How the names of the degraded input's own values begin."""


class Measures(Mapping[str, PerImage]):
    """Metrics by name, in order; the best checkpoint is the one with the best mean of the first.

    A validation or a test takes a `fresh` one for each evaluation. Calling it with a batch's outputs and truths gives
    `(B,)` float64 by name and takes them in; `compute` gives the means over the images of all ranks. Unlike
    torchmetrics' MetricCollection, which sorts its metrics by name and has one value a batch.

    truth: the part of a sample that the outputs are compared with.
    """

    truth: ClassVar[Literal["clean", "label"]] = "label"

    @property
    def defined(self) -> list[str]:
        """The metrics that have a value for any finite output."""
        return list(self)

    def __init__(self, metrics: Mapping[str, PerImage]) -> None:
        self._metrics = dict(metrics)

    def __getitem__(self, name: str) -> PerImage:
        return self._metrics[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._metrics)

    def __len__(self) -> int:
        return len(self._metrics)

    def __call__(self, output: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """Measure each output of a batch, `(B, ...)`, and take the values in; the host does not wait for a GPU."""
        return {name: metric(output, truth) for name, metric in self.items()}

    def fresh(self, device: torch.device) -> Self:
        """Copy the metrics without what they have taken in, for outputs that lie on `device`."""
        other = copy.copy(self)
        other._metrics = {name: metric.fresh(device) for name, metric in self.items()}
        return other

    def compute(self) -> dict[str, Tensor]:
        """The mean of each metric over the images of all ranks, which have to call this together."""
        return {name: metric.compute() for name, metric in self.items()}


class ImageMeasures(Measures):
    """Metrics of restored images, as the protocol has them compared; without `metrics` the protocol's own three."""

    truth: ClassVar[Literal["clean", "label"]] = "clean"

    def __init__(self, protocol: Protocol, metrics: Mapping[str, PerImage] | None = None) -> None:
        super().__init__(metrics or {"psnr": PSNR(), "ssim": SSIM(), "mse": MSE()})
        self.protocol = protocol

    @property
    def defined(self) -> list[str]:
        """The protocol's own; others may be undefined for an image, such as VIF where it is flat."""
        return [name for name, metric in self.items() if isinstance(metric, PSNR | SSIM | MSE)]

    def __call__(self, output: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """See the base; output, truth: `(B, C, H, W)`, truth in [0, 1]. An output that is not finite measures NaN."""
        return super().__call__(*self.protocol.pair(output, truth))

    def of_input(self, degraded: Tensor, clean: Tensor) -> dict[str, Tensor]:
        """Measure the degraded images themselves, enlarged where they are smaller: `input_psnr`, ...; takes none in."""
        two = self.protocol.pair(enlarge(degraded, clean.shape[-2:]), clean)
        return {f"{INPUT}{name}": exact(metric.each(*two)) for name, metric in self.items()}
