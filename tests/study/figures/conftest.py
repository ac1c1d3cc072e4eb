"""Real, very small runs that the figures are drawn of."""

import pytest

import runs as small
from restorelab.config import composition
from restorelab.runs.record import Record, Runs
from restorelab.training import execute
from study.figures.drawn_figures import RUNS


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """A network of two seeds, a dual autoencoder, a median filter, and images that were made half as large."""
    folder = tmp_path_factory.mktemp("runs")
    common = [override for override in small.TINY if not override.startswith("model")]
    for name, overrides in RUNS.items():
        outcome = execute.execute(composition.compose([*common, f"run_dir={folder / name}", *overrides]))
        assert outcome.status == "done", outcome
    return Runs([Record(name.partition("-")[0], folder / name) for name in RUNS])
