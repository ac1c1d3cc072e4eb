"""Curves: training curves, and PSNR against the noise level with the training range shaded."""

import math
from collections.abc import Sequence

from restorelab.report.charts import ticks
from restorelab.report.charts.data import Lines, Series, Span
from restorelab.report.charts.frame import ABOVE, BELOW, BESIDE, SIZE, Axis, Frame, left_of, picture
from restorelab.report.charts.label_layout import spread
from restorelab.report.charts.look import Look, Looks
from restorelab.report.charts.svg import element, number, path, short, width, words

MOST, ALL = 160, 6000
"""Points of a line at most, and of a chart, about: more cannot be told apart, and a page has many lines."""

FEW = 12
"""Points up to which each has a marker."""

ROOM, KEY = 170, 46
"""Pixels that names at the right may take at most, and those that their joints and keys take."""


def lines(chart: Lines, looks: Looks, wide: float, high: float, name: str) -> str:
    """Draw the chart; in wide drawings names stand at the ends of the lines. name: unique, for clipping."""
    named = wide > 560
    letters = SIZE - 0.5
    widest = max((width(series.label, letters) for series in chart.series), default=0)
    right = min(ROOM, widest) + KEY if named else BESIDE
    low, high_y = visible(chart.series)
    left = left_of((low, high_y), high)
    xs = [x for series in chart.series for x in series.x if not chart.log_x or x > 0]
    x_low, x_high = ticks.extent(xs, 0.0)
    if chart.log_x and xs:  # a single place has no stretch of its own
        x_low, x_high = (min(xs), max(xs)) if max(xs) > min(xs) else (min(xs) / 2, max(xs) * 2)
    x = Axis(x_low, x_high, left, wide - right, chart.log_x, ticks.counts(xs))
    frame = Frame(wide, high, x, Axis(low, high_y, high - BELOW, ABOVE))
    parts = [
        frame.clip(name),
        *(_shade(span, frame) for span in chart.shaded),
        frame.drawn(chart.x_label, chart.y_label),
    ]
    drawn = [_line(series, looks[series.label], frame, most_of(chart)) for series in chart.series]
    parts.append(element("g", *drawn, clip_path=f"url(#{name})") if drawn else "")
    if named:
        parts.append(_names(chart.series, looks, frame, right))
    return picture(wide, high, *parts, title=chart.title, text=described(chart), kind="lines", facts=frame.facts())


