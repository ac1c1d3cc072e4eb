"""restorelab from Python: an experiment's parts in Lightning's own Trainer, and a whole run in one call."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer

import restorelab
import runs
from restorelab.config.run_config import read_config
from restorelab.errors import ConfigError
from restorelab.runs.run_folder import RunFolder
from restorelab.training.task import RestorationTask
from training.loggers.own_loggers import Kept

QUIET: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False,
                         "enable_model_summary": False, "accelerator": "cpu", "devices": 1}  # fmt: skip


def test_the_trainer_of_lightning_fits_and_measures(tmp_path: Path) -> None:
    experiment = restorelab.compose(*runs.TINY, "data.limit=40", "scheduler=cosine")
    before = {name: value.clone() for name, value in experiment.task().state_dict().items()}
    trainer = Trainer(max_epochs=2, default_root_dir=tmp_path, **QUIET)
    trainer.fit(experiment.task(), experiment.data())
    assert trainer.global_step == 8
    assert any(not torch.equal(value, before[name]) for name, value in experiment.task().state_dict().items())
    assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(0, abs=1e-8)  # the schedule knew the length
    assert "val/psnr" in trainer.callback_metrics
    (measured,) = trainer.test(experiment.task(), experiment.data())
    assert 5 < measured["test/psnr"] < 60
    restored = trainer.predict(experiment.task(), experiment.data())
    assert restored is not None
    assert sum(map(len, restored)) == sum(map(len, experiment.data().frozen("test")))


@pytest.mark.parametrize("more", [("evaluation=[gaussian_50,gaussian_25]",), ("precision",)])
def test_its_numbers_are_those_of_a_run_bit_for_bit(more: tuple[str, ...], tmp_path: Path) -> None:
    overrides = [*runs.TINY, "data.limit=40", "max_steps=4", f"run_dir={tmp_path}", *(m for m in more if "=" in m)]
    outcome = restorelab.train(overrides)
    assert outcome.status == "done", outcome.message
    result = json.loads(RunFolder(tmp_path).result.read_text())
    experiment = restorelab.compose(*overrides)
    experiment.task().net.load_state_dict(torch.load(RunFolder(tmp_path).best, weights_only=True)["state_dict"])
    given = {"precision": "bf16-mixed"} if "precision" in more else {}
    (measured,) = Trainer(**QUIET, **given, default_root_dir=tmp_path).test(experiment.task(), experiment.data())
    assert {name: measured[name] for name in result["metrics"]} == result["metrics"]
    for entry in result["evaluations"][1:]:
        assert {name: measured[f"{name}/{entry['degradation']}"] for name in entry["metrics"]} == entry["metrics"]


def test_a_checkpoint_is_loaded_as_lightning_does(tmp_path: Path) -> None:
    """best.ckpt and last.ckpt of a run, where they lie; a checkpoint with its hyperparameters, anywhere."""
    overrides = [*runs.TINY, "data.limit=40", "max_steps=4"]
    assert restorelab.train([*overrides, f"run_dir={tmp_path / 'run'}"]).exit_status == 0
    folder = RunFolder(tmp_path / "run")
    last = torch.load(folder.last, weights_only=True)
    assert last["hyper_parameters"]["optimizer"] == read_config(folder.path)["optimizer"]
    (tmp_path / "moved.ckpt").write_bytes(folder.last.read_bytes())
    best = restorelab.load(folder.path, clamp=False).state_dict()
    for file, weights in (
        (folder.best, {f"net.{name}": value for name, value in best.items()}),
        (folder.last, last["state_dict"]),
        (tmp_path / "moved.ckpt", last["state_dict"]),
    ):
        task = RestorationTask.load_from_checkpoint(file, seed=5)
        assert task.hparams["model"]["depth"] == 3
        assert (task.hparams["seed"], task.seed) == (5, 5)
        assert task.state_dict().keys() == weights.keys()
        assert all(torch.equal(value, weights[name]) for name, value in task.state_dict().items())
    (measured,) = Trainer(**QUIET, default_root_dir=tmp_path).test(
        RestorationTask.load_from_checkpoint(folder.best),
        restorelab.compose(*overrides).data(),
    )
    assert measured["test/psnr"] == json.loads(folder.result.read_text())["metrics"]["test/psnr"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": {"_target_": "os.system", "command": "touch CALLED"}}, r"trust=\[os\.system\]"),
        ({"modle": {}}, "Did you mean 'model'"),
        ({"model": 3}, "model: 3 does not fit"),
        (None, r"hparams_file=RUN/config\.yaml"),
    ],
)
def test_a_checkpoint_of_somebody_else_runs_nothing(
    change: dict[str, Any] | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = {} if change is None else runs.composed(runs.TINY) | change
    torch.save({"state_dict": {"net.w": torch.zeros(1)}, "hyper_parameters": config}, tmp_path / "theirs.ckpt")
    with pytest.raises(ConfigError, match=message):
        RestorationTask.load_from_checkpoint(tmp_path / "theirs.ckpt")
    assert not (tmp_path / "CALLED").exists()


def test_the_loggers_are_told_the_hyperparameters_once(tmp_path: Path) -> None:
    """Under Lightning's own Trainer by Lightning; in a run by their names on the command line."""
    overrides = [*runs.TINY, "data.limit=40", "max_steps=1"]
    experiment = restorelab.compose(*overrides)
    Trainer(max_steps=1, **QUIET | {"logger": Kept()}, default_root_dir=tmp_path).fit(
        experiment.task(), experiment.data()
    )
    assert (Kept.kept.told, Kept.kept.params) == (1, experiment.config)
    node = "+logger.mine={_target_: training.loggers.own_loggers.Kept}"
    assert restorelab.train([*overrides, f"run_dir={tmp_path / 'run'}", node]).exit_status == 0
    assert (Kept.kept.told, Kept.kept.params["optimizer.lr"]) == (1, experiment.config["optimizer"]["lr"])
