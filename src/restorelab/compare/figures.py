"""A chart on the page: its drawings, its legend, its numbers, and what the script needs to say exact values."""

import html
import json
import math
import re

from restorelab.compare.sortable import broken, downloads, plain
from restorelab.report.charts import draw
from restorelab.report.charts.data import Bars, Boxes, Chart, Lines
from restorelab.report.charts.lines import cut_off, most_of, thinned
from restorelab.report.charts.look import Looks
from restorelab.report.charts.numbers import numbers

FEW = 10
"""Runs that a legend shows at once; of more it shows how many there are, and unfolds."""


def figure(chart: Chart, looks: Looks, name: str) -> str:
    """The chart as a `<figure>`. name: its anchor, unique on the page."""
    title = f"<h3 id='{name}-title'>{html.escape(chart.title)}</h3>"
    said = f"{chart.caption} {cut_off(chart) if isinstance(chart, Lines) else ''}".strip()
    caption = f"<p class=caption>{html.escape(said)}</p>" if said else ""
    kind = type(chart).__name__.lower()
    if draw.empty(chart):
        nothing = "<p class=missing>Nothing was measured for this chart.</p>"
        return f"<figure id='{name}' class='figure {kind}'><figcaption>{title}</figcaption>{nothing}{caption}</figure>"
    drawings = "".join(
        f"<div class='drawing {size}'>{draw.draw(chart, looks, name, size)}</div>" for size in draw.SIZES
    )
    points = _points(chart, looks) if isinstance(chart, Lines) else ""
    return (
        f"<figure id='{name}' class='figure {kind}' aria-labelledby='{name}-title'{points}>"
        f"<figcaption>{title}</figcaption><div class=drawings tabindex=0 role=group "
        f"aria-label='{html.escape(chart.title)}: arrow keys step through its values'>{drawings}</div>"
        f"{caption}{_legend(chart, looks)}{_numbers(chart, name)}</figure>"
    )


def button(label: str, looks: Looks) -> str:
    """A run's place in a legend: it highlights the run wherever it is drawn, and isolates it when pressed."""
    look = looks[label]
    return (
        f"<button type=button class=run data-run='{look.number}' aria-pressed=false>{look.swatch()}"
        f"<span>{broken(html.escape(label))}</span></button>"
    )


def anchor(text: str) -> str:
    """Words as an anchor: letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "part"


def _legend(chart: Chart, looks: Looks) -> str:
    labels = list(dict.fromkeys(draw.labels(chart)))
    if not labels or isinstance(chart, Boxes | Bars):  # their lines bear names
        return ""
    items = "".join(f"<li>{button(label, looks)}</li>" for label in labels)
    found = f"<ul class=legend>{items}</ul>"
    if len(labels) <= FEW:
        return f"<div class=key>{found}</div>"
    return f"<details class=key><summary>Legend: {len(labels)} runs</summary>{found}</details>"


def _numbers(chart: Chart, name: str) -> str:
    table = numbers(chart)
    return (
        f"<details class=numbers><summary>Numbers</summary>{plain(table)}"
        f"<p class=downloads>{downloads(table, name)}</p></details>"
    )


def _points(chart: Lines, looks: Looks) -> str:
    """The points that are drawn, for the script: `[{run, name, x, y, low, high}]`, six digits, null for no number."""
    found = []
    for one in chart.series:
        kept = thinned(one.x, one.y, most_of(chart))
        entry = {"run": looks[one.label].number, "name": one.label}
        columns = {"x": one.x, "y": one.y, "low": one.low, "high": one.high}
        found.append(entry | {key: [_six(column[i]) for i in kept] for key, column in columns.items() if column})
    series = html.escape(json.dumps(found, separators=(",", ":")))
    return f' data-series="{series}" data-x="{html.escape(chart.x_label)}"'


def _six(value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.6g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded
