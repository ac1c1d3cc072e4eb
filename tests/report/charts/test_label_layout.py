"""Names in and beside a plot: near what they name, over nothing else."""

import re
import xml.etree.ElementTree as ET
from itertools import combinations, pairwise

import numpy as np
import pytest
from scipy.optimize import minimize

from compare.page_material import charts
from report.charts.drawn import ALL, MANY, boxes_of_names, of, places, svg
from restorelab.report.charts import draw
from restorelab.report.charts.data import Dot, Lines, Scatter
from restorelab.report.charts.label_layout import spread
from restorelab.report.charts.svg import short, width


@pytest.mark.parametrize("seed", range(8))
def test_names_beside_a_plot_are_as_near_as_they_can_be(seed: int) -> None:
    rng = np.random.default_rng(seed)
    wanted, gap, low, high = list(rng.uniform(0, 60, 7)), 12.0, -50.0, 150.0
    found = np.array(spread(wanted, gap, low, high))
    order = np.argsort(wanted)
    assert (np.diff(found[order]) >= gap - 1e-9).all()
    start = np.sort(wanted) + np.arange(7) * gap
    best = minimize(lambda y: ((y - np.sort(wanted)) ** 2).sum(), start, method="SLSQP", constraints=[
        {"type": "ineq", "fun": lambda y: np.diff(y) - gap}])  # fmt: skip
    assert ((found - wanted) ** 2).sum() == pytest.approx(best.fun, rel=1e-4)


def test_names_that_do_not_fit_share_the_room() -> None:
    found = spread([5.0] * 11, 10.0, 0.0, 50.0)
    assert np.allclose(np.sort(found), np.linspace(0, 50, 11))
    assert spread([], 10, 0, 50) == []
    assert all(0 <= y <= 40 for y in spread([-30.0, 70.0], 10, 0, 40))


@pytest.mark.parametrize("size", draw.SIZES)
def test_no_name_covers_another_or_a_point(size: str) -> None:
    for chart in (one for one in ALL if isinstance(one, Lines | Scatter)):
        drawing = svg(chart, size)
        found = boxes_of_names(drawing)
        overlapping = [(a, b) for a, b in combinations(found, 2)
                       if a[0] < b[2] and a[2] > b[0] and a[1] < b[3] - 0.5 and a[3] - 0.5 > b[1]]  # fmt: skip
        assert not overlapping, chart.title
        points = [(float(c.get("cx", 0)), float(c.get("cy", 0))) for c in of(drawing, "target") if c.get("cx")]
        assert not [(x, y) for x, y in points for b in found if b[0] + 1 < x < b[2] - 1 and b[1] + 1 < y < b[3] - 1]
    assert len(boxes_of_names(svg(charts(MANY[:5])["pareto"][0]))) == 5  # where there is room, all are named


Line = tuple[tuple[float, float], tuple[float, float]]


def intervals(drawing: ET.Element) -> list[Line]:
    """The ends of the upright and level lines through the points."""
    found: list[Line] = []
    for one in of(drawing, "error"):
        x, y, way, end = re.findall(r"M([\d.]+) ([\d.]+)([VH])([\d.]+)", one.get("d", ""))[0]
        last = (x, end) if way == "V" else (end, y)
        found.append(((float(x), float(y)), (float(last[0]), float(last[1]))))
    return found


def crosses(line: Line, box: tuple[float, float, float, float]) -> bool:
    (xs, ys), (left, top, right, bottom) = zip(*line, strict=True), box
    return max(xs) > left and min(xs) < right and max(ys) > top and min(ys) < bottom


@pytest.mark.parametrize("size", draw.SIZES)
@pytest.mark.parametrize("count", [2, 5, 12])
def test_no_line_runs_through_a_name(size: str, count: int) -> None:
    rng = np.random.default_rng(4)
    xs, ys = (np.sort(rng.uniform(*ends, count)).tolist() for ends in ((1, 50), (20, 30)))
    dots = [Dot(name, x, y, y - 0.2, y + 0.2, True, x * 0.9, x * 1.2) for name, x, y in zip(MANY, xs, ys, strict=False)]
    drawing = svg(Scatter("t", "x", "y", dots), size)
    corners = places(of(drawing, "front")[0].get("d", ""))
    found = [*pairwise(corners), *intervals(drawing)]
    assert len(found) == 2 * count - 1 + 2 * count
    named = boxes_of_names(drawing)
    assert named
    assert not [(line, box) for line in found for box in named if crosses(line, box)]


def test_short_names_keep_both_ends() -> None:
    assert short("short", 500, 12) == "short"
    cut = short("dual_ae_skip-optimizer.lr=0.001", 90, 12)
    assert width(cut, 12) <= 90
    assert cut.startswith("dual")
    assert cut.endswith("001")
