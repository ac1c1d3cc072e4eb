"""Ticks of an axis: round, even and few, and written so that they differ."""

import math

import numpy as np
import pytest

from report.charts.drawn import svg
from restorelab.report.charts import draw, ticks
from restorelab.report.charts.data import Dot, Lines, Scatter, Series


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
