"""Fixtures shared by the suite."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from restorelab.training import gc_tuning

gc_tuning.spare_imports()  # collecting the tests imports everything: 8 s instead of 15 s in each worker

# Before torch, wandb or a fork is near: no test talks to a server, leaves something in the user's cache, or takes more
# threads than it asks for (several pytest workers share the cores).
os.environ["WANDB_MODE"] = "offline"
os.environ.setdefault("WANDB_SILENT", "true")
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["RESTORELAB_CACHE"] = tempfile.mkdtemp(prefix="restorelab-tests-")
atexit.register(shutil.rmtree, os.environ["RESTORELAB_CACHE"], ignore_errors=True)

ROOT = Path(__file__).resolve().parents[1]


def pytest_collection_finish() -> None:
    """From here on memory is looked after as usual."""
    gc_tuning.settle()


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real images beside the checkout; tests that use them skip where there are none."""
    folder = Path(os.environ.get("RESTORELAB_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"needs real images in {folder} (RESTORELAB_SHARED)")
    return folder


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` writes the captures of tests/golden anew, so that a commit shows what became of them."""
    parser.addoption("--update-golden", action="store_true", help="write the captures of tests/golden anew")