def visible(series: Sequence[Series]) -> tuple[float, float]:
    """The part of the y axis that is shown: a few first, wild values do not flatten all that follows.

    A run starts far from where it ends; where less than a twentieth of all values takes more than a third of the
    height, they are cut off.
    """
    values = sorted(y for line in series for y in line.y if math.isfinite(y))
    if len(values) < 40:
        bands = [v for line in series for v in [*(line.low or []), *(line.high or [])] if math.isfinite(v)]
        return ticks.extent([*values, *bands])
    low, high = values[0], values[-1]
    inner_low, inner_high = values[len(values) // 20], values[-1 - len(values) // 20]
    inner = inner_high - inner_low
    low = inner_low if inner_low - low > inner / 2 else low
    high = inner_high if high - inner_high > inner / 2 else high
    return ticks.extent([low, high])


def most_of(chart: Lines) -> int:
    """How many points of each line are drawn."""
    return max(40, min(MOST, ALL // max(len(chart.series), 1)))


def cut_off(chart: Lines) -> str:
    """Describe what the drawing leaves out, in a sentence; empty if it shows everything."""
    low, high = visible(chart.series)
    out = sum(not low <= y <= high for series in chart.series for y in series.y if math.isfinite(y))
    return f"{out} values far from the others are cut off." if out else ""


def thinned(x: Sequence[float], y: Sequence[float], most: int) -> list[int]:
    """Which points of a line to keep: its first and last, and of each stretch between the least and the greatest."""
    count = len(x)
    if count <= most:
        return list(range(count))
    kept = {0, count - 1}
    stretches = most // 2 - 1
    for number_ in range(stretches):
        part = range(1 + number_ * (count - 2) // stretches, 1 + (number_ + 1) * (count - 2) // stretches)
        finite = [place for place in part if math.isfinite(y[place])]
        if finite:
            kept |= {min(finite, key=lambda place: y[place]), max(finite, key=lambda place: y[place])}
    return sorted(kept)


def described(chart: Lines) -> str:
    """Describe the chart in words."""
    ends = []
    for series in chart.series:
        finite = [(x, y) for x, y in zip(series.x, series.y, strict=True) if math.isfinite(y)]
        if finite:
            ends.append(f"{series.label} from {ticks.exact(finite[0][1])} to {ticks.exact(finite[-1][1])}")
    return f"{chart.y_label} against {chart.x_label}: {'; '.join(ends) or 'nothing was measured'}."


def _line(series: Series, look: Look, frame: Frame, most: int) -> str:
    kept = thinned(series.x, series.y, most)
    points = [(frame.x.place(series.x[i]), frame.y.place(series.y[i])) for i in kept]
    band = ""
    if series.low is not None and series.high is not None:
        low, high = series.low, series.high
        edge = [(frame.x.place(series.x[i]), frame.y.place(side[i])) for side, order in
                ((high, kept), (low, kept[::-1])) for i in order]  # fmt: skip
        finite = [point for point in edge if not any(map(math.isnan, point))]
        joined = " ".join(f"{number(x)},{number(y)}" for x, y in finite)
        band = element("polygon", points=joined, class_="band") if len(finite) > 2 else ""
    seen = [point for point in points if not any(map(math.isnan, point))]
    marks = "".join(look.marker(x, y, 0.85) for x, y in seen) if len(seen) <= FEW else ""
    stroke = path(points, class_="line", stroke_dasharray=look.dash)
    return element("g", band, stroke, marks, class_=f"run {look.css}", data_run=str(look.number))


def _shade(span: Span, frame: Frame) -> str:
    left, top, broad, tall = frame.box
    edges = [frame.x.place(value) for value in (span.low, span.high)]
    start, end = (min(max(left if math.isnan(edge) else edge, left), left + broad) for edge in edges)
    # A training at one level is a stretch of no width: a line that can still be seen.
    start, end = (start - 1.5, end + 1.5) if end - start < 3 else (start, end)
    label = short(span.label, max(end - start, 90), SIZE - 1.5)
    anchor = "end" if start + width(label, SIZE) > left + broad else "start"
    return element(
        "g", element("rect", x=start, y=top, width=end - start, height=tall),
        words(label, end - 4 if anchor == "end" else start + 4, top + 12, text_anchor=anchor), class_="span",
    )  # fmt: skip


def _names(series: Sequence[Series], looks: Looks, frame: Frame, room: float) -> str:
    """Names at the right ends, joined to them where they had to move."""
    _, top, broad, tall = frame.box
    edge = frame.x.start + broad
    ends = []
    for line in series:
        places = [(frame.x.place(x), frame.y.place(y)) for x, y in zip(line.x, line.y, strict=True)]
        places = [place for place in places if not any(map(math.isnan, place))]
        if places:
            x, y = places[-1]
            ends.append((line.label, x, min(max(y, top), top + tall)))
    heights = spread([y for _, _, y in ends], SIZE + 2.5, top - 8, top + tall + 10)
    names = []
    crowded = (tall + 18) / max(len(ends), 1)
    size = min(SIZE - 0.5, max(7.0, crowded))
    for (label, x, y), height in zip(ends, heights, strict=True):
        look = looks[label]
        near = edge - x < broad / 5  # a line that ends earlier is recognized by its color and dashes
        joint = path([(x, y), (edge + 5, y), (edge + 17, height)], class_="joint") if near else ""
        key = path([(edge + 17, height), (edge + 33, height)], class_="line", stroke_dasharray=look.dash)
        text = words(short(label, room - KEY + 1, size), edge + 38, height + 4, class_="name", font_size=size)
        names.append(element("g", joint, key, text, class_=f"run {look.css}", data_run=str(look.number)))
    return "".join(names)
