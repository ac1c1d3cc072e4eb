"""A run that was cut off anywhere ends, once resumed, with the bits of one that was not."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import runs
from restorelab.runs.run_folder import RunFolder
from restorelab.training import execute
from runs import same

STEPS = 18  # of the tiny run: 3 epochs of 6 batches
VARIED = ("noise=each", "callbacks=ema", "accumulate=2", "scheduler=cosine", "clip=1.0", "trainer.max_epochs=2",
          "data.crop=32", "data.residency=stream")  # fmt: skip


def cut_and_resume(run_dir: Path, batch: int, where: str, *overrides: str) -> None:
    fail = f"+callbacks.fail={{_target_: runs.FailAt, batch: {batch}, where: {where}}}"
    cut = runs.run(run_dir, fail, *overrides)
    assert cut.status == "failed"
    assert json.loads(RunFolder(run_dir).failure.read_text())["error"] == "RuntimeError"
    assert not RunFolder(run_dir).result.exists()
    resumed = runs.run(run_dir, "resume=true", *overrides)
    assert resumed.status == "done", resumed.message
    assert not RunFolder(run_dir).failure.exists()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert runs.run(folder).status == "done"
    return folder


# Before any checkpoint, in the middle of an epoch, at an epoch's last batch, at the first of the next, at the very end.
@pytest.mark.parametrize("batch", [1, 4, 6, 7, STEPS])
def test_cut_off_while_a_checkpoint_is_written_at_every_batch(whole: Path, tmp_path: Path, batch: int) -> None:
    cut_and_resume(tmp_path / "run", batch, "on_train_batch_start", "trainer.checkpoint_every=0")
    same(whole, tmp_path / "run")


@pytest.mark.parametrize(("batch", "where"), [(9, "on_train_batch_end"), (12, "on_validation_end")])
def test_cut_off_with_checkpoints_at_epochs_ends_only(whole: Path, tmp_path: Path, batch: int, where: str) -> None:
    cut_and_resume(tmp_path / "run", batch, where, "trainer.checkpoint_every=null")
    same(whole, tmp_path / "run")


def test_cut_off_with_all_that_has_a_state(tmp_path: Path) -> None:
    assert runs.run(tmp_path / "whole", *VARIED).status == "done"
    cut_and_resume(tmp_path / "cut", 30, "on_train_batch_start", "trainer.checkpoint_every=0", *VARIED)
    same(tmp_path / "whole", tmp_path / "cut")


# Validated every 4 steps: before, at and behind a validation, and across the end of an epoch.
@pytest.mark.parametrize("batch", [4, *(pytest.param(batch, marks=pytest.mark.slow) for batch in (5, 8, 11))])
def test_cut_off_between_validations_by_steps(tmp_path: Path, batch: int) -> None:
    every = ("trainer.validate_steps=4", "trainer.checkpoint_every=0", "trainer.max_epochs=2")
    assert runs.run(tmp_path / "whole", *every).status == "done"
    steps = [row.split(",")[0] for row in (tmp_path / "whole" / "metrics.csv").read_text().splitlines()
             if row.split(",")[5]]  # fmt: skip
    assert steps == ["step", "4", "8", "12"]
    cut_and_resume(tmp_path / "cut", batch, "on_train_batch_start", *every)
    same(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.slow
@pytest.mark.parametrize("where", ["on_train_batch_start", "on_train_batch_end"])
@pytest.mark.parametrize("every", ["0", "null"])
@pytest.mark.parametrize("batch", range(1, STEPS + 1))
def test_cut_off_anywhere(whole: Path, tmp_path: Path, batch: int, every: str, where: str) -> None:
    cut_and_resume(tmp_path / "run", batch, where, f"trainer.checkpoint_every={every}")
    same(whole, tmp_path / "run")


def command(run_dir: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "train.py", *runs.TINY, f"run_dir={run_dir}", *overrides]
    root = Path(__file__).resolve().parents[2]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root / "src"), str(root / "tests")])}
    return subprocess.run(arguments, capture_output=True, text=True, cwd=root, env=environment, check=False)


@pytest.mark.slow
# A kill leaves what was saved before it; a signal that can be caught saves first.
@pytest.mark.parametrize(
    ("how", "status", "every"),
    [
        ("kill", -signal.SIGKILL, "0"),
        pytest.param("15", 143, "null", marks=pytest.mark.slow),
        pytest.param("2", 130, "null", marks=pytest.mark.slow),
    ],
)
def test_killed_by_a_signal(whole: Path, tmp_path: Path, how: str, status: int, every: str) -> None:
    fail = f"+callbacks.fail={{_target_: runs.FailAt, batch: 10, how: '{how}'}}"
    killed = command(tmp_path / "run", f"trainer.checkpoint_every={every}", fail)
    assert killed.returncode == status
    folder = RunFolder(tmp_path / "run")
    assert torch.load(folder.last, weights_only=True)["global_step"] == (9 if how == "kill" else 10)
    assert not folder.result.exists()
    if how != "kill":
        assert json.loads(folder.failure.read_text())["status"] == "interrupted"
        assert "resume=true" in killed.stderr
        assert "Traceback" not in killed.stderr
    resumed = runs.run(tmp_path / "run", "resume=true", f"trainer.checkpoint_every={every}")
    assert resumed.status == "done"
    same(whole, tmp_path / "run")


def test_dropout_goes_on_with_the_numbers_that_it_would_have_drawn(tmp_path: Path) -> None:
    dropping = ("model._target_=runs.Dropping", "trainer.max_epochs=2", "trainer.checkpoint_every=0")
    assert runs.run(tmp_path / "whole", *dropping).status == "done"
    cut_and_resume(tmp_path / "run", 9, "on_train_batch_start", *dropping)
    same(tmp_path / "whole", tmp_path / "run")


def test_complete_run_is_left_alone_and_can_be_prolonged(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    assert runs.run(folder.path, "trainer.max_epochs=1").status == "done"
    before = folder.last.stat().st_mtime_ns
    again = runs.run(folder.path, "trainer.max_epochs=1", "resume=true")
    assert again.status == "done"
    assert "complete already" in again.message
    assert folder.last.stat().st_mtime_ns == before
    took = json.loads(folder.result.read_text())["seconds"]
    state = torch.load(folder.last, weights_only=True)
    state["callbacks"]["Limits"]["seconds"] = 1000.0
    torch.save(state, folder.last)
    assert runs.run(folder.path, "trainer.max_epochs=3", "resume=true").status == "done"
    assert torch.load(folder.last, weights_only=True)["global_step"] == STEPS
    assert 1000 < json.loads(folder.result.read_text())["seconds"] < 1000 + 20 * took  # of both sessions


def test_folder_of_another_run_is_refused(tmp_path: Path) -> None:
    settings = runs.settings(tmp_path / "run")
    RunFolder(tmp_path / "run").open(settings, resume=False)
    outcome = execute.execute(settings)
    assert (outcome.status, outcome.exit_status) == ("failed", 2)
    assert "resume=true" in outcome.message
