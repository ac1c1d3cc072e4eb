"""Points with their intervals, named where there is room; the Pareto front is joined."""

import math
from collections.abc import Sequence
from itertools import pairwise

from restorelab.report.charts import ticks
from restorelab.report.charts.data import Dot, Scatter
from restorelab.report.charts.frame import ABOVE, BELOW, BESIDE, SIZE, Axis, Frame, left_of, picture
from restorelab.report.charts.label_layout import Rectangle, beside, free
from restorelab.report.charts.look import Looks
from restorelab.report.charts.svg import element, path, short, width, words

LONGEST = 150
"""Pixels that a name may take."""


def scatter(chart: Scatter, looks: Looks, wide: float, high: float, name: str) -> str:
    """Draw the chart; a name that would cover another or a point is left to the legend and the tooltip."""
    dots = [
        dot for dot in chart.dots if math.isfinite(dot.y) and math.isfinite(dot.x) and (dot.x > 0 or not chart.log_x)
    ]
    y_low, y_high = ticks.extent([v for dot in dots for v in (dot.y, dot.low, dot.high)], 0.08)
    left = left_of((y_low, y_high), high)
    whole = ticks.counts(dot.x for dot in dots)
    x = Axis(*_x_extent(dots, chart.log_x), left, wide - BESIDE, chart.log_x, whole)
    frame = Frame(wide, high, x, Axis(y_low, y_high, high - BELOW, ABOVE))
    parts = [frame.drawn(chart.x_label, chart.y_label), path(_steps(dots, frame), class_="front")]
    parts += [_dot(dot, chart, looks, frame) for dot in dots]
    parts.append(_names(dots, looks, frame, _lines_of(dots, frame)))
    return picture(wide, high, *parts, title=chart.title, text=described(chart), kind="scatter")


def described(chart: Scatter) -> str:
    """Describe the chart in words."""
    front = ", ".join(dot.label for dot in sorted(chart.dots, key=lambda dot: dot.x) if dot.front)
    ends = sorted((dot for dot in chart.dots if math.isfinite(dot.y)), key=lambda dot: dot.y, reverse=not chart.lower)
    top = f" The best is {ends[0].label} with {ticks.exact(ends[0].y)}." if ends else ""
    joined = f" On the front: {front}." if front else ""
    return f"{chart.y_label} against {chart.x_label} of {len(chart.dots)} runs.{top}{joined}"


def _x_extent(dots: Sequence[Dot], log: bool) -> tuple[float, float]:
    xs = [x for dot in dots for x in (dot.x, dot.left, dot.right) if x is not None and (x > 0 or not log)]
    if not log or not xs:
        return ticks.extent(xs, 0.07)
    low, high = math.log10(min(xs)), math.log10(max(xs))
    room = max((high - low) * 0.07, 0.08)
    return 10 ** (low - room), 10 ** (high + room)


def _steps(dots: Sequence[Dot], frame: Frame) -> list[tuple[float, float]]:
    """The corners of the front, which runs in steps: what is the best for no more than that x."""
    front = sorted((dot for dot in dots if dot.front), key=lambda dot: dot.x)
    points: list[tuple[float, float]] = []
    for dot in front:
        x, y = frame.x.place(dot.x), frame.y.place(dot.y)
        if points:
            points.append((x, points[-1][1]))
        points.append((x, y))
    if points:
        points.append((frame.x.end, points[-1][1]))
    return points


def _lines_of(dots: Sequence[Dot], frame: Frame) -> list[Rectangle]:
    """What is drawn beside the markers, as thin rectangles: the front's steps and the intervals."""
    ends = list(pairwise(_steps(dots, frame)))
    for dot in dots:
        x, y = frame.x.place(dot.x), frame.y.place(dot.y)
        if dot.low is not None and dot.high is not None:
            ends.append(((x, frame.y.place(dot.low)), (x, frame.y.place(dot.high))))
        if dot.left is not None and dot.right is not None:
            ends.append(((frame.x.place(dot.left), y), (frame.x.place(dot.right), y)))
    return [(min(a, c) - 1, min(b, d) - 1, max(a, c) + 1, max(b, d) + 1) for (a, b), (c, d) in ends]


def _dot(dot: Dot, chart: Scatter, looks: Looks, frame: Frame) -> str:
    look, x, y = looks[dot.label], frame.x.place(dot.x), frame.y.place(dot.y)
    error = ""
    tip = [dot.label, f"{chart.y_label}: {ticks.exact(dot.y)}"]
    if dot.low is not None and dot.high is not None:
        low, high = frame.y.place(dot.low), frame.y.place(dot.high)
        error = element("path", d=f"M{x:.1f} {low:.1f}V{high:.1f}", class_="error")
        tip[1] += f" [{ticks.exact(dot.low)}, {ticks.exact(dot.high)}]"
    tip.append(f"{chart.x_label}: {ticks.exact(dot.x)}")
    if dot.left is not None and dot.right is not None:
        left, right = frame.x.place(dot.left), frame.x.place(dot.right)
        error += element("path", d=f"M{left:.1f} {y:.1f}H{right:.1f}", class_="error")
        tip[2] += f" [{ticks.exact(dot.left)}, {ticks.exact(dot.right)}]"
    if dot.front:
        tip.append("on the Pareto front")
    target = element("circle", cx=x, cy=y, r=11, class_="target")
    return element("g", error, look.marker(x, y, 1.25), target, class_=f"run mark {look.css}",
                   data_run=str(look.number), data_tip="\n".join(tip))  # fmt: skip


def _names(dots: Sequence[Dot], looks: Looks, frame: Frame, lines: Sequence[Rectangle]) -> str:
    """The names that find a place beside their point, clear of all other names, points and lines."""
    left, top, broad, tall = frame.box
    within = (left, top - 8, left + broad + 6, top + tall)
    places = [(dot, frame.x.place(dot.x), frame.y.place(dot.y)) for dot in dots]
    occupied: list[Rectangle] = [(x - 6, y - 6, x + 6, y + 6) for _, x, y in places]
    names = []
    for dot, x, y in sorted(places, key=lambda item: (not item[0].front, item[2])):
        label = short(dot.label, LONGEST, SIZE - 1)
        marker_box = (x - 6, y - 6, x + 6, y + 6)
        others = [rectangle for rectangle in occupied if rectangle != marker_box]
        for place, anchor in beside(x, y, width(label, SIZE - 1), SIZE, 9):
            if free(place, [*others, *lines], within):
                occupied.append(place)
                at = {"start": place[0], "end": place[2], "middle": (place[0] + place[2]) / 2}[anchor]
                text = words(label, at, place[3] - 2, class_="name", text_anchor=anchor, font_size=SIZE - 1)
                names.append(element("g", text, class_="run", data_run=str(looks[dot.label].number)))
                break
    return "".join(names)
