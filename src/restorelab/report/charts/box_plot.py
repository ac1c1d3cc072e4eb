"""Distributions, a line a run: the names stand where they can be read, however many there are."""

import math
from collections.abc import Sequence

from restorelab.report.charts import ticks
from restorelab.report.charts.data import Box, Boxes
from restorelab.report.charts.frame import BESIDE, SIZE, Axis, axis_below, picture
from restorelab.report.charts.look import Looks
from restorelab.report.charts.svg import element, short, width, words

ROW = 23
"""Pixels of a line."""

ROOM = 0.36
"""Share of the drawing that the names may take."""


def name_room(labels: Sequence[str], wide: float) -> float:
    """Pixels for names at the left of a drawing."""
    return min(wide * ROOM, 16 + max((width(label, SIZE) for label in labels), default=0))


def boxes(chart: Boxes, looks: Looks, wide: float, high: float, name: str) -> str:
    """Draw: whiskers, box, median, mean (a diamond) and what lies outside; the height follows the number of lines."""
    finite = [box for box in chart.boxes if math.isfinite(box.median)]
    left = name_room([box.label for box in finite], wide)
    axis = Axis(*ticks.extent([v for box in finite for v in (box.low, box.high, box.mean, *box.outliers)], 0.03),
                left, wide - BESIDE)  # fmt: skip
    bottom = 10 + ROW * len(finite)
    parts = [element("g", axis_below(axis, bottom, grid_to=6), words(chart.y_label, axis.end, bottom + 38,
             class_="title", text_anchor="end"), class_="axes")]  # fmt: skip
    for number, box in enumerate(finite):
        parts.append(_box(box, looks, axis, 10 + ROW * (number + 0.5), left, chart.y_label))
    return picture(wide, bottom + 46, *parts, title=chart.title, text=described(chart), kind="boxes")


def described(chart: Boxes) -> str:
    """Describe the chart in words."""
    summaries = (f"{box.label} {ticks.exact(box.median)} ({ticks.exact(box.q1)} to {ticks.exact(box.q3)})"
            for box in chart.boxes)  # fmt: skip
    return f"{chart.y_label}, median and quartiles: {'; '.join(summaries)}."


def _box(box: Box, looks: Looks, axis: Axis, y: float, left: float, what: str) -> str:
    look = looks[box.label]
    low, q1, median, q3, high, mean = map(axis.place, (box.low, box.q1, box.median, box.q3, box.high, box.mean))
    outside = {round(axis.place(value)): None for value in box.outliers if math.isfinite(value)}
    parts = [
        words(short(box.label, left - 14, SIZE), left - 12, y + 4, text_anchor="end", class_="name"),
        element("path", d="".join(f"M{x - 1.5} {y:.1f}h3" for x in outside), class_="outliers") if outside else "",
        element("path", d=f"M{low:.1f} {y:.1f}H{q1:.1f}M{q3:.1f} {y:.1f}H{high:.1f}"
                          f"M{low:.1f} {y - 4:.1f}v8M{high:.1f} {y - 4:.1f}v8", class_="whisker"),
        element("rect", x=q1, y=y - 6.5, width=max(q3 - q1, 0.5), height=13, rx=1.5, class_="box"),
        element("path", d=f"M{median:.1f} {y - 6.5:.1f}v13", class_="median"),
        element("path", d=f"M{mean:.1f} {y - 3.6:.1f}l3.6 3.6l-3.6 3.6l-3.6 -3.6Z", class_="mean"),
        element("rect", x=0, y=y - ROW / 2, width=axis.end, height=ROW, class_="target"),
    ]  # fmt: skip
    tip = [
        box.label, f"median {ticks.exact(box.median)}, mean {ticks.exact(box.mean)}",
        f"quartiles {ticks.exact(box.q1)} to {ticks.exact(box.q3)}",
        f"whiskers {ticks.exact(box.low)} to {ticks.exact(box.high)}", f"{len(box.outliers)} outside · {what}",
    ]  # fmt: skip
    return element("g", *parts, class_=f"run mark {look.css}", data_run=str(look.number), data_tip="\n".join(tip))
