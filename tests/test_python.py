"""restorelab from Python: an experiment's parts in Lightning's own Trainer, and a whole run in one call."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer

import restorelab
import runs
from restorelab.runs.run_folder import RunFolder

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
