"""A plot's rectangle with its two axes: grid, ticks and titles, and where values lie in it."""

import html
import math
from collections.abc import Callable
from dataclasses import dataclass

from restorelab.report.charts import ticks
from restorelab.report.charts.svg import element, number, short, width, words

SIZE, EDGE = 12, 6
"""Pixels: of the letters of an axis, and of half a marker."""


ABOVE, BELOW, BESIDE = 34, 48, 20
"""Pixels around a plot: for the title of its y axis, for its x axis, and for half a number at its right."""


def rows(tall: float) -> int:
    """How many ticks a y axis of that height has, about."""
    return max(3, int(tall / 46))


@dataclass(frozen=True)
class Axis:
    """Values from `low` to `high`, drawn from pixel `start` to `end`; of y, which grows upward, `start` is larger.

    whole: its values are counts, so that only whole numbers are ticks.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False
    whole: bool = False

    def place(self, value: float) -> float:
        """The pixel of a value; NaN for NaN, and for what a log axis has not."""
        if not math.isfinite(value) or (self.log and value <= 0):
            return math.nan
        bend: Callable[[float], float] = math.log10 if self.log else float
        share = (bend(value) - bend(self.low)) / (bend(self.high) - bend(self.low))
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int) -> list[float]:
        """Nice numbers on it."""
        choose = ticks.logarithmic if self.log else ticks.linear
        return choose(self.low, self.high, most, whole=self.whole)


@dataclass(frozen=True)
class Frame:
    """The plot of a drawing that is `wide` x `high` pixels large; x runs to the right, y upward."""

    wide: float
    high: float
    x: Axis
    y: Axis

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, width and height of the plot, in pixels."""
        return self.x.start, self.y.end, self.x.end - self.x.start, self.y.start - self.y.end

    def drawn(self, x_label: str, y_label: str) -> str:
        """Grid lines across, ticks below and at the left, titles at the ends of the axes."""
        left, top, broad, tall = self.box
        bottom, right = top + tall, left + broad
        values = self.y.ticks(rows(tall))
        parts = []
        for value in values:
            y = self.y.place(value)
            parts.append(element("line", x1=left, x2=right, y1=y, y2=y, class_="grid"))
            parts.append(words(ticks.written(value, values), left - 8, y + 4, text_anchor="end"))
        parts += [axis_below(self.x, bottom), words(y_label, 0, top - 14, class_="title")]
        room = self.wide - max(left, 0)
        parts.append(words(short(x_label, room, SIZE), right, bottom + 38, class_="title", text_anchor="end"))
        return element("g", *parts, class_="axes")

    def clip(self, name: str) -> str:
        """A definition that cuts at the plot's edge, a marker's width further out at its sides."""
        left, top, broad, tall = self.box
        rectangle = element("rect", x=left - EDGE, y=top, width=broad + 2 * EDGE, height=tall)
        return element("clipPath", rectangle, id=name)

    def facts(self) -> str:
        """The plot for a script: its box and the values at its edges, `left top width height low high log`."""
        box = " ".join(number(value) for value in self.box)
        return f"{box} {self.x.low!r} {self.x.high!r} {int(self.x.log)} {self.y.low!r} {self.y.high!r}"


def axis_below(axis: Axis, bottom: float, *, grid_to: float | None = None) -> str:
    """An x axis: a line, ticks and their numbers below it; grid lines up to `grid_to`."""
    most = max(2, int((axis.end - axis.start) / 62))
    values = axis.ticks(most)
    parts = [element("line", x1=axis.start, x2=axis.end, y1=bottom, y2=bottom, class_="base")]
    for value in values:
        x = axis.place(value)
        parts.append(element("line", x1=x, x2=x, y1=bottom if grid_to is None else grid_to, y2=bottom + 4,
                             class_="tick" if grid_to is None else "grid"))  # fmt: skip
        parts.append(words(ticks.written(value, values), x, bottom + 18, text_anchor="middle"))
    return "".join(parts)


def left_of(extent: tuple[float, float], high: float) -> float:
    """Pixels that the numbers of a y axis between two values take, at its left; `high`: of the drawing."""
    values = ticks.linear(*extent, rows(high - ABOVE - BELOW))
    return 14 + max((width(ticks.written(value, values), SIZE) for value in values), default=0)


def picture(wide: float, high: float, *inner: str, title: str, text: str, kind: str, facts: str | None = None) -> str:
    """The drawing: an image to a screen reader, with a name and a description."""
    return element(
        "svg", element("desc", html.escape(text)), *inner, class_=f"chart {kind}",
        viewBox=f"0 0 {number(wide)} {number(high)}", width=wide, height=high, role="img", aria_label=title,
        data_plot=facts,
    )  # fmt: skip
