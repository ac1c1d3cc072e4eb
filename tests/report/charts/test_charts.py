"""Charts: what is drawn where the numbers say, and nothing over anything else."""

import math
import re
import xml.etree.ElementTree as ET
from itertools import combinations, pairwise

import numpy as np
import pytest
from scipy.optimize import minimize

from compare.page_material import charts, names
from restorelab.report.charts import draw, heat_map, lines, ticks
from restorelab.report.charts.data import Bar, Bars, Box, Boxes, Chart, Dot, HeatMap, Lines, Scatter, Series, Span
from restorelab.report.charts.label_layout import spread
from restorelab.report.charts.look import COLOURS, DASHES, Looks
from restorelab.report.charts.numbers import numbers
from restorelab.report.charts.svg import short, width

MANY = names(24)
ALL = [chart for found in charts(MANY).values() for chart in found]
EVIL = "<b onload='x'>\"&"


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


@pytest.mark.parametrize(("low", "high"), [(0, 1), (19.83, 31.2), (-3, 7e-3), (0.001, 0.0019), (1e5, 3e7), (5, 5.0001)])
@pytest.mark.parametrize("most", [3, 6, 11])
def test_ticks_are_round_even_and_few(low: float, high: float, most: int) -> None:
    found = ticks.linear(low, high, most)
    assert all(low - 1e-9 <= value <= high + 1e-9 for value in found)
    assert 2 <= len(found) + 1 <= most + 2
    gaps = np.diff(found)
    if len(gaps):
        assert np.allclose(gaps, gaps[0], rtol=1e-6)
        mantissa = gaps[0] / 10.0 ** math.floor(math.log10(gaps[0]) + 1e-9)
        assert any(math.isclose(mantissa, nice, rel_tol=1e-6) for nice in (1, 2, 2.5, 5))
    written = [ticks.written(value, found) for value in found]
    assert len(set(written)) == len(found)


def test_ticks_of_a_log_axis() -> None:
    assert ticks.logarithmic(3, 2e6, 8) == [10, 100, 1000, 10_000, 100_000, 1_000_000]
    assert ticks.logarithmic(5, 75, 6) == [5, 10, 20, 50]
    assert len(ticks.logarithmic(1e-9, 1e9, 5)) <= 5
    assert ticks.logarithmic(21.0, 24.0, 5) == [21.0, 22.0, 23.0, 24.0]  # no 1, 2 or 5 times a power lies in it


@pytest.mark.parametrize(("low", "high"), [(0, 2), (1, 4), (9.5, 10.5), (0, 13), (-0.2, 1.2), (0, 40_000)])
@pytest.mark.parametrize("most", [3, 6, 11])
def test_between_whole_numbers_there_are_no_ticks(low: float, high: float, most: int) -> None:
    found = ticks.linear(low, high, most, whole=True)
    assert found
    assert all(value == int(value) for value in found)
    assert len(found) <= most + 1
    assert all(value == int(value) for value in ticks.logarithmic(max(low, 0.3), high, most, whole=True))


def test_an_axis_of_trials_or_steps_has_whole_ticks() -> None:
    trials = Scatter("t", "trial", "y", [Dot("ae-gaussian", float(i), 20.0 + i) for i in range(3)])
    steps = Lines("t", "optimizer steps", "y", [Series("ae-gaussian", [1.0, 2.0, 3.0], [1.0, 2.0, 4.0])])
    for chart in (trials, steps):
        for size in draw.SIZES:
            below = [text.text or "" for text in svg(chart, size).iter() if text.get("text-anchor") == "middle"]
            assert below
            assert all(text.isdigit() for text in below), (chart.x_label, below)
    other = Scatter("t", "minutes", "y", [Dot("ae-gaussian", x, 20.0) for x in (0.5, 1.0)])
    assert any("." in (text.text or "") for text in svg(other).iter() if text.get("text-anchor") == "middle")


