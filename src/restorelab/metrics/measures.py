"""The metrics that are measured of a network's outputs, by name."""

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
"""Prefix of the names of the values that the degraded input itself has."""


class Measures(Mapping[str, PerImage]):
    """Metrics by name, in order; the best checkpoint is the one with the best mean of the first metric.

    Each evaluation uses its own copy, made by `fresh`. A call with the outputs and the truths of a batch returns the
    values of its images, `(B,)` float64 by name, and stores them; `compute` returns the means over the images of all
    ranks. Unlike this class, torchmetrics' MetricCollection sorts its metrics by name and has one value per batch.

    truth: the field of a sample that the outputs are compared with.
    """

    truth: ClassVar[Literal["clean", "label"]] = "label"

    @property
    def defined(self) -> list[str]:
        """Names of the metrics that have a value for any finite output."""
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
        """Measure each output of a batch, `(B, ...)`, and store the values; the host does not wait for a GPU."""
        return {name: metric(output, truth) for name, metric in self.items()}

    def fresh(self, device: torch.device) -> Self:
        """Return a copy of the metrics without stored values, for outputs on `device`."""
        other = copy.copy(self)
        other._metrics = {name: metric.fresh(device) for name, metric in self.items()}
        return other

    def compute(self) -> dict[str, Tensor]:
        """Return the mean of each metric over the images of all ranks, which must call this together."""
        return {name: metric.compute() for name, metric in self.items()}


class ImageMeasures(Measures):
    """Metrics of restored images under a protocol; without `metrics` the protocol's own: PSNR, SSIM and MSE."""

    truth: ClassVar[Literal["clean", "label"]] = "clean"

    def __init__(self, protocol: Protocol, metrics: Mapping[str, PerImage] | None = None) -> None:
        super().__init__(metrics or {"psnr": PSNR(), "ssim": SSIM(), "mse": MSE()})
        self.protocol = protocol

    @property
    def defined(self) -> list[str]:
        """Names of the protocol's own metrics; others may be undefined for an image, such as VIF for a flat one."""
        return [name for name, metric in self.items() if isinstance(metric, PSNR | SSIM | MSE)]

    def __call__(self, output: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """Measure as `Measures`; output, truth: `(B, C, H, W)`, truth in [0, 1]. A non-finite output gives NaN."""
        return super().__call__(*self.protocol.pair(output, truth))

    def of_input(self, degraded: Tensor, clean: Tensor) -> dict[str, Tensor]:
        """Measure the degraded images themselves, enlarged if they are smaller; the values are not stored.

        degraded: `(B, C, h, w)`. clean: `(B, C, H, W)` in [0, 1]. Returns `{"input_psnr": (B,), ...}` in float64.
        """
        pair = self.protocol.pair(enlarge(degraded, clean.shape[-2:]), clean)
        return {f"{INPUT}{name}": exact(metric.each(*pair)) for name, metric in self.items()}
