"""The panel and the table of `restorelab preview`: degraded images before any training."""

import logging
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from restorelab.config.build import Parts
from restorelab.data.evaluation import Evaluation
from restorelab.data.small_images import too_small
from restorelab.degradations.labels import essences
from restorelab.degradations.mixture import Each, Mixture
from restorelab.degradations.pipeline import Degradation
from restorelab.degradations.rng import PhiloxDraws
from restorelab.errors import DataError
from restorelab.metrics.protocol import Protocol
from restorelab.report import sheet
from restorelab.report.pixels import shown_bands
from restorelab.report.sheet import CELL, times
from restorelab.report.text_table import aligned, ruled

log = logging.getLogger(__name__)

MOST = 64
"""The most images that are measured."""

BUDGET = 1 << 23
"""Values (pixels times channels) that are measured at most, where that still leaves the images of the panel."""


@dataclass(frozen=True)
class PreviewImage:
    """A clean image of the dataset, (C, H, W) float64 in [0, 1]; `pair` is its real degraded partner, where it has one.

    `seed` keys its draws, with `id` and the degradation, as in a frozen set.
    """

    id: str
    clean: Tensor
    pair: Tensor | None
    seed: int

    @property
    def size(self) -> str:
        """Channels, height and width in words, and what the panel shows of them."""
        channels, height, width = self.clean.shape
        shown = "" if max(height, width) <= CELL else f", the middle {min(height, CELL)}x{min(width, CELL)}"
        bands = shown_bands(channels)
        return f"{channels}x{height}x{width}{f', {bands}' if bands else ''}{shown}"


@dataclass(frozen=True)
class PreviewColumn:
    """One degradation, None for the dataset's own pairs; `key` is what keys its draws."""

    name: str
    degradation: Degradation | None
    key: str


@dataclass(frozen=True)
class Shown:
    """A column measured: one value an image of everything, the degraded images (C, h, w) float32."""

    column: PreviewColumn
    degraded: list[Tensor]
    values: dict[str, np.ndarray]
    drawn: dict[str, np.ndarray]