def test_numbers_as_they_are_written() -> None:
    assert [ticks.written(v, [0.0, 2.5e5, 5e5]) for v in (0.0, 2.5e5, 5e5)] == ["0", "250k", "500k"]
    assert ticks.written(1.5e6, [1e6, 1.5e6]) == "1.5M"
    assert [ticks.written(v, [0.0, 0.25]) for v in (0.0, 0.25)] == ["0.00", "0.25"]
    assert ticks.written(-2.0, [-2.0, 0.0]) == "\N{MINUS SIGN}2"
    assert ticks.written(1e-4) == "1e\N{MINUS SIGN}4"
    assert ticks.exact(1234567.0) == "1\u2009234\u2009567"
    assert ticks.exact(None) == ticks.exact(math.nan) == "\N{EN DASH}"
    assert ticks.extent([None, math.nan]) == (0.0, 1.0)
    assert ticks.extent([3.0], 0.1)[0] < 3 < ticks.extent([3.0], 0.1)[1]


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


def test_equal_labels_look_alike_and_different_ones_do_not() -> None:
    grouped = Looks(MANY, ["input"], {name: name.rpartition("-")[0] for name in MANY})
    assert {grouped[f"dncnn-{n}"].colour for n in ("gaussian", "impulse")} == {4}
    assert grouped["dncnn-gaussian"].dash != grouped["dncnn-impulse"].dash
    assert grouped["dncnn-impulse"].dash == grouped["ae-impulse"].dash
    for looks in (grouped, Looks(MANY), Looks([str(n) for n in range(COLOURS * len(DASHES))])):
        runs = [look for look in looks.values() if look.colour is not None]
        assert len({(look.colour, look.style) for look in runs}) == len(runs)
        assert sorted(look.number for look in looks.values()) == list(range(len(looks)))
    assert grouped["input"].css == "cx"
    # Nine groups are more than there are colours: each run takes the next one.
    nine = [f"m{n}-{k}" for n in range(9) for k in range(2)]
    assert Looks(nine, (), {name: name[:2] for name in nine})["m0-1"].colour == 1


@pytest.mark.parametrize("size", draw.SIZES)
@pytest.mark.parametrize("chart", ALL, ids=lambda chart: chart.title)
def test_every_chart_is_drawn_within_its_size_and_told_in_words(chart: Chart, size: str) -> None:
    drawing = svg(chart, size)
    wide, high = (float(v) for v in drawing.get("viewBox", "").split()[2:])
    assert drawing.get("role") == "img"
    assert drawing.get("aria-label") == chart.title
    assert drawing.findtext("desc")
    if not isinstance(chart, HeatMap):  # which is as wide as its columns need, and scrolls
        assert wide == draw.SIZES[size][0]
        for left, top, right, bottom in boxes_of_names(drawing):
            assert left >= -1
            assert right <= wide + 8
            assert top >= -1
            assert bottom <= high + 1
    for one in drawing.iter():
        for key in ("x", "y", "x1", "cx", "width"):
            assert "nan" not in one.get(key, "").lower()
        assert "nan" not in one.get("d", "").lower()


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


def test_a_line_goes_through_its_values_and_is_broken_at_gaps() -> None:
    chart = Lines("t", "x", "y", [Series("ae-gaussian", [1, 10, 100, 1000], [1.0, math.nan, 4.0, 2.0])], log_x=True)
    drawing = svg(chart)
    left, top, wide, high, x0, x1, log, y0, y1 = (float(v) for v in drawing.get("data-plot", "").split())
    assert log == 1
    found = of(drawing, "line")[0].get("d", "")
    assert found.count("M") == 2
    bent = [math.log10(v) for v in (x0, x1)]
    back = [(10 ** (bent[0] + (x - left) / wide * (bent[1] - bent[0])), y0 + (top + high - y) / high * (y1 - y0))
            for x, y in places(found)]  # fmt: skip
    assert np.allclose(back, [(1, 1), (100, 4), (1000, 2)], rtol=0.01)


@pytest.mark.parametrize("log", [False, True])
def test_one_measurement_is_a_marker(log: bool) -> None:
    drawing = svg(
        Lines("t", "x", "y", [Series("a", [50.0], [3.0]), Series("b", [50.0], [math.nan])], log_x=log), runs=["a", "b"]
    )
    left, _, wide, *_ = (float(v) for v in drawing.get("data-plot", "").split())
    marks = of(drawing, "marker")
    assert len(marks) == 1
    assert f"translate({left + wide / 2:.1f}" in marks[0].get("transform", "")


