"""What plotted figures have in common: colors, sizes, axes, and letters that can be read at the page's width."""

import re
from importlib import resources
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from restorelab.report.charts import ticks
from restorelab.report.charts.look import MARKERS

DPI = 120

WIDTH = 8.6
"""Inches: what the page shows at its own size."""

STYLE = resources.files("restorelab.report").joinpath("assets", "style.css").read_text(encoding="utf-8")
COLORS = tuple(re.findall(r"--c\d: light-dark\((#\w+),", STYLE))
"""The colors of runs on a light page, which color-blind people can tell apart."""

RANGE = 20
"""How many times its least value a loss must reach before its axis becomes logarithmic by itself."""


def color(number: int) -> str:
    """Return the color of the run at that place."""
    return COLORS[number % len(COLORS)]


def marker(number: int) -> str:
    """Return matplotlib's name of the marker of the run at that place; runs of one color differ in it."""
    return list(MARKERS)[(number + number // len(COLORS)) % len(MARKERS)]


def blank(height: float, width: float = WIDTH) -> Figure:
    """Return an empty figure, in inches, that arranges itself."""
    engine = ConstrainedLayoutEngine(w_pad=0.09, h_pad=0.09)
    return Figure(figsize=(width, height), dpi=DPI, layout=engine, facecolor="white")


def is_wide(values: np.ndarray) -> bool:
    """Return whether finite values are all above 0 and span more than a factor of `RANGE`: for a logarithmic axis."""
    finite = values[np.isfinite(values)]
    return bool(finite.size and finite.min() > 0 and finite.max() > RANGE * finite.min())


def plain_log(axis: Axis, low: float, high: float) -> None:
    """Set the ticks of a logarithmic axis from `low` to `high`: plain numbers below a span of three decades."""
    span = high / low
    if span < 1000:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if span > 4 else (1, 1.5, 2, 3, 4, 5, 7)))
        axis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def over_steps(axis: Axes, **labels: Any) -> None:
    """Make the x axis one of optimizer steps: whole numbers, thousands as k. labels: as for `tidy`."""
    tidy(axis, xlabel="optimizer steps", **labels)
    axis.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, place: ticks.written(value)))


def tidy(axis: Axes, **labels: Any) -> None:
    """Draw quiet lines and readable numbers. labels: as for `Axes.set`."""
    axis.set(**labels)
    axis.grid(alpha=0.25, linewidth=0.7)
    axis.tick_params(labelsize=8)
    axis.xaxis.label.set_fontsize(8.5)
    axis.yaxis.label.set_fontsize(8.5)
    axis.title.set_fontsize(9.5)
    axis.spines[["top", "right"]].set_visible(False)
