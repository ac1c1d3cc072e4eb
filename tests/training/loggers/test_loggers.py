"""The loggers of a run: each is told what metrics.csv holds, several at once, and none of them can end the run."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.loggers.logger import DummyLogger
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import runs
from restorelab.config import composition, trust
from restorelab.errors import ConfigError, UserError
from restorelab.training.loggers import logger_checks
from restorelab.training.loggers.run_loggers import RunLoggers
from restorelab.training.loggers.run_start import RunStart, flat
from training.loggers import offline
from training.loggers.own_loggers import Kept

OWN = "training.loggers.own_loggers"


def rows(run: Path) -> list[dict[str, float]]:
    """metrics.csv without its empty cells."""
    with (run / "metrics.csv").open(newline="") as stream:
        return [{name: float(text) for name, text in row.items() if text} for row in csv.DictReader(stream)]


def events(run: Path) -> EventAccumulator:
    """What TensorBoard itself shows of a run."""
    return EventAccumulator(str(run / "tensorboard"), {"scalars": 0, "images": 0, "tensors": 0}).Reload()


def curve(shown: EventAccumulator, name: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in shown.Scalars(name)]


def column(run: Path, name: str) -> list[tuple[int, float]]:
    return [(int(row["step"]), pytest.approx(row[name], rel=1e-6)) for row in rows(run) if name in row]


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, Kept]:
    """A run with four loggers, one of which breaks on its way, and callbacks that log by themselves."""
    folder = tmp_path_factory.mktemp("several") / "run"
    outcome = runs.run(
        folder, "pictures=2", "callbacks=default", "callbacks.panels.every=1", "logger=[wandb,tensorboard]",
        f"+logger.mine={{_target_: {OWN}.Kept}}", f"+logger.broken={{_target_: {OWN}.Broken, at: 4}}",
        "+logger.files={_target_: lightning.pytorch.loggers.CSVLogger}", f"+callbacks.logs={{_target_: {OWN}.Logs}}",
        "+callbacks.rate={_target_: lightning.pytorch.callbacks.LearningRateMonitor}", "optimizer.lr=0.002",
    )  # fmt: skip
    assert outcome.status == "done", outcome.message
    return folder, outcome.message, Kept.kept


def test_tensorboard_shows_the_rows_the_pictures_and_the_result(several: tuple[Path, str, Kept]) -> None:
    run, message, _ = several
    shown = events(run)
    for name in ("train/loss", "lr", "val/psnr", "val/ssim"):
        assert curve(shown, name) == column(run, name)
    result = json.loads((run / "result.json").read_text())["metrics"]
    assert curve(shown, "test/psnr") == [(18, pytest.approx(result["test/psnr"]))]
    assert set(shown.Tags()["images"]) == {"val/panel", "test/gaussian_50", "curves"}
    assert [event.step for event in shown.Images("val/panel")] == [6, 12, 18]
    (picture,) = shown.Images("test/gaussian_50")
    with Image.open(run / "images" / "gaussian_50.png") as drawn:
        assert (picture.width, picture.height) == drawn.size
    assert f"tensorboard --logdir {run / 'tensorboard'}" in message


def test_tensorboard_lists_the_run_among_its_hyperparameters(several: tuple[Path, str, Kept]) -> None:
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    content = events(several[0]).SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    told = HParamsPluginData.FromString(content).session_start_info.hparams
    assert told["optimizer.lr"].number_value == 0.002
    assert told["choices.model"].string_value == "dncnn"


def test_every_logger_is_told_the_same(several: tuple[Path, str, Kept]) -> None:
    run, _, kept = several
    told = [(step, row["train/loss"]) for step, row in kept.rows if "train/loss" in row]
    assert told == column(run, "train/loss")
    assert [(step, row["val/psnr"]) for step, row in kept.rows if "val/psnr" in row] == column(run, "val/psnr")
    assert kept.params["optimizer.lr"] == 0.002
    assert kept.pictures.count("val/panel") == 3
    step, last = kept.rows[-1]
    assert step == 18
    assert last["test/psnr"] == json.loads((run / "result.json").read_text())["metrics"]["test/psnr"]
    assert kept.ended == ["success"]  # once, though Lightning's Trainer said so when the fit was over
    (session,) = (run / "wandb").glob("offline-run-*")
    summary = offline.summary(session)["summary"]
    assert summary["test/psnr"] == pytest.approx(last["test/psnr"])
    assert {"mine/step", "mine/validated", "lr-Adam"} <= summary.keys()


def test_lightnings_own_callbacks_and_log_reach_them_at_every_log_every(several: tuple[Path, str, Kept]) -> None:
    run, _, kept = several
    for name in ("mine/step", "lr-Adam"):
        steps = [step for step, row in kept.rows if name in row]
        assert steps == [1, 3, 5, 7, 9, 11, 13, 15, 17]  # Lightning counts a step when it is over
    assert [step for step, row in kept.rows if "mine/validated" in row] == [6, 12, 18]
    assert [step for step, row in kept.rows if "val/psnr" in row] == [6, 12, 18]  # and not by Lightning once more
    (file,) = run.glob("lightning_logs/version_0/metrics.csv")  # it takes a save_dir, and nobody named one
    assert "val/psnr" in file.read_text()


def test_a_logger_that_breaks_stops_and_nothing_else_does(several: tuple[Path, str, Kept]) -> None:
    run, message, _ = several
    assert "broken:   stopped (OSError: the disk is full)" in message
    assert [row["step"] for row in rows(run) if "val/psnr" in row] == [6, 12, 18]
    assert (run / "result.json").is_file()


def test_a_resumed_run_goes_on_in_the_same_places(tmp_path: Path) -> None:
    common = ("logger=[wandb,tensorboard]", "trainer.checkpoint_every=null")
    failing = "+callbacks.fail={_target_: runs.FailAt, batch: 10}"
    assert runs.run(tmp_path, *common, failing).status == "failed"
    assert [step for step, _ in curve(events(tmp_path), "train/loss")] == [2, 4, 6, 8]
    outcome = runs.run(tmp_path, *common, "resume=true")
    assert outcome.status == "done", outcome.message
    shown = events(tmp_path)  # step 8 was done twice
    assert curve(shown, "train/loss") == column(tmp_path, "train/loss")
    sessions = list((tmp_path / "wandb").glob("offline-run-*"))
    assert len(sessions) == 2
    # offline-run-TIME-ID, and a number behind it where two sessions begin within a second
    assert len({session.name.split("-")[3] for session in sessions}) == 1


@pytest.mark.slow
def test_mlflow_has_the_run_its_pictures_and_its_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow", reason="the extra restorelab[mlflow] is not installed")
    from mlflow.tracking import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    common = ("logger=mlflow", f"runs_dir={tmp_path}", "trainer.checkpoint_every=null", "logger.mlflow.group=night")
    run = tmp_path / "run"
    failing = "+callbacks.fail={_target_: runs.FailAt, batch: 10}"
    assert runs.run(run, *common, failing).status == "failed"
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    (experiment,) = client.search_experiments(filter_string="name = 'restorelab'")
    (failed,) = client.search_runs([experiment.experiment_id])
    assert failed.info.status == "FAILED"
    assert "died on purpose" in failed.data.tags["failure"]
    outcome = runs.run(run, *common, "resume=true", "pictures=2", "trainer.max_epochs=4")
    assert outcome.status == "done", outcome.message
    (done,) = client.search_runs([experiment.experiment_id])
    assert done.info.run_id == failed.info.run_id
    assert (done.info.status, done.data.tags["group"]) == ("FINISHED", "night")
    assert done.data.params["choices.model"] == "dncnn"
    result = json.loads((run / "result.json").read_text())["metrics"]
    assert done.data.metrics["test/psnr"] == pytest.approx(result["test/psnr"])
    told = sorted((metric.step, metric.value) for metric in client.get_metric_history(done.info.run_id, "val/psnr"))
    assert told == column(run, "val/psnr")
    assert [file.path for file in client.list_artifacts(done.info.run_id)] == ["images"]
    assert list((tmp_path / "mlflow").rglob("*.png"))
    assert "mlflow ui --backend-store-uri sqlite:///" in outcome.message


def test_other_ranks_log_nothing(tmp_path: Path) -> None:
    loggers = RunLoggers()
    loggers.begin({"wandb": {"_target_": "restorelab.training.loggers.wandb.WandB"}}, RunStart({}, tmp_path, "x"), 1)
    (logger,) = loggers.named.values()
    assert isinstance(logger, DummyLogger)  # for callbacks that ask for a logger
    loggers.finish({}, failed=False)
    assert not list(tmp_path.iterdir())


def test_a_logger_that_cannot_be_opened_is_an_error_at_the_start(tmp_path: Path) -> None:
    said = r"logger\.mine: cannot be opened \(OSError: no such server\)\. ~logger\.mine leaves it out"
    with trust.trusting([OWN]), pytest.raises(UserError, match=said):
        RunLoggers().begin({"mine": {"_target_": f"{OWN}.Closed"}}, RunStart({}, tmp_path, "x"))


def test_a_missing_package_and_a_class_that_is_no_logger_are_said_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logger_checks, "find_spec", lambda name: None)
    for name in ("tensorboard", "mlflow"):
        with pytest.raises(UserError, match=rf"logger\.{name}: .*pip install 'restorelab\[{name}\]'"):
            logger_checks.check(composition.compose([f"logger={name}"])["logger"])
    logger_checks.check(composition.compose(["logger=wandb"])["logger"])
    with pytest.raises(ConfigError, match=r"logger\.mine: expected a subclass .*Logger; torch\.nn\.ReLU is none"):
        logger_checks.check({"mine": {"_target_": "torch.nn.ReLU"}})


@pytest.mark.parametrize(
    ("overrides", "match"),
    [
        (["logger.mode=online"], r"Did you mean logger\.wandb\.mode\?"),
        (["logger.project=x"], r"Did you mean logger\.wandb\.project\?"),
        (["logger.mine={_target_: a.B}"], r"A new one: \+logger\.mine='\{_target_"),
        (["+logger.mode=online"], r"logger\.mode: 'online' does not fit; expected a mapping with a _target_"),
        (["logger=tensorbord"], "Did you mean 'tensorboard'"),
        (["logger._target_=a.B"], r"holds loggers by name.*logger\.NAME="),
    ],
)
def test_what_does_not_name_a_logger_says_what_would(overrides: list[str], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        composition.compose(overrides)


def test_several_are_named_in_a_list_and_none_by_an_empty_one() -> None:
    assert list(composition.compose(["logger=[wandb,tensorboard]"])["logger"]) == ["wandb", "tensorboard"]
    assert composition.compose(["logger=[]"])["logger"] == composition.compose(["logger=csv"])["logger"] == {}


def test_hyperparameters_bear_the_names_of_the_command_line() -> None:
    nested: dict[str, Any] = {"seed": 0, "optimizer": {"lr": 0.1, "betas": [0.9, 0.99]}, "evaluation": {}}
    assert flat(nested) == {"seed": 0, "optimizer.lr": 0.1, "optimizer.betas": [0.9, 0.99]}
