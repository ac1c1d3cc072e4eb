"""A training does the steps that it is asked for, and its last step is validated, once, whatever ended it."""

import json
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

import runs
from restorelab.runs import history
from restorelab.runs.run_folder import RunFolder
from restorelab.training.course import length
from restorelab.training.run_progress import RunProgress

EPOCHS = "trainer.max_epochs=null"  # the tiny run's epochs, which are of 6 steps, are not asked for


class StopAfterEpoch(Callback):
    """Ends training where Lightning has no validation any more."""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.should_stop = True


def validated(run_dir: Path) -> list[int]:
    columns = history.read(run_dir / "metrics.csv")
    return [int(s) for s, v in zip(columns["step"], columns["val/psnr"], strict=True) if not np.isnan(v)]


@pytest.mark.parametrize(
    ("overrides", "steps"),
    [
        ([EPOCHS, "max_steps=10", "trainer.validate_every=2"], [10]),  # in the middle of an epoch, and nowhere before
        (["trainer.validate_every=2"], [12, 18]),
        (["trainer.validate_steps=5", "trainer.max_epochs=2"], [5, 10, 12]),
        ([EPOCHS, "trainer.validate_steps=4", "max_steps=8"], [4, 8]),
        ([EPOCHS, "max_steps=7", "accumulate=2"], [3, 6, 7]),  # of 3 steps
        (["+callbacks.stop={_target_: test_ending.StopAfterEpoch}", "trainer.validate_every=2"], [6]),
        (["+callbacks.stop={_target_: lightning.pytorch.callbacks.EarlyStopping, monitor: val/psnr, mode: max, "
          "patience: 1, min_delta: 100}"], [6, 12]),
        (["debug=true", "trainer.validate_every=2"], [2]),
    ],
)  # fmt: skip
def test_the_last_step_is_validated_once(overrides: list[str], steps: list[int], tmp_path: Path) -> None:
    outcome = runs.run(tmp_path / "run", *overrides)
    assert outcome.status == "done", outcome.message
    assert validated(tmp_path / "run") == steps
    folder = RunFolder(tmp_path / "run")
    assert torch.load(folder.last, weights_only=True)["global_step"] == steps[-1]
    assert torch.load(folder.best, weights_only=True)["restorelab"]["step"] in steps


def test_a_run_that_ended_within_an_epoch_goes_on_as_if_it_had_not(tmp_path: Path) -> None:
    same = (EPOCHS, "scheduler=constant", "trainer.validate_every=2")
    assert runs.run(tmp_path / "whole", *same, "max_steps=15").status == "done"
    assert runs.run(tmp_path / "cut", *same, "max_steps=10").status == "done"
    assert runs.run(tmp_path / "cut", *same, "max_steps=15", "resume=true").status == "done"
    assert validated(tmp_path / "whole") == [12, 15]
    assert validated(tmp_path / "cut") == [10, 12, 15]
    whole, cut = (runs.tensors(torch.load(RunFolder(tmp_path / n).last, weights_only=True)) for n in ("whole", "cut"))
    assert [name for name, value in whole.items() if "History" not in name and not torch.equal(value, cut[name])] == []


def test_an_interrupted_step_that_turns_out_to_be_the_last_is_validated(tmp_path: Path) -> None:
    """Stopped by SIGTERM behind batch 10, which is saved and not validated; nothing more is asked for then."""
    fail = "+callbacks.fail={_target_: runs.FailAt, batch: 10, how: '15'}"
    same = ("trainer.validate_every=4", "trainer.checkpoint_every=null")
    assert runs.run(tmp_path / "run", fail, *same).status == "interrupted"
    assert validated(tmp_path / "run") == []
    resumed = runs.run(tmp_path / "run", *same, EPOCHS, "max_steps=10", "resume=true")
    assert resumed.status == "done", resumed.message
    assert validated(tmp_path / "run") == [10]
    assert json.loads(RunFolder(tmp_path / "run").result.read_text())["metrics"]["test/psnr"] > 0


@pytest.mark.parametrize(
    ("overrides", "limits"),
    [
        ([], (None, 40)),
        (["max_steps=100"], (100, None)),
        (["max_steps=100", "trainer.max_epochs=7"], (100, 7)),
        (["trainer.max_epochs=7"], (None, 7)),
        (["experiment=mnist_ae/mlp"], (None, 20)),
        (["experiment=mnist_ae/mlp", "max_steps=100000"], (100000, None)),
        (["experiment=mnist_ae/mlp", "length=short"], (2000, None)),
        (["experiment=mnist_ae/mlp", "length=short", "trainer.max_epochs=3"], (2000, 3)),
        (["experiment=stl10_dsc/gated"], (10000, None)),
    ],
)
def test_steps_that_are_asked_for_replace_the_epochs_of_a_file(
    overrides: list[str], limits: tuple[int | None, int | None]
) -> None:
    settings = runs.composed(overrides)
    assert (settings["max_steps"], settings["trainer"]["max_epochs"]) == limits


def simulated(batches: int, accumulate: int, max_steps: int | None, max_epochs: int | None, at: RunProgress) -> int:
    """Steps of a loop that steps behind every so many batches and at an epoch's end."""
    steps = at.steps
    for epoch in count(at.epochs):
        if max_epochs is not None and epoch >= max_epochs:
            return steps
        for batch in range(at.batches if epoch == at.epochs else 0, batches):
            if max_steps is not None and steps >= max_steps:
                return steps
            steps += (batch + 1) % accumulate == 0 or batch + 1 == batches
        if max_steps is not None and steps >= max_steps:
            return steps
    raise AssertionError


@pytest.mark.parametrize(("batches", "accumulate"), [(1, 1), (1, 4), (5, 1), (5, 2), (6, 3), (7, 3)])
@pytest.mark.parametrize(("max_steps", "max_epochs"), [(1, None), (9, None), (None, 1), (None, 4), (9, 2), (3, 40)])
def test_length_is_that_of_the_loop(
    batches: int, accumulate: int, max_steps: int | None, max_epochs: int | None
) -> None:
    each = -(-batches // accumulate)
    starts = [RunProgress(), RunProgress(each, 1)]
    starts += [RunProgress(b // accumulate, 0, b) for b in range(accumulate, batches, accumulate)]
    for at in starts:
        end = length(batches, accumulate, max_steps, max_epochs, at)
        if max_steps is None or at.steps <= max_steps:
            assert end.steps == simulated(batches, accumulate, max_steps, max_epochs, at), at
        assert end.epochs > at.epochs  # one that can be entered, for Lightning to call the hooks of an end
        assert end.epochs * each >= end.steps
