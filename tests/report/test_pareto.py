"""The Pareto front, against its definition."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

import folders
from restorelab.report import pareto
from restorelab.runs.comparable import alike, boards
from restorelab.runs.find import find


def by_definition(points: list[tuple[float, float]], *, higher: bool) -> list[bool]:
    sign = 1 if higher else -1
    known = [p for p in points if np.isfinite(p).all()]

    def dominated(p: tuple[float, float]) -> bool:
        return any(q[0] <= p[0] and sign * q[1] >= sign * p[1] and q != p for q in known)

    return [bool(np.isfinite(p).all()) and not dominated(p) for p in points]


@pytest.mark.parametrize("higher", [True, False])
def test_it_is_the_definition(higher: bool) -> None:
    random = np.random.default_rng(0)
    for size in [0, 1, 2, 3, 5, 8, 20]:
        for _ in range(60):
            # A few whole numbers: ties in either coordinate, and equal points, are the rule.
            points = [tuple(map(float, p)) for p in random.integers(0, 4, size=(size, 2))]
            assert pareto.front(points, higher=higher) == by_definition(points, higher=higher)


def test_all_three_by_three_of_four_points() -> None:
    places = [(float(x), float(y)) for x, y in product(range(2), range(2))]
    for points in product(places, repeat=4):
        assert pareto.front(list(points)) == by_definition(list(points), higher=True)


def test_what_is_not_a_number_is_never_on_it() -> None:
    points = [(1.0, float("nan")), (float("nan"), 9.0), (2.0, 1.0), (float("inf"), 5.0)]
    assert pareto.front(points) == [False, False, True, False]


def test_macs_of_images_of_unlike_sizes_are_no_axis(tmp_path: Path) -> None:
    for name, size in (("a", 100), ("b", 100), ("c", 28)):
        folders.write(
            tmp_path / str(size), folders.config(name), {"gaussian_50": 25}, place=name, macs_of=[1, size, size]
        )
    for where, drawn in ((["100"], True), (["100", "28"], False)):
        (board,) = boards(alike(find([tmp_path / place for place in where]).runs)[0])
        titles = [chart.title for chart in pareto.charts(board)]
        assert ("PSNR (dB) and MACs" in titles) is drawn


def test_charts_show_what_was_measured(tmp_path: Path) -> None:
    for name, mean, cost in (("small", 24, 100), ("large", 26, 10_000), ("bad", 23, 5000), ("median", 25, 0)):
        for seed in range(2):
            folders.write(tmp_path, folders.config(name, seed=seed), {"gaussian_50": mean}, place=name,
                          parameters=cost, macs=cost * 7 or None)  # fmt: skip
    (board,) = boards(alike(find([tmp_path]).runs)[0])
    charts = {chart.title.partition(" and ")[2]: chart for chart in pareto.charts(board)}
    by_size = charts["parameters"]
    assert {dot.label: (dot.x, dot.front) for dot in by_size.dots} == {
        "small": (100, True), "large": (10_000, True), "bad": (5000, False),
    }  # fmt: skip
    assert by_size.log_x
    dot = next(dot for dot in by_size.dots if dot.label == "large")
    values = [record.metric("gaussian_50", "psnr") for record in board.runs["large"]]
    assert (dot.y, dot.high - dot.y) == pytest.approx((np.mean(values), np.std(values, ddof=1)))
    assert "1 run is not shown" in by_size.caption
    assert {dot.label for dot in charts["time to restore an image"].dots} == {"small", "large", "bad", "median"}
