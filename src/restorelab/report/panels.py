"""Panels: degraded | restored | clean | error, a row an image, with the numbers under each picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from restorelab.metrics.protocol import Protocol
from restorelab.report.detail import Box, busiest, cut, detail
from restorelab.report.pixels import shown_bands
from restorelab.report.sheet import CELL, DPI, GAP, MARGIN, SheetPicture, sheet, shown, times

RANGES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Absolute errors that the brightest color may stand for."""

COLORS = "magma"
"""Of matplotlib, perceptually uniform: black is no error, the brightest is the end of the range."""

BAR = 10
"""Pixels that the bar of the colors is high."""


@dataclass(frozen=True)
class PanelRow:
    """One image of a panel: `degraded`, `restored`, `clean` are (C, H, W) in [0, 1]; `title` is its name."""

    title: str
    degraded: Tensor
    restored: Tensor
    clean: Tensor


def panel(rows: Sequence[PanelRow], protocol: Protocol, title: str) -> Figure:
    """Draw a panel. The error is the absolute difference, its mean over the channels.

    The colors of the error reach to the degraded images' root mean squared error, rounded up to one of `RANGES`: it is
    the same for every network, so that panels of one evaluation can be compared. Of an image larger than a cell the
    part with the most detail is shown; the numbers are of the whole image.
    """
    input_values = [protocol.measure_input(row.degraded[None], row.clean[None]) for row in rows]
    got = [protocol.measure(row.restored[None], row.clean[None]) for row in rows]
    errors = [(row.restored.clamp(0, 1) - row.clean).abs().mean(dim=0) for row in rows]
    most = reach(float(np.sqrt(np.mean([float(values["mse"]) for values in input_values]))))
    lines = []
    for row, before, after, error in zip(rows, input_values, got, errors, strict=True):
        box = _box(row)
        size = (box[3], box[2])
        zoom, scale = times(*size), max(1, row.clean.shape[-2] // row.degraded.shape[-2])
        notes = (f"input: {_note(before)}", _note(after), row.title + _part(box, row.clean))
        images = (cut(row.degraded, box, scale), cut(row.restored, box), cut(row.clean, box))
        line = [shown(image, size, zoom, CELL, note) for image, note in zip(images, notes, strict=True)]
        colored = colors(cut(error, box).numpy() / most)
        line.append(SheetPicture(colored, size[0] * zoom, size[1] * zoom, f"mean error {float(error.mean()):.4f}"))
        lines.append(line)
    wide = max(picture.width for line in lines for picture in line)
    nothing = SheetPicture(np.full((1, 1), 255, np.uint8), BAR, wide)
    bar = SheetPicture(colors(np.linspace(0, 1, 256)[None]), BAR, wide)
    heads = [("degraded", ""), ("restored", ""), ("clean", ""), ("absolute error", "")]
    bands = shown_bands(len(rows[0].clean))
    title = f"{title} ({bands})" if bands else title
    figure = sheet([*lines, [nothing, nothing, nothing, bar]], heads, title=title)
    _ends(figure, wide, most)
    return figure


def reach(error: float) -> float:
    """The end of the colors' range for degraded images with that root mean squared error."""
    return next((value for value in RANGES if value >= error), RANGES[-1])


def colors(share: np.ndarray) -> np.ndarray:
    """Shares of the range (H, W), 1 and more being its end, as colors (H, W, 3) uint8."""
    return np.asarray(matplotlib.colormaps[COLORS](np.nan_to_num(share, nan=1.0), bytes=True))[..., :3]


def _box(row: PanelRow) -> Box:
    height, width = row.clean.shape[-2:]
    if max(height, width) <= CELL:
        return 0, 0, width, height
    return busiest(detail(row.clean), CELL, CELL, step=max(1, height // row.degraded.shape[-2]))


def _part(box: Box, clean: Tensor) -> str:
    height, width = clean.shape[-2:]
    return "" if box[2:] == (width, height) else f"\n{box[2]}x{box[3]} of its {width}x{height} pixels"


def _note(values: dict[str, Tensor]) -> str:
    return f"{float(values['psnr']):.2f} dB, SSIM {float(values['ssim']):.3f}"


def _ends(figure: Figure, wide: int, most: float) -> None:
    """Write what the bar's colors stand for under it: the sheet's last row, in the last column."""
    width, height = (float(side) * DPI for side in figure.get_size_inches())
    cell = (width - 2 * MARGIN + GAP) / 4 - GAP
    left = width - MARGIN - cell / 2 - wide / 2
    for share, text, align in (
        (0.0, "0", "left"),
        (0.5, f"{most / 2:g}", "center"),
        (1.0, f"{most:g} or more", "right"),
    ):
        place = ((left + share * wide) / width, (MARGIN + 14) / height)
        figure.text(*place, text, fontsize=7, ha=align, va="top", color="#333333")
