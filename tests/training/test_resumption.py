"""Going on with a run by another rate, schedule or length: allowed, recorded, and in effect."""

import logging
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import runs
from restorelab.config.run_config import read_config
from restorelab.errors import ConfigError
from restorelab.exchange import export_set
from restorelab.runs import history
from restorelab.runs.run_folder import RunFolder
from restorelab.training import execute, resumption

ALIKE = [o for o in runs.TINY if not o.startswith(("trainer.max_epochs", "trainer.log_every"))]
FIRST = (*ALIKE, "trainer.log_every=1", "max_steps=8", "optimizer.lr=1e-3")


def train(*overrides: str) -> execute.Outcome:
    """What train.py does."""
    settings = runs.composed(list(overrides))
    return execute.execute(resumption.settings(settings, overrides) if settings["resume"] else settings)


def resume(run_dir: Path, *overrides: str) -> execute.Outcome:
    return train(f"run_dir={run_dir}", "resume=true", *overrides)


def groups(run_dir: Path) -> dict[str, Any]:
    content = torch.load(RunFolder(run_dir).last, weights_only=True)
    (state,) = content["optimizer_states"]
    return {**state["param_groups"][0], "moments": len(state["state"]), "steps": content["global_step"]}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 8 steps by a cosine from 1e-3 to 0."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    assert train(f"run_dir={folder}", *FIRST).status == "done"
    return folder


