"""Charts: what is drawn where the numbers say, and nothing over anything else."""

import math

import numpy as np
import pytest

from compare.page_material import charts
from report.charts.drawn import ALL, MANY, boxes_of_names, of, places, svg
from restorelab.report.charts import draw, heat_map, lines
from restorelab.report.charts.data import Bar, Bars, Box, Boxes, Chart, Dot, HeatMap, Lines, Scatter, Series, Span
from restorelab.report.charts.look import COLORS, DASHES, Looks
from restorelab.report.charts.numbers import numbers

EVIL = "<b onload='x'>\"&"


def test_equal_labels_look_alike_and_different_ones_do_not() -> None:
    grouped = Looks(MANY, ["input"], {name: name.rpartition("-")[0] for name in MANY})
    assert {grouped[f"dncnn-{n}"].color for n in ("gaussian", "impulse")} == {4}
    assert grouped["dncnn-gaussian"].dash != grouped["dncnn-impulse"].dash
    assert grouped["dncnn-impulse"].dash == grouped["ae-impulse"].dash
    for looks in (grouped, Looks(MANY), Looks([str(n) for n in range(COLORS * len(DASHES))])):
        runs = [look for look in looks.values() if look.color is not None]
        assert len({(look.color, look.style) for look in runs}) == len(runs)
        assert sorted(look.number for look in looks.values()) == list(range(len(looks)))
    assert grouped["input"].css == "cx"
    # Nine groups are more than there are colors: each run takes the next one.
    nine = [f"m{n}-{k}" for n in range(9) for k in range(2)]
    assert Looks(nine, (), {name: name[:2] for name in nine})["m0-1"].color == 1


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


def test_colors_of_a_heat_map() -> None:
    grid = HeatMap("t", "r", "c", ["a", "b"], ["x", "y"], [[1.0, 9.0], [None, 5.0]])
    assert heat_map.colored(grid) == [["s0", "s8"], ["none", "s4"]]
    against = HeatMap(
        "t", "r", "c", ["a", "b"], ["x", "y"], [[1.0, 9.0], [math.nan, 5.0]], reference=[[3.0, 5.0], [1.0, 5.0]]
    )
    assert heat_map.colored(against) == [["d2", "d8"], ["none", "d4"]]
    assert heat_map.colored(HeatMap("t", "r", "c", ["a"], ["x"], [[3.0]])) == [["s4"]]
    less = HeatMap(
        "t", "r", "c", ["a"], ["x", "y"], [[0.00305, 0.00483]], reference=[[0.004, 0.004]], lower=True, digits=5
    )
    assert heat_map.colored(less) == [["d8", "d1"]]
    assert "0.00305" in "".join(svg(less, runs=["a"]).itertext())
    assert heat_map.colored(HeatMap("t", "r", "c", ["a"], ["x"], [[None]])) == [["none"]]
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
