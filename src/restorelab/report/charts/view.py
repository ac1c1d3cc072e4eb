"""A chart as its template shows it: its drawings, its legend, its numbers, and the points that the script reads."""

import json
import math

from restorelab.report.charts import draw
from restorelab.report.charts.data import Bars, Boxes, Chart, Lines
from restorelab.report.charts.lines import cut_off, most_of, thinned
from restorelab.report.charts.look import Looks
from restorelab.report.charts.numbers import numbers


class ChartView:
    """What `chart.html` needs to know of a chart. name: unique on the page.

    Attributes:
        drawings: SVG by the size of its place; none where nothing was measured.
        labels: that the legend explains; none of boxes and bars, whose lines bear names.
        points: of curves `[{run, name, x, y, low, high}]` as JSON, six digits, null for no number.
    """

    def __init__(self, chart: Chart, looks: Looks, name: str) -> None:
        self.kind = type(chart).__name__.lower()
        self.caption = f"{chart.caption} {cut_off(chart) if isinstance(chart, Lines) else ''}".strip()
        empty = draw.empty(chart)
        self.drawings = {} if empty else {size: draw.draw(chart, looks, name, size) for size in draw.SIZES}
        self.labels = [] if isinstance(chart, Boxes | Bars) else list(dict.fromkeys(draw.labels(chart)))
        self.points = _points(chart, looks) if isinstance(chart, Lines) and not empty else ""
        self.numbers = numbers(chart)


def _points(chart: Lines, looks: Looks) -> str:
    entries = []
    for series in chart.series:
        kept = thinned(series.x, series.y, most_of(chart))
        columns = {"x": series.x, "y": series.y, "low": series.low, "high": series.high}
        numbers = {key: [_six_digits(column[i]) for i in kept] for key, column in columns.items() if column}
        entries.append({"run": looks[series.label].number, "name": series.label, **numbers})
    return json.dumps(entries, separators=(",", ":"))


def _six_digits(value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.6g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded
