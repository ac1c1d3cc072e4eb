"""Measure a network on a frozen set by the protocol, without a Trainer; name what a validation measures.

An output that is NaN or infinite gets no score: an error names the image.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from restorelab.data.batching import BatchSize
from restorelab.data.frozen import FrozenSet
from restorelab.data.sample import Sample
from restorelab.errors import UserError, listed
from restorelab.metrics.measures import INPUT, ImageMeasures, Measures
from restorelab.metrics.protocol import Protocol
from restorelab.metrics.psnr import PSNR_CAP
from restorelab.noise_level import call, takes_sigma
from restorelab.restoring.inference import Restoring, exact

WARM_UP = 1
"""Batches that are not timed, if there are others."""

REPEATS = ((3, 3.0), (5, 1.0))
"""Batches that are timed at least, each if repeating the first one for it takes no more than so many seconds."""

LEAST = 3
"""The number of timed batches from which on quartiles are given."""

QUARTILES = (0.25, 0.5, 0.75)

Loss = Callable[[Callable[[Tensor], Tensor], Sample], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Measured:
    """A network on one frozen set.

    Attributes:
        frozen: the set.
        values: by what was measured, one array in the set's order; `input_psnr` and the like are the degraded input's.
        loss: mean over the images, NaN where no loss was given.
        seconds: what restoring took, without the loss; the first batch, which warms up, counts as the mean of the
            others where there are others.
        image_seconds: the quartiles over the batches of the seconds that restoring one image took; None where fewer
            than 3 batches were timed.
        dead: (C, H, W) bool, the pixels that are 0 (or less) in every restored image; None where there are no images
            of one shape.
    """

    frozen: FrozenSet
    values: dict[str, np.ndarray]
    loss: float
    seconds: float
    image_seconds: tuple[float, float, float] | None = None
    dead: np.ndarray | None = None

    @property
    def name(self) -> str:
        """The evaluation's name."""
        return self.frozen.evaluation.name

    def metrics(self, part: str = "test") -> dict[str, float]:
        """The means over the images: `test/loss`, `test/psnr`, ..., and of the degraded input `input/psnr`, ..."""
        means = {f"{part}/{name}": float(v.mean()) for name, v in self.values.items() if not name.startswith(INPUT)}
        of_input = {
            name.replace("_", "/", 1): float(v.mean()) for name, v in self.values.items() if name.startswith(INPUT)
        }
        return means | {f"{part}/loss": self.loss} | of_input

    @property
    def row(self) -> tuple[str, int, dict[str, float]]:
        """Return its line of a table: see `report.evaluations`."""
        return self.name, len(self.frozen), self.metrics()

    @property
    def capped(self) -> int:
        """Return the number of images whose PSNR is at the protocol's cap."""
        return int((self.values["psnr"] >= PSNR_CAP).sum()) if "psnr" in self.values else 0


def evaluate(
    net: nn.Module,
    frozen: FrozenSet,
    protocol: Protocol,
    *,
    batch_size: BatchSize = "auto",
    loss: Loss | None = None,
    measures: Measures | None = None,
    memory_format: torch.memory_format = torch.contiguous_format,
    progress: Callable[[int], object] = lambda images: None,
    outputs: Callable[[Tensor, Tensor], object] = lambda places, output: None,
) -> Measured:
    """Restore every image of a frozen set and measure it alone.

    net: on its device; its training flag is left as it is. loss: `(net, sample)` to the loss of a batch and the
    output, None to restore only. measures: what is measured of the output, None for the protocol's own metrics of
    restored images; those of images measure the degraded input, too. progress: is told how many
    more images are done. outputs: gets the indices in the set, (B,), and the output of each batch. Runs in exact
    float32 whatever the training's precision was. The values of an image do not
    depend on the batch it is in but for the last bits of a batched convolution.

    Raises:
        NotFiniteError: naming the images whose output is NaN or infinite, once all are measured.
    """
    device = next((p.device for p in net.parameters()), torch.device("cpu"))
    # On the device until the end, as the host waits for each copy; `_Clock` alone waits for a batch.
    places: list[Tensor] = []
    columns: list[Tensor] = []
    losses: list[Tensor] = []
    finites: list[Tensor] = []
    names: list[str] = []
    alive: Tensor | None = None
    taken = (measures or ImageMeasures(protocol)).fresh(device)
    images = isinstance(taken, ImageMeasures)
    one_shape = frozen.one_shape and images
    net_training = net.training
    net.eval()
    clock = _Clock(Restoring(net, self_ensemble=protocol.self_ensemble) if images else net, device)
    with torch.inference_mode(), exact():
        for batch in frozen.batches(batch_size, device=device):
            sample = batch.to(device)
            assert sample.degraded is not None
            degraded = sample.degraded
            sample.degraded = protocol.prepare(degraded).contiguous(memory_format=memory_format)
            if loss is None:
                output = clock(sample.degraded, sample.sigma)
            else:
                value, output = loss(clock, sample)
                losses.append(value)
            measured = taken(output.float(), getattr(sample, taken.truth))
            if isinstance(taken, ImageMeasures):
                measured |= taken.of_input(degraded, sample.clean)
            names = list(measured)
            places.append(batch.index)
            columns.append(torch.stack(list(measured.values())))
            finites.append(finite(output))
            if one_shape:
                some = (output > 0).any(dim=0)
                alive = some if alive is None else alive | some
            outputs(batch.index, output)
            progress(len(sample))
        clock.repeat()
    net.train(net_training)
    order = np.argsort(torch.cat(places).numpy())
    values = dict(zip(names, torch.cat(columns, dim=1).cpu().numpy()[:, order], strict=True))
    whole = torch.cat(finites).cpu().numpy()[order]
    whole &= ~np.isnan([values[name] for name in taken.defined]).any(axis=0)
    if not whole.all():
        raise not_finite(frozen, np.flatnonzero(~whole).tolist())
    mean = float("nan")
    if losses:
        sizes = map(len, places)
        mean = sum(value * size for value, size in zip(torch.stack(losses).tolist(), sizes, strict=True)) / len(frozen)
    dead = None if alive is None else ~alive.cpu().numpy()
    return Measured(frozen, values, mean, clock.seconds(len(frozen)), clock.quartiles(), dead)


class _Clock:
    """A network that measures the time of its own computation only."""

    def __init__(self, net: Callable[..., Tensor], device: torch.device) -> None:
        self.net, self.device, self.takes_sigma = net, device, takes_sigma(net)
        self._batches: list[tuple[int, float]] = []
        self._first: tuple[Tensor, Tensor | None] | None = None

    def __call__(self, degraded: Tensor, sigma: Tensor | None = None) -> Tensor:
        began = time.perf_counter()
        restored = call(self.net, degraded, sigma)
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self._batches.append((len(degraded), time.perf_counter() - began))
        self._first = self._first or (degraded, sigma)
        return restored

    def repeat(self) -> None:
        """Restore the first batch again until there are enough times for a spread, unless that takes too long."""
        began = time.perf_counter()
        for count, seconds in REPEATS:
            while self._first is not None and len(self._batches) < WARM_UP + count:
                if time.perf_counter() - began + self._batches[-1][1] > seconds:
                    return
                self(*self._first)

    def seconds(self, images: int) -> float:
        """Scale the time to this many images, by the rate of all batches except the first, or of the only one."""
        timed = self._batches[WARM_UP:] or self._batches
        return images * sum(seconds for _, seconds in timed) / max(sum(count for count, _ in timed), 1)

    def quartiles(self) -> tuple[float, float, float] | None:
        """Return quartiles of the seconds per image, over all batches except the first; None with too few batches."""
        each = [seconds / count for count, seconds in self._batches[WARM_UP:]]
        if len(each) < LEAST:
            return None
        low, middle, high = (float(value) for value in np.quantile(each, QUARTILES))
        return low, middle, high


class NotFiniteError(UserError):
    """A network gave NaN or infinite values for an image."""


def finite(output: Tensor) -> Tensor:
    """Return which outputs of a batch, `(B, ...)`, are finite in every value: `(B,)` bool."""
    return torch.isfinite(output).flatten(1).all(dim=1)


def not_finite(frozen: FrozenSet, places: Sequence[int]) -> NotFiniteError:
    """The error that names the images of a set whose outputs, or measured values, are not finite."""
    names = [frozen.ids[place] for place in places]
    part = {"val": "validation", "test": "test"}.get(frozen.part, frozen.part)
    degraded = frozen.image(places[0])
    low, high = float(degraded.min()), float(degraded.max())
    state = f"constant ({low:.3g})" if low == high else f"finite, in [{low:.3g}, {high:.3g}]"
    if bad := int((~torch.isfinite(degraded)).sum()):
        state = f"itself NaN or infinite in {bad} values"
    return NotFiniteError(
        f"evaluation {frozen.evaluation.name}: the output is NaN or infinite for {len(places)} of {len(frozen)} {part} "
        f"images: {listed(names, 5)}. The degraded input of {names[0]} is {state}."
    )


def validation_values(evaluations: Sequence[str], metrics: Sequence[str], means: Tensor) -> dict[str, float]:
    """Name the means: `val/psnr` over all evaluations, `val/psnr/impulse_30` for one of several.

    means: (evaluations, 1 + metrics), of the loss and of each metric; NaN for an evaluation that was left out
    (`trainer.limit_val_batches`).
    """
    names = ("loss", *metrics)
    values = {f"val/{name}": float(value) for name, value in zip(names, means.nanmean(dim=0), strict=True)}
    if len(evaluations) > 1:
        for evaluation, row in zip(evaluations, means, strict=True):
            values |= {f"val/{name}/{evaluation}": float(value) for name, value in zip(names, row, strict=True)}
    return values


def validation_names(evaluations: Sequence[str], metrics: Sequence[str]) -> list[str]:
    """The names that `validation_values` gives, in its order."""
    return list(validation_values(evaluations, metrics, torch.zeros(len(evaluations), 1 + len(metrics))))
