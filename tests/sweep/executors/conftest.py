"""A SLURM cluster of programs that do as SLURM does."""

import os
from pathlib import Path

import pytest

import fake_slurm
from restorelab.sweep.executors import slurm as module


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cluster"
    monkeypatch.setenv("PATH", f"{fake_slurm.install(folder)}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_SLURM", str(folder))
    monkeypatch.setattr(fake_slurm, "HOME", folder)
    monkeypatch.setattr(module, "ASK", 0.5)
    monkeypatch.setattr(module, "SOON", 0.0)
    return folder
