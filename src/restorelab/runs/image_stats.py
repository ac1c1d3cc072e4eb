"""Measures of restored images that per_image.csv does not have: brightness, sharpness and largest error."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from restorelab.config import build
from restorelab.restoring.inference import exact, restore
from restorelab.runs.record import Record

IMAGES = 500
"""How many test images are restored for these measures, spread over the set."""

BATCH = 64


@dataclass(frozen=True)
class ImageStats:
    """`brightness`, `detail` and `beyond` of restored test images, each (images), and the images' groups."""

    columns: dict[str, np.ndarray]
    groups: list[str]


@lru_cache(maxsize=64)
def measure(record: Record, evaluation: str) -> ImageStats:
    """Restore images of a run's test set on the CPU, as they were for per_image.csv, and measure them.

    Raises:
        DataError: where the dataset (or its cache) is not there any more, or is another one now.
    """
    frozen, net = record.frozen(evaluation), record.net(evaluation)
    protocol = build.make("protocol", record.config["protocol"])
    count = min(IMAGES, len(frozen))
    chosen = np.arange(count) * len(frozen) // count
    columns = {name: np.zeros(count) for name in ("brightness", "detail", "beyond")}
    for batch in frozen.places(BATCH):
        places = np.intersect1d(batch, chosen)  # a batch holds images of one shape
        if places.size:
            degraded = torch.stack([frozen.image(place) for place in places])
            with exact():
                inputs, sigma = protocol.prepare(degraded), frozen.sigmas(places)
                restored = restore(net, inputs, sigma, self_ensemble=protocol.self_ensemble)
            clean = torch.stack([frozen.clean(place) for place in places])
            stats = brightness_and_detail(restored.float(), clean) | {"beyond": beyond(restored.float(), clean)}
            for name, values in stats.items():
                columns[name][np.searchsorted(chosen, places)] = values.numpy()
    groups = frozen.groups
    return ImageStats(columns, [groups[place] for place in chosen])


def brightness_and_detail(restored: Tensor, clean: Tensor) -> dict[str, Tensor]:
    """Measure `restored: (B, C, H, W)`, clamped to [0, 1], beside `clean`, each value (B,) float64.

    brightness: mean of the output less the truth's; below 0 is darker. detail: what share of the truth's fine structure
    (an image less its 3x3 mean) the output has: the projection of its own fine structure on the truth's. 1 is all of
    it, a blurred image has less; noise, which is not in the truth, adds nothing on average.
    """
    ours, truth = restored.double().clamp(0, 1), clean.double()
    fine, wanted = _fine(ours), _fine(truth)
    share = (fine * wanted).sum((1, 2, 3)) / wanted.square().sum((1, 2, 3)).clamp(min=1e-12)
    return {"brightness": (ours - truth).mean((1, 2, 3)), "detail": share}


def beyond(restored: Tensor, clean: Tensor) -> Tensor:
    """Share of the values of `restored: (B, C, H, W)`, not clamped, that are off by 1 or more: (B,) float64.

    There smooth L1 with threshold 1 leaves its quadratic part, and nowhere else is it anything but half the squared
    error.
    """
    return ((restored - clean).abs() >= 1).double().mean((1, 2, 3))


def _fine(image: Tensor) -> Tensor:
    """Subtract the 3x3 mean, taken over the part of the window that lies inside the image."""
    return image - F.avg_pool2d(image, 3, stride=1, padding=1, count_include_pad=False)
