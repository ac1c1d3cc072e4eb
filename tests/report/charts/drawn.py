"""Charts as they are drawn, and what lies in a drawing."""

import re
import xml.etree.ElementTree as ET

from compare.page_material import charts, names
from restorelab.report.charts import draw
from restorelab.report.charts.data import Chart
from restorelab.report.charts.look import Looks
from restorelab.report.charts.svg import width

MANY = names(24)


ALL = [chart for found in charts(MANY).values() for chart in found]


def svg(chart: Chart, size: str = "wide", runs: list[str] = MANY) -> ET.Element:
    return ET.fromstring(draw.draw(chart, Looks(runs, draw.labels(chart)), "name", size))


def of(drawing: ET.Element, kind: str) -> list[ET.Element]:
    return [one for one in drawing.iter() if kind in one.get("class", "").split()]


def places(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path)]


def boxes_of_names(drawing: ET.Element) -> list[tuple[float, float, float, float]]:
    found = []
    for text in of(drawing, "name"):
        size = float(text.get("font-size", "12"))
        wide, x, y = width(text.text or "", size), float(text.get("x", "0")), float(text.get("y", "0"))
        left = x - {"start": 0.0, "middle": wide / 2, "end": wide}[text.get("text-anchor", "start")]
        found.append((left, y - size * 0.75, left + wide, y + size * 0.2))
    return found
