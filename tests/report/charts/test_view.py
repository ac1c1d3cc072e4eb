"""What the page's script reads of a chart."""

import json
import math

from restorelab.report.charts.data import Bar, Bars, Lines, Series
from restorelab.report.charts.look import Looks
from restorelab.report.charts.view import ChartView


def test_points_have_six_digits_and_null_for_no_number() -> None:
    series = Series("ae", [1.0, 2.0, 3.0], [1 / 3, math.nan, 2e15], [0.1, 0.2, 0.3], [1.0, 2.0, 3.0])
    (line,) = json.loads(ChartView(Lines("t", "x", "y", [series]), Looks(["other", "ae"]), "c").points)
    assert line == {
        "run": 1, "name": "ae", "x": [1, 2, 3], "y": [0.333333, None, 2e15], "low": [0.1, 0.2, 0.3], "high": [1, 2, 3],
    }  # fmt: skip


def test_what_has_nothing_is_not_drawn_and_bars_bear_their_names() -> None:
    assert ChartView(Lines("t", "x", "y", []), Looks(["ae"]), "c").drawings == {}
    bars = ChartView(Bars("t", "x", [Bar("lr", 0.5)], caption="said"), Looks([], ["lr"]), "c")
    assert (bars.kind, bars.caption, bars.labels, bars.points) == ("bars", "said", [], "")
    assert bars.drawings
