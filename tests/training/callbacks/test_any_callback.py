"""Lightning's own callbacks in a run, each by name from the config."""

import csv
import json
import logging
import math
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.exceptions import MisconfigurationException

import runs
from restorelab.runs import history
from restorelab.runs.run_folder import RunFolder
from restorelab.training import execute, run_progress

SMALL = ("data.limit=40", "trainer.max_epochs=2")
"""4 batches in an epoch."""


def run(run_dir: Path, name: str, *overrides: str, **given: Any) -> execute.Outcome:
    """A run with one more callback."""
    target = name if "." in name else f"lightning.pytorch.callbacks.{name}"
    node = ", ".join(f"{key}: {json.dumps(value)}" for key, value in {"_target_": target, **given}.items())
    return runs.run(run_dir, *SMALL, f"+callbacks.mine={{{node}}}".replace('"', ""), *overrides)


def steps(run_dir: Path) -> list[int]:
    return [int(step) for step in history.read(RunFolder(run_dir).metrics)["step"]]


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("Timer", {"duration": {"hours": 1}}),
        ("ModelSummary", {}),
        ("OnExceptionCheckpoint", {"dirpath": "never"}),
        ("LambdaCallback", {"on_train_start": {"_target_": "builtins.max", "_partial_": True, "key": None}}),
        ("ThroughputMonitor", {"batch_size_fn": {"_target_": "builtins.len", "_partial_": True}}),
    ],
)
def test_it_takes_part(name: str, given: dict[str, Any], tmp_path: Path) -> None:
    if name == "LambdaCallback":
        given = {"on_train_start": {"_target_": f"{__name__}.heard", "_partial_": True}}
        HEARD.clear()
    outcome = run(tmp_path / "run", name, **given)
    assert outcome.status == "done", outcome.message
    assert steps(tmp_path / "run")[-1] == 8
    assert name != "LambdaCallback" or len(HEARD) == 1


HEARD: list[Trainer] = []


def heard(trainer: Trainer, pl_module: LightningModule) -> None:
    HEARD.append(trainer)


def test_a_learning_rate_monitor_writes_into_the_runs_folder(tmp_path: Path) -> None:
    outcome = run(tmp_path, "LearningRateMonitor", logging_interval="step")
    assert outcome.status == "done", outcome.message
    with (tmp_path / "lightning" / "version_0" / "metrics.csv").open() as stream:
        told = {int(row["step"]): float(row["lr-Adam"]) for row in csv.DictReader(stream)}
    rows = history.read(RunFolder(tmp_path).metrics)
    own = dict(zip(map(int, rows["step"]), rows["lr"], strict=True))
    assert told
    assert all(told[step] == pytest.approx(own[step], rel=1e-6) for step in told.keys() & own.keys())


def test_a_monitor_of_the_device_needs_a_package_and_says_so_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("restorelab.training.training_checks.find_spec", lambda name: None)
    outcome = run(tmp_path / "refused", "DeviceStatsMonitor")
    assert outcome.message == "callbacks.mine: DeviceStatsMonitor needs psutil: pip install psutil."
    assert not (tmp_path / "refused").exists()
    monkeypatch.undo()
    monkeypatch.setattr("restorelab.training.training_checks.find_spec", lambda name: True)
    monkeypatch.setattr("lightning.pytorch.callbacks.device_stats_monitor._PSUTIL_AVAILABLE", True)
    stats = "lightning.pytorch.accelerators.cpu.CPUAccelerator.get_device_stats"
    monkeypatch.setattr(stats, lambda self, device: {"cpu_percent": 3.0})
    assert run(tmp_path / "run", "DeviceStatsMonitor").status == "done"
    assert "cpu_percent" in (tmp_path / "run" / "lightning" / "version_0" / "metrics.csv").read_text()


def test_checkpoints_of_lightning_lie_apart_and_can_be_gone_on_from(tmp_path: Path) -> None:
    given = {"monitor": "train/loss", "save_top_k": 2, "save_last": True}
    outcome = run(tmp_path, "ModelCheckpoint", **given)
    assert outcome.status == "done", outcome.message
    folder = RunFolder(tmp_path)
    theirs = sorted(file.name for file in (folder.best.parent / "mine").iterdir())
    assert theirs == ["epoch=0-step=4.ckpt", "epoch=1-step=8.ckpt", "last.ckpt"]
    ours, other = (torch.load(file, weights_only=True) for file in (folder.last, folder.best.parent / "mine/last.ckpt"))
    assert ours[run_progress.KEY] == other[run_progress.KEY]
    state = other["callbacks"][next(key for key in other["callbacks"] if key.startswith("ModelCheckpoint"))]
    losses = history.read(folder.metrics)["train/loss"]
    assert float(state["best_model_score"]) == pytest.approx(min(sum(losses[0:2]), sum(losses[3:5])) / 2, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["RichProgressBar", "TQDMProgressBar"])
