"""Compare a file, or a copy, of a network with the network itself, on fixed test images."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from restorelab.errors import ConfigError, DataError
from restorelab.exchange.export_source import ExportSource
from restorelab.noise_level import takes_sigma
from restorelab.restoring.inference import exact, restore

Run = Callable[[Tensor, Tensor | None], Tensor]
"""Degraded (1, C, h, w) in [0, 1] and the noise level (1,), if it is taken, to restored (1, C, s h, s w)."""


@dataclass(frozen=True)
class Check:
    """How far a file or a copy is from its network.

    Attributes:
        images: how many were compared, over all evaluations.
        decibels: the largest difference of an image's PSNR; NaN if an output has NaN or infinite values.
        pixel: the largest difference of a value, in levels of 255; NaN as well.
        seconds, seconds_network: an image takes, the median, of the file and of the network; the first is left out.
    """

    LIMIT: ClassVar[float] = 0.01
    images: int
    decibels: float
    pixel: float
    seconds: float
    seconds_network: float

    def facts(self) -> dict[str, Any]:
        """For the card."""
        return {
            "images": self.images,
            "largest_db": self.decibels,
            "largest_level_of_255": self.pixel,
            "seconds_per_image": self.seconds,
            "seconds_per_image_in_torch": self.seconds_network,
            "threads": torch.get_num_threads(),
        }

    def words(self) -> str:
        """A sentence on the difference and one on the time."""
        return (
            f"On {self.images} test images the file differs from the network by at most {self.decibels:.5f} dB and "
            f"{self.pixel:.4f} levels of 255. An image takes {1000 * self.seconds:,.0f} ms, in PyTorch "
            f"{1000 * self.seconds_network:,.0f} ms."
        )


def in_torch(net: nn.Module) -> Run:
    """Return a network as what `compare` runs: in exact float32, with images padded to its `multiple`."""

    def run(degraded: Tensor, level: Tensor | None) -> Tensor:
        with exact():
            return restore(net, degraded, level)

    return run


@torch.inference_mode()
def compare(source: ExportSource, run: Run, sigma: float | None, count: int) -> Check:
    """Restore up to `count` test images of each evaluation by both. sigma: the constant level, in 8-bit units.

    Raises:
        ConfigError: if the network takes the noise level and an evaluation has none.
        DataError: if there are no test images.
    """
    network = in_torch(source.net)
    rows: list[tuple[float, float, float, float]] = []
    for frozen in source.test_sets():
        chosen = {step * len(frozen) // min(count, len(frozen)) for step in range(min(count, len(frozen)))}
        for place in sorted(chosen):
            degraded, clean = source.protocol.prepare(frozen.image(place)[None]), frozen.clean(place)[None]
            level = None
            if takes_sigma(source.net):
                level = frozen.sigma(place) if sigma is None else torch.tensor([sigma / 255])
                if level is None:
                    msg = f"evaluation {frozen.evaluation.name} has no noise level to give the network: add sigma=25."
                    raise ConfigError(f"export: {msg}")
            began = time.perf_counter()
            expected = network(degraded, level).clamp(0, 1)
            between = time.perf_counter()
            restored = run(degraded, None if sigma is not None else level).clamp(0, 1)
            ended = time.perf_counter()
            before, after = (float(source.protocol.measure(image, clean)["psnr"]) for image in (expected, restored))
            pixel = 255 * float((expected - restored).abs().max())
            rows.append((abs(before - after), pixel, ended - between, between - began))
    if not rows:
        raise DataError("export: there are no test images to compare the file with the network on.")
    decibels, pixels, seconds, seconds_network = zip(*rows, strict=True)
    times = (median(values[1:] or values) for values in (seconds, seconds_network))
    return Check(len(rows), float(np.max(decibels)), float(np.max(pixels)), *times)  # np.max keeps NaN
