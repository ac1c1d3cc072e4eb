"""What the plotted figures have in common: colours, sizes, and letters that can be read at the page's width."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

DPI = 120

WIDTH = 8.6
"""Inches: what the page shows at its own size."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C564B")
"""Okabe and Ito's palette, which colour-blind people can tell apart, without its yellow; brown is added."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
"""By run, so that two runs never differ by their colour alone."""


def colour(number: int) -> str:
    """The colour of the run at that place."""
    return COLOURS[number % len(COLOURS)]


def marker(number: int) -> str:
    """The marker of the run at that place; runs of one colour differ in it."""
    return MARKERS[(number + number // len(COLOURS)) % len(MARKERS)]


def blank(height: float, width: float = WIDTH) -> Figure:
    """An empty figure, in inches, that arranges itself."""
    engine = ConstrainedLayoutEngine(w_pad=0.09, h_pad=0.09)
    return Figure(figsize=(width, height), dpi=DPI, layout=engine, facecolor="white")


def plain_log(axis: Axis, low: float, high: float) -> None:
    """Ticks of a logarithmic axis from `low` to `high`: plain numbers where it spans less than three decades."""
    span = high / low
    if span < 1000:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if span > 4 else (1, 1.5, 2, 3, 4, 5, 7)))
        axis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def tidy(axis: Axes, **labels: Any) -> None:
    """Quiet lines, readable numbers. labels: as for `Axes.set`."""
    axis.set(**labels)
    axis.grid(alpha=0.25, linewidth=0.7)
    axis.tick_params(labelsize=8)
    axis.xaxis.label.set_fontsize(8.5)
    axis.yaxis.label.set_fontsize(8.5)
    axis.title.set_fontsize(9.5)
    axis.spines[["top", "right"]].set_visible(False)
