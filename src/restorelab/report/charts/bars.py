"""Numbers beside one another, a line each."""

import math

from restorelab.report.charts import ticks
from restorelab.report.charts.box_plot import ROW, name_room
from restorelab.report.charts.data import Bar, Bars
from restorelab.report.charts.frame import SIZE, Axis, axis_below, picture
from restorelab.report.charts.look import Looks
from restorelab.report.charts.svg import element, short, width, words


def bars(chart: Bars, looks: Looks, wide: float, high: float, name: str) -> str:
    """Draw the chart; every bar begins at zero. The height follows the number of bars."""
    finite = [bar for bar in chart.bars if math.isfinite(bar.value)]
    left = name_room([bar.label for bar in finite], wide)
    values = [0.0, *(bar.value for bar in finite)]
    low, high_x = min(values), max(values)
    room = (high_x - low) * 0.04 or 0.5
    numbers = max((width(ticks.exact(_rounded(bar.value)), SIZE) for bar in finite), default=0) + 12
    axis = Axis(low - (room if low < 0 else 0), high_x + room, left, wide - numbers)
    bottom = 10 + ROW * len(finite)
    title = words(chart.x_label, axis.end, bottom + 38, class_="title", text_anchor="end")
    parts = [element("g", axis_below(axis, bottom, grid_to=6), title, class_="axes")]
    for number, bar in enumerate(finite):
        parts.append(_bar(bar, looks, axis, 10 + ROW * (number + 0.5), wide, chart.x_label))
    return picture(wide, bottom + 46, *parts, title=chart.title, text=described(chart), kind="bars")


def described(chart: Bars) -> str:
    """Describe the chart in words."""
    return f"{chart.x_label}: {'; '.join(f'{bar.label} {ticks.exact(bar.value)}' for bar in chart.bars)}."


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def _bar(bar: Bar, looks: Looks, axis: Axis, y: float, wide: float, what: str) -> str:
    look = looks[bar.label]
    zero, end = axis.place(0.0), axis.place(bar.value)
    parts = [
        words(short(bar.label, axis.start - 14, SIZE), axis.start - 12, y + 4, text_anchor="end", class_="name"),
        element("rect", x=min(zero, end), y=y - 5.5, width=max(abs(end - zero), 0.5), height=11, rx=1.5, class_="bar"),
    ]
    tip = [bar.label, f"{what}: {ticks.exact(bar.value)}"]
    parts.append(words(ticks.exact(_rounded(bar.value)), wide - 2, y + 4, text_anchor="end", class_="value"))
    parts.append(element("rect", x=0, y=y - ROW / 2, width=wide, height=ROW, class_="target"))
    return element("g", *parts, class_=f"run mark {look.css}", data_run=str(look.number), data_tip="\n".join(tip))