@pytest.fixture
def done(finished: Path, tmp_path: Path) -> Path:
    """A copy to go on with."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def test_more_steps_are_done_and_the_rate_of_an_extended_cosine_is_told(
    done: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        outcome = resume(done, "max_steps=10")
    assert outcome.status == "done", outcome.message
    rate = 1e-3 * 0.5 * (1 + math.cos(math.pi * 8 / 10))
    assert f"learning rate at step 8: 0 -> {rate:.4g}" in caplog.text
    assert "the schedule is over 10, it was over 8" in caplog.text
    columns = history.read(RunFolder(done).metrics)
    assert columns["step"][-1] == 10
    (at_9,) = [lr for lr, step in zip(columns["lr"], columns["step"], strict=True) if step == 9]
    assert at_9 == pytest.approx(1e-3 * 0.5 * (1 + math.cos(math.pi * 9 / 10)))
    assert groups(done)["moments"] > 0
    assert read_config(done)["sessions"] == [{"step": 8, "changes": {"max_steps": [8, 10]}}]


def test_epochs_replace_the_steps_that_ended_it(done: Path) -> None:
    assert resume(done, "trainer.max_epochs=2").status == "done"
    assert groups(done)["steps"] == 12
    config = read_config(done)
    assert (config["max_steps"], config["trainer"]["max_epochs"]) == (None, 2)


@pytest.mark.parametrize("limit", ["max_steps=8", "max_steps=3", "trainer.max_epochs=1", "max_time=00:10:00"])
def test_what_asks_for_no_more_leaves_a_complete_run_alone(done: Path, limit: str) -> None:
    before = RunFolder(done).config.read_text()
    outcome = resume(done, limit)
    assert outcome.status == "done"
    assert "complete already" in outcome.message
    assert RunFolder(done).config.read_text() == before


def test_a_run_that_ended_before_its_limit_is_not_gone_on_with_unasked(done: Path) -> None:
    """As EarlyStopping ends it; an earlier session is no wish for more."""
    config = read_config(done) | {"max_steps": 100, "sessions": [{"step": 4, "changes": {"clip": [None, 1.0]}}]}
    RunFolder(done).config.write_text(yaml.safe_dump(config))
    outcome = resume(done)
    assert (outcome.status, "complete already" in outcome.message) == ("done", True)
    assert RunFolder(done).done


def test_another_rate_takes_effect_and_is_a_session_of_its_own(done: Path) -> None:
    outcome = resume(done, "optimizer.lr=1e-4", "scheduler=constant", "max_steps=10", "optimizer.betas=[0.5,0.9]")
    assert outcome.status == "done", outcome.message
    found = groups(done)
    assert (found["lr"], found["initial_lr"], found["betas"]) == (1e-4, 1e-4, (0.5, 0.9))
    (session,) = read_config(done)["sessions"]
    assert session["step"] == 8
    assert session["changes"]["optimizer.lr"] == [1e-3, 1e-4]
    assert {"scheduler._target_", "max_steps", "optimizer.betas"} <= session["changes"].keys()
    # Once more by the same: nothing new to record, and it stays in effect.
    assert resume(done, "max_steps=11").status == "done"
    assert groups(done)["lr"] == 1e-4
    assert [one["step"] for one in read_config(done)["sessions"]] == [8, 10]


def test_a_change_survives_a_session_that_saved_nothing(done: Path) -> None:
    fail = "+callbacks.fail={_target_: runs.FailAt, batch: 9}"
    assert resume(done, "optimizer.lr=1e-4", "scheduler=constant", "max_steps=10", fail).status == "failed"
    assert resume(done, fail.replace("9", "99")).status == "done"
    assert groups(done)["lr"] == 1e-4
    (session,) = read_config(done)["sessions"]
    assert session["changes"]["optimizer.lr"] == [1e-3, 1e-4]


def test_another_optimizer_starts_without_moments(done: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert resume(done, "optimizer=sgd", "scheduler=step", "max_steps=10").status == "done"
    assert "starts without moments" in caplog.text
    assert groups(done)["lr"] == 1e-2
    assert read_config(done)["choices"]["optimizer"] == "sgd"


def test_averages_that_are_begun_on_the_way_begin_with_the_trained_weights(done: Path) -> None:
    assert resume(done, "callbacks=ema", "callbacks.ema.decay=0.0", "max_steps=9").status == "done"
    content = torch.load(RunFolder(done).last, weights_only=True)
    average = content["callbacks"]["EMA"]["average"]
    assert all(torch.equal(v, average[k.replace("net.", "module.")]) for k, v in content["state_dict"].items())


def test_a_complete_run_is_not_trained_by_a_rate_alone(done: Path) -> None:
    outcome = resume(done, "optimizer.lr=1e-4")
    assert (outcome.status, outcome.exit_status) == ("failed", 2)
    assert all(word in outcome.message for word in ("optimizer.lr", "max_steps", "8 steps"))
    assert RunFolder(done).done
    assert read_config(done)["sessions"] == []


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        (["model.features=8"], ["model.features: 4 -> 8"]),
        (["optimizer.lr=1e-4", "seed=3", "loss=l1"], ["seed: 0 -> 3", "loss._target_"]),
        (["noise=impulse"], ["noise._target_"]),
        (["trainer.devices=2"], ["trainer.devices: 1 -> 2"]),
        (["data.batch_size=4", "max_steps=20"], ["data.batch_size: 8 -> 4"]),
        (["experiment=mnist_ae/mlp"], ["experiment: None -> mnist_ae/mlp"]),
    ],
)
def test_what_a_run_is_cannot_be_changed_and_only_that_is_named(
    finished: Path, given: list[str], refused: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        resume(finished, *given)
    message = str(caught.value)
    assert all(word in message for word in refused), message
    assert "best.ckpt" in message
    for other in ("optimizer.lr", "max_steps", "model.depth", "threads", "data.limit", "trainer.max_epochs"):
        assert other not in message


@pytest.mark.parametrize("same", [[], list(FIRST), ["model=dncnn", "optimizer=adam", "scheduler=cosine"]])
def test_the_same_command_again_changes_nothing(finished: Path, same: list[str]) -> None:
    """A group's option that is as it was does not bring its defaults back."""
    overrides = [*same, f"run_dir={finished}", "resume=true"]
    merged = resumption.settings(runs.composed(overrides), overrides)
    old = read_config(finished)
    assert merged | {"resume": False} == old


@pytest.mark.parametrize(
    ("key", "value"), [("choices", None), ("noise", 5), ("data", [1]), ("seed", "x"), ("run_dir", 5), ("sessions", [1])]
)
def test_a_config_whose_root_is_damaged_is_refused_by_name(tmp_path: Path, key: str, value: object):
    """Where a run is gone on with, where its set is exported, and where its checkpoint is evaluated."""
    config = runs.settings(tmp_path / "run", "max_steps=1")
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    damaged = {name: old for name, old in config.items() if name != key} | ({} if value is None else {key: value})
    (tmp_path / "run" / "config.yaml").write_text(yaml.safe_dump(damaged))
    uses = (
        lambda: resumption.settings({**config, "resume": True}, ["resume=true"]),
        lambda: export_set.run([f"run={tmp_path / 'run'}", f"out={tmp_path / 'set'}"]),
        lambda: runs.settings(tmp_path / "other", "train=false", f"ckpt={tmp_path}/run/checkpoints/a.ckpt"),
    )
    for use in uses:
        with pytest.raises(ConfigError, match=rf"config\.yaml is damaged.*{key}"):
            use()
