"""Fixtures shared by the suite."""

import os
from pathlib import Path

import pytest

# Before wandb or a fork is near: no test talks to a server, no BLAS takes more threads than the test asks for.
os.environ["WANDB_MODE"] = "offline"
os.environ.setdefault("WANDB_SILENT", "true")

ROOT = Path(__file__).resolve().parents[1]


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