def test_a_bar_of_lightning_takes_the_place_of_ours(name: str, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    outcome = run(tmp_path, name, "trainer.bar=true")
    assert outcome.status == "done", outcome.message
    said = capfd.readouterr()
    assert "Epoch 1" in said.out + said.err
    assert "step 4/8: val" not in said.err


@pytest.mark.slow
@pytest.mark.parametrize("monitor", ["train/loss", "lr", "val/psnr"])
def test_it_stops_early_by_anything_that_is_measured(monitor: str, tmp_path: Path) -> None:
    outcome = run(tmp_path, "EarlyStopping", "trainer.max_epochs=4", monitor=monitor, patience=1, min_delta=100)
    assert outcome.status == "done", outcome.message
    assert steps(tmp_path)[-1] == 2 * 4


def test_what_nothing_measures_is_refused(tmp_path: Path) -> None:
    outcome = run(tmp_path / "run", "EarlyStopping", monitor="train/los")
    assert "Did you mean 'train/loss'? Allowed: lr, train/loss, val/loss" in outcome.message


class Reader(Callback):
    """Keeps what callbacks may read, where EarlyStopping does."""

    read: ClassVar[list[dict[str, float]]] = []

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.read.append({name: float(value) for name, value in trainer.callback_metrics.items()})


def test_callbacks_read_the_loss_the_rate_and_the_validation(tmp_path: Path) -> None:
    Reader.read.clear()
    assert run(tmp_path, f"{__name__}.Reader", "accumulate=2", "trainer.log_every=1").status == "done"
    rows = history.read(RunFolder(tmp_path).metrics)
    assert len(Reader.read) == 2
    for number, read in enumerate(Reader.read):
        assert read["val/psnr"] == pytest.approx(rows["val/psnr"][3 * number + 2], rel=1e-6)
        assert read["lr"] == pytest.approx(rows["lr"][3 * number + 2], rel=1e-5)
        assert 0 < read["train/loss"] < 1


def test_averaged_weights_are_measured_and_kept(tmp_path: Path) -> None:
    """Weights that move by nothing in two epochs: an average with a decay of almost 1 stays where they began."""
    for name, given in {"EMAWeightAveraging": {"decay": 0.999999}, "WeightAveraging": {}}.items():
        outcome = run(tmp_path / name, name, "optimizer.lr=0.1", **given)
        assert outcome.status == "done", outcome.message
        folder = RunFolder(tmp_path / name)
        last = torch.load(folder.last, weights_only=True)
        best = torch.load(folder.best, weights_only=True)
        assert best["restorelab"]["step"] in (4, 8)
        if best["restorelab"]["step"] == 8:
            average = {key.removeprefix("net."): value for key, value in last["state_dict"].items() if "net." in key}
            assert all(torch.equal(value, average[key]) for key, value in best["state_dict"].items())


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["trainer.steps_per_call=1", "trainer.steps_per_call=3"])
def test_stochastic_weight_averaging_ends_with_the_average_measured(loop: str, tmp_path: Path) -> None:
    for norm in ("true", "false"):
        given = {"swa_lrs": 1e-2, "swa_epoch_start": 1}
        folder = tmp_path / norm
        outcome = run(folder, "StochasticWeightAveraging", loop, f"model.batch_norm={norm}", **given)
        assert outcome.status == "done", outcome.message
        rows = history.read(RunFolder(folder).metrics)
        assert max(rows["step"]) == (9 if norm == "true" else 8)  # Lightning counts its pass without gradients as one
        assert max(rows["lr"]) == pytest.approx(1e-2) or rows["lr"][-1] > rows["lr"][0]  # SWALR in place of ours
        pairs = zip(rows["val/psnr"], rows["step"], strict=True)
        measured = [value for value, step in pairs if step >= 8 and not math.isnan(value)]
        assert len(measured) >= 2
        assert measured[0] != measured[-1]


def test_a_schedule_of_accumulation_sets_the_length(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        outcome = run(tmp_path, "GradientAccumulationScheduler", "scheduler=cosine", scheduling={1: 2})
    assert outcome.status == "done", outcome.message
    assert "length: 6 steps" in caplog.text  # 4 and 2
    assert steps(tmp_path)[-1] == 6
    assert history.read(RunFolder(tmp_path).metrics)["lr"][-1] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("BatchSizeFinder", {}, "Set data.batch_size."),
        ("LearningRateFinder", {}, "sweep.py optimizer.lr="),
        ("BackboneFinetuning", {}, "called backbone"),
        ("ModelPruning", {"pruning_fn": "l1_unstructured"}, "Prune the loaded network"),
    ],
)
def test_what_a_run_cannot_have_is_refused_before_it_has_a_folder(
    name: str, given: dict[str, Any], words: str, tmp_path: Path
) -> None:
    outcome = run(tmp_path / "run", name, **given)
    assert outcome.message.startswith(f"callbacks.mine: {name} ")
    assert words in outcome.message
    assert not (tmp_path / "run").exists()


def test_two_who_accumulate_are_refused(tmp_path: Path) -> None:
    outcome = run(tmp_path / "run", "GradientAccumulationScheduler", "accumulate=2", scheduling={1: 2})
    assert outcome.message == "accumulate=2: callbacks.mine says that itself. Leave one of them out."


class Misfit(Callback):
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        raise MisconfigurationException("it does not fit")


def test_what_lightning_refuses_later_has_no_traceback(tmp_path: Path) -> None:
    outcome = run(tmp_path, f"{__name__}.Misfit")
    assert (outcome.status, outcome.message) == ("failed", "Lightning refuses this: it does not fit")
    assert json.loads(RunFolder(tmp_path).failure.read_text())["traceback"] is None


def test_a_checkpoint_of_an_exception_lies_in_the_run_and_is_not_taken_for_another_ones(tmp_path: Path) -> None:
    dying = "+callbacks.dying={_target_: runs.FailAt, batch: 3}"
    given = {"dirpath": "after"}
    assert run(tmp_path / "run", "OnExceptionCheckpoint", dying, **given).status == "failed"
    written = tmp_path / "run" / "after" / "on_exception.ckpt"
    assert torch.load(written, weights_only=True)["global_step"] == 2
    other = run(tmp_path / "other", "OnExceptionCheckpoint", dirpath=str(written.parent))
    assert other.status == "failed"
    assert "is another run's. Name another folder." in other.message
