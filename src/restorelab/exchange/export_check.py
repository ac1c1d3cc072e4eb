"""Compare an exported file with the network that it was made from, on fixed test images."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any, ClassVar

import torch
from torch import Tensor

from restorelab.errors import ConfigError
from restorelab.exchange.export_source import ExportSource
from restorelab.noise_level import takes_sigma
from restorelab.restoring.inference import exact, restore

Run = Callable[[Tensor, Tensor | None], Tensor]
"""An exported file: degraded (1, C, h, w) and the noise level (1,), if it takes one, to restored, in [0, 1]."""


@dataclass(frozen=True)
class Check:
    """What an exported file does otherwise than its network.

    Attributes:
        images: how many were compared, over all evaluations.
        decibels: the largest difference of an image's PSNR.
        pixel: the largest difference of a value, in levels of 255.
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


@torch.inference_mode()
def compare(source: ExportSource, run: Run, sigma: float | None, count: int) -> Check:
    """Restore up to `count` test images of each evaluation by both. sigma: the constant level, in 8-bit units.

    Raises:
        ConfigError: if the network takes the noise level and an evaluation has none.
    """
    decibels, pixels, ours, theirs = [], [], [], []
    for frozen in source.test_sets():
        chosen = sorted({place * len(frozen) // min(count, len(frozen)) for place in range(min(count, len(frozen)))})
        for place in chosen:
            degraded, clean = source.protocol.prepare(frozen.image(place)[None]), frozen.clean(place)[None]
            level = None
            if takes_sigma(source.net):
                level = frozen.sigma(place) if sigma is None else torch.tensor([sigma / 255])
                if level is None:
                    msg = f"evaluation {frozen.evaluation.name} has no noise level to give the network: add sigma=25."
                    raise ConfigError(f"export: {msg}")
            began = time.perf_counter()
            with exact():
                expected = restore(source.net, degraded, level).clamp(0, 1)
            between = time.perf_counter()
            restored = run(degraded, None if sigma is not None else level).clamp(0, 1)
            ours.append(time.perf_counter() - between)
            theirs.append(between - began)
            before, after = (float(source.protocol.measure(image, clean)["psnr"]) for image in (expected, restored))
            decibels.append(abs(before - after))
            pixels.append(255 * float((expected - restored).abs().max()))
    times = (median(values[1:] or values) for values in (ours, theirs))
    return Check(len(decibels), max(decibels), max(pixels), *times)