def test_long_lines_keep_their_ends_and_their_extremes() -> None:
    rng = np.random.default_rng(0)
    x, y = list(map(float, range(5000))), list(rng.normal(0, 1, 5000))
    y[17], y[4018], y[100] = 50.0, -50.0, math.nan
    kept = lines.thinned(x, y, 160)
    assert len(kept) <= 160
    assert {0, 4999, 17, 4018} <= set(kept)
    assert 100 not in kept
    assert kept == sorted(set(kept))
    assert lines.thinned(x[:50], y[:50], 160) == list(range(50))


def test_a_wild_beginning_does_not_flatten_what_follows() -> None:
    y = [-40.0, -10.0, *(25 + 0.01 * i for i in range(98))]
    chart = Lines("t", "x", "y", [Series("a", list(map(float, range(100))), y)])
    low, high = lines.visible(chart.series)
    assert 24 < low < 25.2
    assert high > max(y)
    assert lines.cut_off(chart).startswith("5 values") or lines.cut_off(chart).startswith("2 values")
    smooth = Lines("t", "x", "y", [Series("a", list(map(float, range(100))), [float(i) for i in range(100)])])
    assert lines.visible(smooth.series)[0] <= 0
    assert lines.cut_off(smooth) == ""


def test_the_training_range_is_shaded_where_it_lies() -> None:
    levels = Lines("t", "sigma", "PSNR", [Series("a", [0.0, 50.0, 100.0], [3.0, 2.0, 1.0])],
                   [Span(25, 75, "training"), Span(10, 10, "one level")])  # fmt: skip
    drawing = svg(levels, runs=["a"])
    left, _, wide, *_ = (float(v) for v in drawing.get("data-plot", "").split())
    rects = [next(iter(one)) for one in of(drawing, "span")]
    assert float(rects[0].get("x", 0)) == pytest.approx(left + wide / 4, abs=0.1)
    assert float(rects[0].get("width", 0)) == pytest.approx(wide / 2, abs=0.1)
    assert float(rects[1].get("width", 0)) == 3  # a single level is still seen


def test_the_front_runs_in_steps_through_its_points_only() -> None:
    dots = [
        Dot("a", 1, 20, front=True),
        Dot("b", 2, 19),
        Dot("c", 4, 25, front=True),
        Dot("d", 0, 30),
        Dot("e", 3, math.nan),
    ]
    drawing = svg(Scatter("t", "x", "y", dots, log_x=True), runs=list("abcde"))
    marks = {(one.get("data-tip") or "").split("\n")[0]: one for one in of(drawing, "mark")}
    assert set(marks) == {"a", "b", "c"}  # a log axis has no 0, and NaN is nowhere
    at = {
        name: (float(t.get("cx", 0)), float(t.get("cy", 0))) for name, one in marks.items() for t in of(one, "target")
    }
    path = places(of(drawing, "front")[0].get("d", ""))
    assert np.allclose(path[:3], [at["a"], (at["c"][0], at["a"][1]), at["c"]], atol=0.06)
    assert path[3][1] == path[2][1]
    assert at["b"][1] > at["a"][1] > at["c"][1]  # y grows upward
    assert "on the Pareto front" in (marks["a"].get("data-tip") or "")


def test_boxes_and_bars_stand_at_their_numbers() -> None:
    box = Box("a", 10, 20, 25, 30, 40, 26, [5.0, 45.0])
    drawing = svg(Boxes("t", "y", [box]), runs=["a"])
    ticks_at = {float(t.text or 0): float(t.get("x", 0)) for t in drawing.iter() if t.get("text-anchor") == "middle"}
    (v0, x0), *_, (v1, x1) = sorted(ticks_at.items())
    place = lambda value: x0 + (value - v0) / (v1 - v0) * (x1 - x0)  # noqa: E731
    rect = of(drawing, "box")[0]
    assert float(rect.get("x", 0)) == pytest.approx(place(20), abs=0.2)
    assert float(rect.get("width", 0)) == pytest.approx(place(30) - place(20), abs=0.2)
    assert of(drawing, "median")[0].get("d", "").startswith(f"M{place(25):.1f}")
    drawn = svg(Bars("t", "share", [Bar("a", 0.5), Bar("b", -0.25)]), runs=["a", "b"])
    up, down = of(drawn, "bar")
    zero = float(up.get("x", 0))
    assert float(down.get("x", 0)) + float(down.get("width", 0)) == pytest.approx(zero, abs=0.1)
    assert float(up.get("width", 0)) == pytest.approx(2 * float(down.get("width", 0)), abs=0.2)


