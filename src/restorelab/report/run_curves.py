"""Curves of one run: loss and metrics against optimizer steps."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from restorelab.report import plots
from restorelab.report.evaluations import added
from restorelab.report.sheet import wrapped
from restorelab.runs.metric import heading

OWN_AXIS = ("psnr", "ssim", "accuracy")
"""The metrics with axes of their own, if they were measured, besides those that a config adds."""

LETTERS = 11
"""Of the title that an inch holds."""

THIN: dict[str, Any] = {"lw": 0.9, "alpha": 0.8}

LINE = 0.17
"""Inches that a line of the title takes."""


def curves(history: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Draw the columns of a metrics.csv: training and validation loss in one axis, each metric in its own."""
    names = [name for name in [*OWN_AXIS, *added(history)] if f"val/{name}" in history]
    width = 3.7 * (1 + len(names))
    lines = wrapped(title, int(width * LETTERS))
    height = 3.05 + LINE * len(lines)
    figure = Figure(figsize=(width, height), dpi=110)
    figure.suptitle("\n".join(lines), fontsize=10, y=1 - 0.07 / height)
    # Fixed places: a layout engine draws everything twice more to find them.
    place = {"left": 0.66 / width, "right": 1 - 0.12 / width, "bottom": 0.5 / height, "wspace": 0.23}
    figure.subplots_adjust(**place, top=1 - (0.37 + LINE * len(lines)) / height)
    axes = figure.subplots(1, 1 + len(names), squeeze=False)[0]
    _draw(axes[0], history, ["train/loss", "val/loss"], ["training", "validation"])
    if plots.is_wide(np.concatenate([history.get(f"{part}/loss", []) for part in ("train", "val")])):
        axes[0].set_yscale("log")
    for axis, name in zip(axes[1:], names, strict=True):
        by_evaluation = [column for column in history if column.startswith(f"val/{name}/")]
        labels = [*(column.rsplit("/", 1)[-1] for column in by_evaluation), "mean" if by_evaluation else "validation"]
        _draw(axis, history, [*by_evaluation, f"val/{name}"], labels)
    for axis, name in zip(axes, ("loss", *names), strict=True):
        plots.over_steps(axis, title=heading(name))
        if axis.lines:
            axis.legend(fontsize=7)
    return figure


def _draw(axis: Axes, history: Mapping[str, Sequence[float]], columns: Sequence[str], labels: Sequence[str]) -> None:
    """Draw columns, each in its color; those of single evaluations are thin."""
    for number, (column, label) in enumerate(zip(columns, labels, strict=True)):
        points = [(x, y) for x, y in zip(history["step"], history.get(column, []), strict=False) if not math.isnan(y)]
        if points:
            axis.plot(
                *zip(*points, strict=True), label=label, color=plots.color(number), ms=3,
                marker="o" if len(points) < 12 else None, **(THIN if column.count("/") > 1 else {"lw": 1.6}),
            )  # fmt: skip
