"""A matrix in colors with its numbers in it, such as noise of the training against noise of the test."""

import math
from collections.abc import Sequence

from restorelab.report.charts import ticks
from restorelab.report.charts.data import HeatMap
from restorelab.report.charts.frame import SIZE, picture
from restorelab.report.charts.look import Looks
from restorelab.report.charts.svg import element, short, width, words

STEPS = 8
"""Colors of the style sheet: `s0` to `s8` from little to much, `d0` to `d8` from worse to better."""

CELL, ROW = 54, 30
"""Pixels of a cell at least, and of its height."""


def heat_map(chart: HeatMap, looks: Looks, wide: float, high: float, name: str) -> str:
    """Draw the chart, wider than asked where the columns need it for their numbers; its height depends on the rows."""
    letters = SIZE
    left = min(max(wide * 0.34, 90), 18 + max(width(label, letters) for label in [*chart.rows, f"{chart.row_label} ↓"]))
    cell = min(max(CELL, (wide - left) / max(len(chart.columns), 1)), 130)
    longest = max((width(label, letters) for label in chart.columns), default=0)
    turned = longest > cell - 6
    top = 34 + (min(longest, 150) * 0.64 + 10 if turned else 18)
    row_label = short(f"{chart.row_label} ↓", left - 10, letters)
    parts = [
        words(f"{chart.column_label} →", left, 14, class_="title"),
        words(row_label, left - 10, top - 8, class_="title", text_anchor="end"),
    ]
    for number, label in enumerate(chart.columns):
        x = left + cell * (number + 0.5)
        if turned:
            text = short(label, 150, letters)
            parts.append(
                words(text, 0, 0, transform=f"translate({x + 2:.1f} {top - 6:.1f}) rotate(-40)", class_="name")
            )
        else:
            parts.append(words(label, x, top - 8, text_anchor="middle", class_="name"))
    steps = colored(chart)
    for number, label in enumerate(chart.rows):
        y = top + ROW * number
        cells = [_cell(chart, steps, number, column, left, y, cell) for column in range(len(chart.columns))]
        text = words(short(label, left - 14, letters), left - 10, y + ROW / 2 + 4, text_anchor="end", class_="name")
        run = {"data_run": str(looks[label].number)} if label in looks and looks[label].color is not None else {}
        parts.append(element("g", text, *cells, class_="run row" if run else "row", **run))
    full = left + cell * len(chart.columns) + (60 if turned else 2)
    return picture(max(full, 200), top + ROW * len(chart.rows) + 4, *parts, title=chart.title, text=described(chart),
                   kind="heatmap")  # fmt: skip


def shown(chart: HeatMap) -> list[list[float | None]]:
    """What the colors say: the values, or by how much they differ from the reference."""
    if chart.reference is None:
        return [[_finite(value) for value in row] for row in chart.values]
    return [
        [None if _finite(v) is None or _finite(r) is None else v - r for v, r in zip(row, other, strict=True)]  # type: ignore[operator]
        for row, other in zip(chart.values, chart.reference, strict=True)
    ]


def colored(chart: HeatMap) -> list[list[str]]:
    """The color of each cell: a class of the style sheet."""
    numbers = shown(chart)
    flat = [value for row in numbers for value in row if value is not None]
    if not flat:
        return [["none"] * len(chart.columns) for _ in chart.rows]
    if chart.reference is not None:
        most = (-1 if chart.lower else 1) * (chart.most or max(map(abs, flat)) or 1.0)
        return [["none" if v is None else f"d{round((v / most + 1) * STEPS / 2)}" for v in row] for row in numbers]
    low, high = min(flat), max(flat)
    scale = STEPS / (high - low) if high > low else 0.0
    middle = STEPS // 2 if high == low else 0
    return [["none" if v is None else f"s{round((v - low) * scale) + middle}" for v in row] for row in numbers]


def described(chart: HeatMap) -> str:
    """Describe the chart in words."""
    rows = []
    for label, row in zip(chart.rows, chart.values, strict=True):
        cells = (f"{column} {ticks.exact(value)}" for column, value in zip(chart.columns, row, strict=True))
        rows.append(f"{label}: {', '.join(cells)}")
    return f"{chart.unit}, {chart.row_label} by {chart.column_label}. {'; '.join(rows)}."


def _cell(
    chart: HeatMap, steps: Sequence[Sequence[str]], row: int, column: int, left: float, y: float, wide: float
) -> str:
    x, value = left + wide * column, _finite(chart.values[row][column])
    mark = chart.marks[row][column] if chart.marks else ""
    text = ticks.NONE if value is None else f"{_number(value, chart.digits)}{mark}"
    tip = [f"{chart.rows[row]} → {chart.columns[column]}", f"{ticks.exact(value)} {chart.unit}" if value is not None
           else "not measured"]  # fmt: skip
    difference = shown(chart)[row][column] if chart.reference is not None else None
    if difference is not None and chart.reference is not None:
        tip.append(
            f"{difference:+.3g} {chart.unit} against {ticks.exact(chart.reference[row][column])}".replace(
                "-", ticks.MINUS
            )
        )
    return element(
        "g", element("rect", x=x + 1, y=y + 1, width=wide - 2, height=ROW - 2, rx=2),
        words(text, x + wide / 2, y + ROW / 2 + 4, text_anchor="middle"),
        class_=f"cell mark {steps[row][column]}", data_tip="\n".join(tip),
    )  # fmt: skip


def _number(value: float, digits: int) -> str:
    return (f"{value:.{digits}f}" if abs(value) < 1000 else ticks.written(value, [value])).replace("-", ticks.MINUS)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
