"""Runs that several tests of tables read."""

from pathlib import Path

import pytest

from restorelab.runs.record import Runs
from study.measured import record


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    values = {0: 25.0, 1: 26.0, 2: 27.0}
    return Runs([
        *(record(tmp_path, "net", s, {"weak": v + 5, "strong": v}, seconds=60.0 + s) for s, v in values.items()),
        record(tmp_path, "other", 0, {"weak": 29.0, "strong": 20.0}),
        *(record(tmp_path, "median", seed, {"weak": 28.0, "strong": 26.5}, parameters=0) for seed in range(3)),
        record(tmp_path, "elsewhere", 0, {"weak": 40.0, "strong": 40.0}, spec="another"),
        record(tmp_path, "half", 0, {"weak": 21.0}),
    ])  # fmt: skip
