"""Curves of one run: loss and metrics against optimizer steps."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from restorelab.report.evaluations import added
from restorelab.report.sheet import wrapped
from restorelab.runs.metric import METRICS

LABELS = {"psnr": "PSNR (dB)", "ssim": "SSIM", "accuracy": "accuracy"}
"""The metrics that have an axis of their own, where they were measured."""

LETTERS = 11
"""Of the title that an inch holds."""

LINE = 0.17
"""Inches that a line of the title takes."""


def curves(history: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Draw the columns of a metrics.csv: training and validation loss in one axis, each metric in its own."""
    labels = LABELS | {name: METRICS[name].label for name in added(history)}
    names = [name for name in labels if f"val/{name}" in history]
    width = 3.7 * (1 + len(names))
    lines = wrapped(title, int(width * LETTERS))
    height = 3.05 + LINE * len(lines)
    figure = Figure(figsize=(width, height), dpi=110)
    figure.suptitle("\n".join(lines), fontsize=10, y=1 - 0.07 / height)
    # Fixed places: a layout engine draws everything twice more to find them.
    place = {"left": 0.66 / width, "right": 1 - 0.12 / width, "bottom": 0.5 / height, "wspace": 0.23}
    figure.subplots_adjust(**place, top=1 - (0.37 + LINE * len(lines)) / height)
    axes = figure.subplots(1, 1 + len(names), squeeze=False)[0]
    _draw(axes[0], history, "train/loss", "training")
    _draw(axes[0], history, "val/loss", "validation")
    losses = [value for name in ("train/loss", "val/loss") for value in history.get(name, []) if value > 0]
    if losses and max(losses) > 20 * min(losses):
        axes[0].set_yscale("log")
    for axis, name in zip(axes[1:], names, strict=True):
        each = [column for column in history if column.startswith(f"val/{name}/")]
        for column in each:
            _draw(axis, history, column, column.rsplit("/", 1)[-1], thin=True)
        _draw(axis, history, f"val/{name}", "mean" if each else "validation")
    for axis, label in zip(axes, ("loss", *(labels[name] for name in names)), strict=True):
        axis.set_xlabel("optimizer steps", fontsize=8)
        axis.set_title(label, fontsize=9)
        axis.xaxis.set_major_locator(MaxNLocator(7, integer=True, min_n_ticks=1))
        axis.grid(alpha=0.3)
        axis.tick_params(labelsize=7)
        if axis.lines:
            axis.legend(fontsize=7)
    return figure


def _draw(axis: object, history: Mapping[str, Sequence[float]], name: str, label: str, *, thin: bool = False) -> None:
    points = [(x, y) for x, y in zip(history["step"], history.get(name, []), strict=False) if not math.isnan(y)]
    if points:
        style = {"lw": 0.9, "alpha": 0.8} if thin else {"lw": 1.6}
        marker = "o" if len(points) < 12 else None
        axis.plot(*zip(*points, strict=True), label=label, marker=marker, ms=3, **style)  # type: ignore[attr-defined]
