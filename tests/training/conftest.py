"""One trained run that several tests read."""

import pytest

import runs
from restorelab.runs.run_folder import RunFolder


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = RunFolder(tmp_path_factory.mktemp("done") / "run")
    outcome = runs.run(folder.path, "pictures=4", "evaluation=[gaussian_50,impulse_30]")
    assert outcome.status == "done", outcome.message
    assert "gaussian_50" in outcome.message
    return folder
