"""The PSNR of the mean squared error over all images, as some reports print it."""

import math

import numpy as np
import pytest

from restorelab.runs.record import Runs
from restorelab.study.pooled import Pooled


def test_pooled_is_the_logarithm_of_the_mean_error(runs: Runs) -> None:
    entries = [
        {"run": "net", "evaluations": ["weak", "strong"], "report": 0.02, "label": "skips"},
        {"run": "other", "evaluations": ["strong"], "report": 0.0315},
        {"run": "half", "evaluations": ["weak", "strong"]},
    ]
    table = Pooled("t", entries)(runs)
    errors = [(10 ** (-v / 10) + 10 ** (-(v + 5) / 10)) / 2 for v in (25, 26, 27)]
    skips, other, half = table.rows
    assert skips[0].text == "skips"
    assert skips[3].value == pytest.approx(np.mean(errors))
    assert skips[4].value == pytest.approx(-10 * math.log10(np.mean(errors)))
    assert skips[4].value != pytest.approx(np.mean([-10 * math.log10(e) for e in errors]), abs=1e-3)
    assert skips[6].value == pytest.approx(-10 * math.log10(0.02))
    assert skips[5].mark == ""
    assert other[5].mark == "worse"  # 0.0315 of 0.0316: no more than a tie
    assert half[3].text == "-"
    assert "strong" in half[3].note
