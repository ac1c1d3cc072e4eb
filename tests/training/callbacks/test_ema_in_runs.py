"""Averaged weights: measured and kept, and never trained on from."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import restorelab
import runs
from restorelab.config import build
from restorelab.config.run_config import read_config
from restorelab.runs.run_folder import RunFolder

STEPS = ("callbacks=ema", "trainer.max_epochs=null", "max_steps=8", "model._target_=runs.Dropping")


def last(run_dir: Path) -> dict[str, Any]:
    return torch.load(RunFolder(run_dir).last, weights_only=True)


@pytest.fixture(scope="module")
def unvalidated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Validated at its last step only."""
    folder = tmp_path_factory.mktemp("ema") / "run"
    assert runs.run(folder, *STEPS, "trainer.validate_every=100").status == "done"
    return folder


@pytest.mark.parametrize("how", [["trainer.validate_steps=3"], ["trainer.validate_every=1"]])
def test_validation_changes_nothing_in_training(how: list[str], unvalidated: Path, tmp_path: Path) -> None:
    """Weights, averages, moments and random numbers (of dropout) have the same bits."""
    assert runs.run(tmp_path / "run", *STEPS, *how).status == "done"
    expected, found = last(unvalidated), last(tmp_path / "run")
    for part in ("state_dict", "optimizer_states", "restorelab_rng"):
        a, b = runs.tensors(expected[part]), runs.tensors(found[part])
        assert a.keys() == b.keys()
        assert [name for name, value in a.items() if not torch.equal(value, b[name])] == [], part
    a, b = (runs.tensors(content["callbacks"]["EMA"]) for content in (expected, found))
    assert [name for name, value in a.items() if not torch.equal(value, b[name])] == []


def test_best_holds_the_average_and_last_the_trained_weights(unvalidated: Path) -> None:
    content = last(unvalidated)
    average = {k.removeprefix("module."): v for k, v in content["callbacks"]["EMA"]["average"].items()}
    best = torch.load(RunFolder(unvalidated).best, weights_only=True)["state_dict"]
    trained = {k.removeprefix("net."): v for k, v in content["state_dict"].items()}
    assert all(torch.equal(value, average[name]) for name, value in best.items())
    assert not all(torch.equal(value, trained[name]) for name, value in best.items())
    loaded = restorelab.load(unvalidated).state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in best.items())


def test_the_average_is_that_of_torch(tmp_path: Path) -> None:
    """Averaged by hand over the weights of every step, which `trainer.keep_every` leaves of a run without EMA."""
    plain = ("trainer.max_epochs=null", "max_steps=5", "trainer.validate_every=100")
    assert runs.run(tmp_path / "plain", *plain, "trainer.keep_every=1").status == "done"
    assert runs.run(tmp_path / "ema", *plain, "callbacks=ema", "callbacks.ema.decay=0.4").status == "done"
    net = build.make("model", read_config(tmp_path / "plain")["model"])
    average = AveragedModel(net, use_buffers=True)
    for step in range(1, 6):
        file = tmp_path / "plain" / "checkpoints" / f"step_{step}.ckpt"
        net.load_state_dict(torch.load(file, weights_only=True)["state_dict"])
        average.multi_avg_fn = get_ema_multi_avg_fn(min(0.4, (1 + step) / (10 + step)))
        average.update_parameters(net)
    found = last(tmp_path / "ema")["callbacks"]["EMA"]["average"]
    for name, value in average.state_dict().items():
        torch.testing.assert_close(found[name], value, rtol=1e-6, atol=1e-7)


def test_lightnings_own_averages_are_kept_as_they_were_measured(tmp_path: Path) -> None:
    """Its callback exchanges the weights around a validation and has put them back when best.ckpt is written."""
    ema = "+callbacks.ema={_target_: lightning.pytorch.callbacks.EMAWeightAveraging, decay: 0.5}"
    outcome = runs.run(tmp_path / "run", ema, "trainer.max_epochs=null", "max_steps=5", "trainer.validate_every=100")
    assert outcome.status == "done", outcome.message
    content, best = last(tmp_path / "run"), torch.load(RunFolder(tmp_path / "run").best, weights_only=True)
    average = {k.removeprefix("net."): v for k, v in content["state_dict"].items()}
    trained = {k.removeprefix("net."): v for k, v in content["current_model_state"].items()}
    assert all(torch.equal(value, average[name]) for name, value in best["state_dict"].items())
    assert not all(torch.equal(value, trained[name]) for name, value in best["state_dict"].items())
