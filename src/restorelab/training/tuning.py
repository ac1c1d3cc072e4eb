"""Choose what a network that learns nothing is set to: the best of a few candidates on validation images.

A classical method is told how strong the noise is, so each evaluation has values of its own.
"""

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor, nn

from restorelab.data.frozen import FrozenSet
from restorelab.metrics.protocol import Protocol
from restorelab.models.tunable import Tunable
from restorelab.restoring.inference import exact, restore

log = logging.getLogger(__name__)

IMAGES = 24
"""The number of validation images that candidates are compared on. Few suffice, as all candidates see the same ones."""


@dataclass(frozen=True)
class Tried:
    """One candidate: values by parameter, and its PSNR in dB, mean over the images (NaN where an output has NaN)."""

    values: dict[str, float]
    psnr: float


@dataclass(frozen=True)
class Tuned:
    """The chosen candidate under one evaluation.

    Attributes:
        values: the best candidate's.
        psnr: its mean PSNR on the validation images, dB.
        tried: all candidates in the order of the grid.
        evaluation: the evaluation's name.
        images: how many validation images were used.
        edges: parameters whose value is the smallest or the largest candidate: `{"weight": "largest"}`.

    """

    values: dict[str, float]
    psnr: float
    tried: tuple[Tried, ...]
    evaluation: str
    images: int
    edges: dict[str, str]

    def table(self) -> str:
        """Return all candidates, one per line, the best one marked."""
        names = list(self.values)
        head = " ".join(f"{name:>10}" for name in names)
        lines = [f"{self.evaluation}, {self.images} validation images", f"{head} {'PSNR':>7}"]
        for candidate in self.tried:
            row = " ".join(f"{candidate.values[name]:>10g}" for name in names)
            lines.append(f"{row} {candidate.psnr:>7.2f}{' *' if candidate.values == self.values else ''}")
        return "\n".join(lines)


def wanted(net: nn.Module) -> bool:
    """Return whether a network has open parameters, which `tuned` chooses."""
    return isinstance(net, Tunable) and bool(net.settings.candidates)


def tuned(
    net: nn.Module,
    val_set: FrozenSet,
    protocol: Protocol,
    *,
    images: int = IMAGES,
    batch_size: int = 64,
    progress: Callable[[int], object] = lambda candidates: None,
) -> Tuned:
    """Set the network's open parameters to the candidates of the highest mean PSNR.

    Every combination of candidates is tried on the same images, at most `images` of the set, evenly spread; of equals
    the first wins. A value at an end of its candidates is warned of: the best may lie beyond. progress: is told how
    many more candidates are done, of `combinations(net)`.

    Raises ValueError for a test set, on which nothing may be chosen, for an empty one, and where nothing is open.
    """
    if val_set.part == "test":
        raise ValueError("nothing is chosen on test images: give the validation set of the same evaluation")
    if not (isinstance(net, Tunable) and wanted(net)):
        raise ValueError(f"{type(net).__name__} has nothing to tune")
    if not len(val_set) or images < 1:
        raise ValueError(f"tuning needs validation images: the set has {len(val_set)}, {images} are to be used")
    settings = net.settings
    device = next((p.device for p in net.parameters()), torch.device("cpu"))
    count = min(images, len(val_set))
    batches = list(_batches(val_set, [i * len(val_set) // count for i in range(count)], batch_size))
    tried = []
    for candidate in product(*settings.candidates.values()):
        values = dict(zip(settings.candidates, candidate, strict=True))
        settings.use(**values)
        tried.append(Tried(values, _psnr(net, batches, protocol, device)))
        progress(1)
    best = max(tried, key=lambda candidate: -math.inf if math.isnan(candidate.psnr) else candidate.psnr)
    settings.use(**best.values)
    name, edges = val_set.evaluation.name, {}
    shown = ", ".join(f"{key}={value:g}" for key, value in best.values.items())
    log.info("%s: %s is the best of %d on %d validation images, %.2f dB", name, shown, len(tried), count, best.psnr)
    for key, value in best.values.items():
        if edge := settings.edge(key, value):
            edges[key] = edge
            log.warning(
                "%s: %s=%g is the %s of model.grid.%s=%s: the best may lie beyond, widen the grid",
                name, key, value, edge, key, settings.candidates[key],
            )  # fmt: skip
    return Tuned(best.values, best.psnr, tuple(tried), name, count, edges)


def combinations(net: nn.Module) -> int:
    """Return how many candidates `tuned` tries; 0 where no parameter is open."""
    return math.prod(map(len, net.settings.candidates.values())) if isinstance(net, Tunable) and wanted(net) else 0


def _batches(val_set: FrozenSet, chosen: list[int], batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The chosen images of the set, degraded and clean, in batches of one shape."""
    shapes = val_set.table.shapes[val_set.rows][chosen]
    for shape in np.unique(shapes, axis=0):
        places = [place for place, own_shape in zip(chosen, shapes, strict=True) if (own_shape == shape).all()]
        for i in range(0, len(places), batch_size):
            batch = places[i : i + batch_size]
            yield torch.stack([val_set.image(p) for p in batch]), torch.stack([val_set.clean(p) for p in batch])


def _psnr(net: nn.Module, batches: list[tuple[Tensor, Tensor]], protocol: Protocol, device: torch.device) -> float:
    """Return the mean over all images, in dB."""
    values = []
    with torch.inference_mode(), exact():
        for degraded, clean in batches:
            restored = restore(net, protocol.prepare(degraded.to(device)))
            values.append(protocol.measure(restored.float(), clean.to(device))["psnr"])
    return float(torch.cat(values).mean())
