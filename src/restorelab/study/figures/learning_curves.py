"""Curves of several runs in one axis, against optimizer steps."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from restorelab.errors import ConfigError, DataError
from restorelab.report import plots
from restorelab.runs.curves import Band, over_seeds, smoothed
from restorelab.runs.metric import heading
from restorelab.runs.record import Record, Runs


@dataclass(frozen=True)
class Curves:
    """Training and validation curves: an axis a list of `columns`, a color a run, training dashed, validation solid.

    With several seeds a line is their mean, and a band goes from the lowest seed to the highest.

    columns: of metrics.csv, such as [[train/loss, val/loss], [val/psnr], [val/accuracy]]. log: the scale of losses and
    errors; null: logarithmic where they span more than a factor of 20. smooth: rows that a running mean takes in.
    skip_first: steps left out at the start, such as 1000. x_max: the last step shown. labels: what to call a run.
    """

    caption: str
    runs: list[str]
    columns: list[list[str]] = field(default_factory=lambda: [["train/loss", "val/loss"], ["val/psnr"], ["val/ssim"]])
    log: bool | None = None
    smooth: int = 1
    skip_first: int = 0
    x_max: int | None = None
    labels: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.runs or not self.columns or self.smooth < 1:
            msg = (
                f"figure of curves: runs={self.runs}, columns={self.columns}, smooth={self.smooth}: at least one each."
            )
            raise ConfigError(msg)

    def __call__(self, runs: Runs) -> Figure:
        """Draw.

        Raises:
            ConfigError: for a run or a column that is not there.
            DataError: for a run that did not train, or has nothing within the steps shown.
        """
        lines = {
            name: {c: over_seeds([self._seed(r, c) for r in runs[name]]) for row in self.columns for c in row}
            for name in self.runs
        }
        entries = self._legend(runs)
        width = plots.WIDTH if len(self.columns) > 1 else 6.2
        # A letter of the legend takes about 0.073 inches, a line and its gaps seven more.
        widest = (max(len(str(entry.get_label())) for entry in entries) + 7) * 0.073
        lines_below = math.ceil(len(entries) / max(1, int(width / widest)))
        figure = plots.blank(2.75 + 0.2 * lines_below, width)
        for axis, columns in zip(figure.subplots(1, len(self.columns), squeeze=False)[0], self.columns, strict=True):
            alone = all(column.startswith("train/") for column in columns)
            for number, name in enumerate(self.runs):
                for column in columns:
                    training = column.startswith("train/")
                    _draw(axis, number, lines[name][column], dashed=training, behind=training and not alone)
            self._finish(axis, columns, [lines[name][column] for name in self.runs for column in columns])
        figure.legend(
            handles=entries, loc="outside lower center", ncols=math.ceil(len(entries) / lines_below), fontsize=8,
            frameon=False,
        )  # fmt: skip
        return figure

    def _seed(self, record: Record, column: str) -> tuple[np.ndarray, np.ndarray]:
        steps, measured = record.curve(column)
        values = smoothed(measured, self.smooth)
        kept = (steps >= self.skip_first) & (steps <= (self.x_max or np.inf))
        if not kept.any():
            of = f"run {record.name}, seed {record.seed}: {column}"
            msg = f"{of} has no value among the steps shown; its last is at step {steps.max():.0f}."
            raise DataError(msg)
        return steps[kept], values[kept]

    def _legend(self, runs: Runs) -> list[Line2D | Patch]:
        entries: list[Line2D | Patch] = [
            Line2D([], [], color=plots.color(i), marker=plots.marker(i), ms=4.5, lw=1.8, label=self.labels.get(n, n))
            for i, n in enumerate(self.runs)
        ]
        shown = {column.partition("/")[0] for columns in self.columns for column in columns}
        if {"train", "val"} <= shown:
            entries += [
                Line2D([], [], color="#555555", lw=1.2, ls=(0, (4, 2)), label="training"),
                Line2D([], [], color="#555555", lw=1.8, label="validation"),
            ]
        most = max(len(runs[name]) for name in self.runs)
        if most > 1:
            entries.append(Patch(color="#555555", alpha=0.2, lw=0, label=f"lowest to highest of {most} seeds"))
        return entries

    def _finish(self, axis: Axes, columns: Sequence[str], lines: Sequence[Band]) -> None:
        metrics = [column.split("/")[1] if "/" in column else column for column in columns]
        names = dict.fromkeys("learning rate" if metric == "lr" else heading(metric) for metric in metrics)
        places = dict.fromkeys(column.split("/")[2] for column in columns if column.count("/") > 1)
        title = ", ".join(names) + (f" under {', '.join(places)}" if places else "")
        parts = {column.partition("/")[0] for column in columns}
        only = {"train": "training ", "val": "validation "}.get(next(iter(parts)), "") if len(parts) == 1 else ""
        plots.over_steps(axis, title=f"{only}{title}")
        means = np.concatenate([line.mean for line in lines])
        if set(metrics) <= {"loss", "mse"} and (plots.is_wide(means) if self.log is None else self.log):
            axis.set_yscale("log")
            plots.plain_log(axis.yaxis, means.min(), means.max())
        axis.set_xlim(self.skip_first, self.x_max)


def _draw(axis: Axes, number: int, line: Band, *, dashed: bool, behind: bool) -> None:
    """One run's line; `behind` others it is thin, without band and markers."""
    steps, mean, low, high = line
    color = plots.color(number)
    if not behind and (high > low).any():
        axis.fill_between(steps, low, high, color=color, alpha=0.16, lw=0)
    look: dict[str, Any] = {"ls": (0, (4, 2)) if dashed else "-", "lw": 1.1 if behind else 1.8}
    axis.plot(steps, mean, color=color, alpha=0.85 if behind else 1, **look)
    if not behind:
        # A few markers, at other places for each run, so that lines on top of each other can be distinguished.
        places = np.unique(np.linspace(0, len(steps) - 1, min(len(steps), 6)).round().astype(int))
        axis.plot(steps[places], mean[places], color=color, marker=plots.marker(number), ms=4.5, ls="", clip_on=False)