def test_colours_of_a_heat_map() -> None:
    grid = HeatMap("t", "r", "c", ["a", "b"], ["x", "y"], [[1.0, 9.0], [None, 5.0]])
    assert heat_map.coloured(grid) == [["s0", "s8"], ["none", "s4"]]
    against = HeatMap(
        "t", "r", "c", ["a", "b"], ["x", "y"], [[1.0, 9.0], [math.nan, 5.0]], reference=[[3.0, 5.0], [1.0, 5.0]]
    )
    assert heat_map.coloured(against) == [["d2", "d8"], ["none", "d4"]]
    assert heat_map.coloured(HeatMap("t", "r", "c", ["a"], ["x"], [[3.0]])) == [["s4"]]
    less = HeatMap(
        "t", "r", "c", ["a"], ["x", "y"], [[0.00305, 0.00483]], reference=[[0.004, 0.004]], lower=True, digits=5
    )
    assert heat_map.coloured(less) == [["d8", "d1"]]
    assert "0.00305" in "".join(svg(less, runs=["a"]).itertext())
    assert heat_map.coloured(HeatMap("t", "r", "c", ["a"], ["x"], [[None]])) == [["none"]]
    texts = [cell.find("text").text for cell in of(svg(against), "cell")]  # type: ignore[union-attr]
    assert texts == ["1.00", "9.00", "\N{EN DASH}", "5.00"]
    tips = [cell.get("data-tip") for cell in of(svg(against), "cell")]
    assert tips[0] == "a → x\n1 dB\n\N{MINUS SIGN}2 dB against 3"


def test_what_others_wrote_is_text() -> None:
    found = [
        Lines(EVIL, EVIL, EVIL, [Series(EVIL, [1, 2], [1, 2])], [Span(1, 2, EVIL)]),
        Scatter(EVIL, EVIL, EVIL, [Dot(EVIL, 1, 2, front=True)]),
        Boxes(EVIL, EVIL, [Box(EVIL, 1, 2, 3, 4, 5, 3, [])]),
        HeatMap(EVIL, EVIL, EVIL, [EVIL], [EVIL], [[1.0]], EVIL, marks=[[EVIL]]),
        Bars(EVIL, EVIL, [Bar(EVIL, 1)]),
    ]
    for chart in found:
        drawing = svg(chart, runs=[EVIL])
        assert not [one for one in drawing.iter() if one.tag == "b" or one.get("onload")]
        assert EVIL in "".join(drawing.itertext())


def test_short_names_keep_both_ends() -> None:
    assert short("short", 500, 12) == "short"
    cut = short("dual_ae_skip-optimizer.lr=0.001", 90, 12)
    assert width(cut, 12) <= 90
    assert cut.startswith("dual")
    assert cut.endswith("001")


def test_empty_charts_are_known_and_the_numbers_are_all_there() -> None:
    assert all(not draw.empty(chart) for chart in ALL)
    assert draw.empty(Lines("t", "x", "y", []))
    assert draw.empty(HeatMap("t", "r", "c", [], [], []))
    square = numbers(charts(MANY)["heat"][0])
    assert [cell.value for cell in square.rows[1][1:]] == charts(MANY)["heat"][0].values[1]
    levels = numbers(charts(MANY)["levels"][0])
    assert len(levels.head) == 8
    curves = numbers(charts(MANY)["curves"][0])
    assert [row[0].text for row in curves.rows] == MANY
    assert curves.rows[0][2].value == charts(MANY)["curves"][0].series[0].y[-1]
