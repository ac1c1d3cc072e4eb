"""A chart as a table: the numbers behind the drawing, for screen readers and for taking along."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from restorelab.report.charts import ticks
from restorelab.report.charts.data import Bars, Boxes, Chart, HeatMap, Lines, Scatter
from restorelab.report.table import Cell, Table

FEW = 12
"""Places of the x axis that a table shows in full; of longer curves it shows the ends and the extremes."""


def numbers(chart: Chart) -> Table:
    """The chart's numbers, a row a run."""
    return NUMBERS[type(chart)](chart)


def cell(value: float | None) -> Cell:
    """Format a number for readers, and in full for the CSV."""
    finite = value is not None and math.isfinite(value)
    return Cell(ticks.exact(value), value=value if finite else None)


def _row(label: str, values: Sequence[float | None]) -> list[Cell]:
    return [Cell(label), *map(cell, values)]


def _lines(chart: Lines) -> Table:
    places = sorted({x for series in chart.series for x in series.x})
    if len(places) <= FEW:
        head = ["", *(f"{chart.x_label} {ticks.exact(x)}" for x in places)]
        rows = []
        for series in chart.series:
            at = dict(zip(series.x, series.y, strict=True))
            rows.append(_row(series.label, [at.get(x) for x in places]))
        return Table(f"{chart.title}: {chart.y_label}", head, rows)
    head = ["", *(f"{name} {chart.y_label}" for name in ("first", "last", "least", "greatest")), "points"]
    rows = []
    for series in chart.series:
        finite = [y for y in series.y if math.isfinite(y)]
        ends = [finite[0], finite[-1], min(finite), max(finite)] if finite else [None] * 4
        rows.append([*_row(series.label, ends), Cell(str(len(finite)), value=float(len(finite)))])
    return Table(chart.title, head, rows)


def _scatter(chart: Scatter) -> Table:
    head = ["", chart.x_label, chart.y_label, "low", "high", "front"]
    across = any(dot.left is not None for dot in chart.dots)
    rows = []
    for dot in chart.dots:
        row = [*_row(dot.label, [dot.x, dot.y, dot.low, dot.high]), Cell("yes" if dot.front else "")]
        rows.append([*row, cell(dot.left), cell(dot.right)] if across else row)
    head += [f"{chart.x_label}, {side} quartile" for side in ("lower", "upper")] if across else []
    return Table(chart.title, head, rows)


def _boxes(chart: Boxes) -> Table:
    head = ["", "low", "q1", "median", "q3", "high", "mean", "outside"]
    rows = [
        _row(box.label, [box.low, box.q1, box.median, box.q3, box.high, box.mean, float(len(box.outliers))])
        for box in chart.boxes
    ]
    return Table(f"{chart.title}: {chart.y_label}", head, rows)


def _bars(chart: Bars) -> Table:
    return Table(chart.title, ["", chart.x_label], [_row(bar.label, [bar.value]) for bar in chart.bars])


def _heat_map(chart: HeatMap) -> Table:
    rows = [_row(label, values) for label, values in zip(chart.rows, chart.values, strict=True)]
    return Table(f"{chart.title} ({chart.unit})", [chart.row_label, *chart.columns], rows)


NUMBERS: dict[type, Callable[[Any], Table]] = {
    Lines: _lines, Scatter: _scatter, Boxes: _boxes, Bars: _bars, HeatMap: _heat_map,
}  # fmt: skip
