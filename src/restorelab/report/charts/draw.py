"""A chart drawn for a page: for wide, half and narrow places, between which CSS chooses."""

from collections.abc import Callable, Iterator
from typing import Any

from restorelab.report.charts import bars, box_plot, heat_map, lines, scatter
from restorelab.report.charts.data import Bars, Boxes, Chart, HeatMap, Lines, Scatter
from restorelab.report.charts.look import Looks

SIZES = {"wide": (760.0, 400.0), "half": (480.0, 340.0), "narrow": (344.0, 290.0)}
"""Widths of the drawings in pixels; text shrinks with a drawing, so that one for all could not be read on a phone."""

DRAW: dict[type, Callable[..., str]] = {
    Lines: lines.lines, Scatter: scatter.scatter, Boxes: box_plot.boxes, Bars: bars.bars, HeatMap: heat_map.heat_map,
}  # fmt: skip


def draw(chart: Chart, looks: Looks, name: str, size: str) -> str:
    """The chart as SVG. name: unique on the page. size: one of `SIZES`."""
    wide, high = SIZES[size]
    return DRAW[type(chart)](chart, looks, wide, high, f"{name}-{size}")


def empty(chart: Chart) -> bool:
    """Return whether there is nothing to draw."""
    return not any(True for _ in _items(chart))


def labels(chart: Chart) -> list[str]:
    """The labels that need a look; of a heat map none, whose colors mean numbers."""
    return [item.label for item in _items(chart) if hasattr(item, "label")]


def _items(chart: Chart) -> Iterator[Any]:
    for name in ("series", "dots", "boxes", "bars", "rows"):
        yield from getattr(chart, name, ())