def pick(built: Parts, settings: Mapping[str, Any], part: str, images: int) -> list[PreviewImage]:
    """Images of a part: up to `MOST`, within the `BUDGET`, at least `images`; those of the panel come first.

    Both the panel's and the others are spread evenly over the part.

    Raises:
        DataError: where the part is empty.
    """
    table, rows = built.dataset.open(settings["split_seed"], built.degradation)
    small = too_small(table, rows[part], (built.protocol.least, built.protocol.least))
    if len(small):
        log.warning("%d images of %s are too small to be measured, %s for one", len(small), part, table.ids[small[0]])
    chosen = np.setdiff1d(rows[part], small)
    if not len(chosen):
        msg = f"part={part}: it has no images. Raise data.{part}, or say another part."
        raise DataError(msg)
    size = max(1, int(table.shapes[chosen].prod(axis=1).mean()))
    count = min(len(chosen), MOST, max(images, BUDGET // size))
    panel = min(images, count)
    places = [(2 * i + 1) * len(chosen) // (2 * count) for i in range(count)]
    first = [places[(2 * i + 1) * count // (2 * panel)] for i in range(panel)]
    order = first + [place for place in places if place not in first]

    def unit(stored: np.ndarray) -> Tensor:
        return torch.from_numpy(stored.astype(np.float64)) / table.maximum

    return [
        PreviewImage(
            table.ids[row],
            unit(table.clean(row)),
            None if table.degraded_pixels is None else unit(table.degraded(row)),
            settings["eval_seed"],
        )
        for row in chosen[order]
    ]


def columns(built: Parts, settings: Mapping[str, Any]) -> list[PreviewColumn]:
    """The training's degradation, one a noise of `noise=each`, then the evaluations'; equal ones once."""
    noises = essences(settings)
    training, noise = built.degradation, built.degradation.noise
    if isinstance(noise, Each):
        made = [
            PreviewColumn(f"training: {name}", replace(training, noise=member), f"each:{name}")
            for name, member in noise.noises.items()
        ]
    else:
        made = [PreviewColumn("training", training, Evaluation("training", training, noises).key)]
    for name, evaluation in built.evaluations.items():
        same = next((i for i, column in enumerate(made) if column.key == evaluation.key), None)
        if same is None:
            made.append(PreviewColumn(name, evaluation.degradation, evaluation.key))
        else:
            made[same] = replace(made[same], name=f"{made[same].name}, {name}")
    return made


def degrade(column: PreviewColumn, image: PreviewImage) -> tuple[Tensor, dict[str, float]]:
    """(C, h, w) float32 and what was drawn: alone, in float64, on the CPU, as a frozen set does it."""
    if column.degradation is None:
        assert image.pair is not None
        return image.pair.float(), {}
    draws = PhiloxDraws(image.id, column.key, image.seed)
    with torch.no_grad():
        degraded, drawn = column.degradation(image.clean[None], draws)
    return degraded[0].float(), {name: float(value) for name, value in drawn.items()}


def measure(columns: Sequence[PreviewColumn], images: Sequence[PreviewImage], protocol: Protocol) -> list[Shown]:
    """Degrade and measure every image under every column; real pairs are shown as they are, in one column."""
    if images[0].pair is not None:
        columns = [PreviewColumn("pairs of the dataset", None, "pair")]
    return [_measure(column, images, protocol) for column in columns]


def _measure(column: PreviewColumn, images: Sequence[PreviewImage], protocol: Protocol) -> Shown:
    made = [degrade(column, image) for image in images]
    degraded = [image for image, _ in made]
    names = list(dict.fromkeys(name for _, values in made for name in values))
    drawn = {name: np.array([values.get(name, np.nan) for _, values in made]) for name in names}
    return Shown(column, degraded, _input(degraded, images, protocol), drawn)


def input_psnr(column: PreviewColumn, images: Sequence[PreviewImage], protocol: Protocol) -> float:
    """The mean over the images of the degraded image's PSNR, in dB."""
    return float(_input([degrade(column, image)[0] for image in images], images, protocol)["psnr"].mean())


def _input(degraded: Sequence[Tensor], images: Sequence[PreviewImage], protocol: Protocol) -> dict[str, np.ndarray]:
    values = {name: np.zeros(len(images)) for name in ("psnr", "ssim")}
    for places in _alike(images):
        inputs = torch.stack([degraded[place] for place in places])
        measured = protocol.measure_input(inputs, torch.stack([images[place].clean.float() for place in places]))
        for name, column in values.items():
            column[places] = measured[name].numpy()
    return values


def _alike(images: Sequence[PreviewImage]) -> Iterator[list[int]]:
    """The places of the images by shape."""
    shapes = [image.clean.shape for image in images]
    for shape in dict.fromkeys(shapes):
        yield [place for place, other in enumerate(shapes) if other == shape]


def table(shown: Sequence[Shown]) -> str:
    """A line a degradation: mean, lowest and highest input PSNR, mean SSIM, and the range of what was drawn."""
    rows = [("degradation", "input PSNR", "lowest", "highest", "SSIM", "drawn")]
    for measured in shown:
        psnr, ssim = measured.values["psnr"], measured.values["ssim"]
        drawn = _wrapped(_ranges(measured)) or [""]
        numbers = (f"{psnr.mean():.2f}", f"{psnr.min():.2f}", f"{psnr.max():.2f}", f"{ssim.mean():.3f}")
        rows.append((measured.column.name, *numbers, drawn[0]))
        rows += [("", "", "", "", "", line) for line in drawn[1:]]
    return "\n".join(ruled(aligned(rows, left=(0, 5))))


def _wrapped(parts: Sequence[str], width: int = 60) -> list[str]:
    """Parts with commas between them, in lines that break behind a comma."""
    joined = ", ".join(part.replace(" ", "\u00a0") for part in parts)
    return [line.replace("\u00a0", " ") for line in textwrap.wrap(joined, width)]


def _ranges(shown: Shown) -> list[str]:
    parts: list[str] = []
    for name, values in shown.drawn.items():
        known = values[~np.isnan(values)]
        noise = shown.column.degradation.noise if shown.column.degradation else None
        if name == "noise" and isinstance(noise, Mixture | Each):
            parts += [f"{int((known == i).sum())} {member}" for i, member in enumerate(noise.noises)]
        elif len(known):
            low, high = f"{known.min():.3g}", f"{known.max():.3g}"
            parts.append(f"{name} {low}" if low == high else f"{name} {low} to {high}")
    return parts


def figure(shown: Sequence[Shown], images: Sequence[PreviewImage], title: str) -> Figure:
    """A row an image: clean, then each degradation, with what it drew, its input PSNR and SSIM under it.

    Every pixel of an image is a whole number of pixels of the panel, so that its noise looks as it is; the middle of an
    image is shown where it is larger than a cell. Downsampled images are enlarged to the clean one's size.
    """
    sizes = [image.clean.shape[-2:] for image in images]
    means = [
        f"mean {measured.values['psnr'].mean():.2f} dB, SSIM {measured.values['ssim'].mean():.3f}" for measured in shown
    ]
    heads = zip(("clean", *(measured.column.name for measured in shown)), (images[0].size, *means), strict=True)
    rows = []
    for line, (image, size) in enumerate(zip(images, sizes, strict=True)):
        pictures = [image.clean, *(measured.degraded[line] for measured in shown)]
        notes = [image.id, *(_note(measured, line) for measured in shown)]
        rows.append([sheet.shown(picture, size, times(*size), CELL, note)
                     for picture, note in zip(pictures, notes, strict=True)])  # fmt: skip
    return sheet.sheet(rows, list(heads), title=title)


def _note(shown: Shown, line: int) -> str:
    drawn: list[str] = []
    for name, values in shown.drawn.items():
        noise = shown.column.degradation.noise if shown.column.degradation else None
        if name == "noise" and isinstance(noise, Mixture | Each):
            drawn.insert(0, list(noise.noises)[int(values[line])])
        elif not np.isnan(values[line]):
            drawn.append(f"{name} {values[line]:.3g}")
    return f"{shown.values['psnr'][line]:.2f} dB, SSIM {shown.values['ssim'][line]:.3f}\n{', '.join(drawn)}"
