"""What a configuration may say: names, types and limits, before anything is built."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

import runs
from restorelab.config import composition, schema
from restorelab.config.foreign_signatures import parameters_of
from restorelab.config.schema import GROUPS, Train, check_names, check_values, conf_dir
from restorelab.errors import ConfigError
from restorelab.sweep.composer import Composer
from restorelab.training import resumption


def refused(overrides: list[str]) -> str:
    with pytest.raises(ConfigError) as caught:
        check_values(runs.composed(overrides))
    assert caught.value.exit_status == 2
    return str(caught.value)


def test_the_root_schema_is_train_yaml() -> None:
    root = yaml.safe_load((conf_dir() / "train.yaml").read_text())
    said = {key for key in root if key not in ("defaults", "hydra")} | set(GROUPS)
    assert said == {field.name for field in fields(Train)}


@pytest.mark.parametrize("group", GROUPS)
def test_an_unknown_key_is_refused_in_every_group(group: str) -> None:
    assert f"{group}.zzz" in refused([f"+{group}.zzz=1"])


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["modle=ae"], ["modle", "'model'"]),
        (["+modle=ae"], ["modle", "'model'"]),
        (["noise.sgma=3"], ["noise.sgma", "'sigma'"]),
        (["+noise.sgma=3"], ["noise.sgma", "'sigma'"]),
        (["+data.source.pacth=3"], ["data.source.pacth", "'patch'"]),
        (["optimizer.lrr=1"], ["optimizer.lrr", "'lr'"]),
        (["+optimizer.weight_decya=1"], ["optimizer.weight_decya", "'weight_decay'"]),
        (["noise=each", "+noise.noises.gaussian.sgma=3"], ["noise.noises.gaussian.sgma", "'sigma'"]),
        (["+evaluation.gaussian_50.noize=null"], ["evaluation.gaussian_50.noize", "'noise'"]),
        (["loss=sum", "+loss.losses.l1.reducton=mean"], ["loss.losses.l1.reducton", "'reduction'"]),
        (["noise=gausian"], ["noise=gausian", "'gaussian'"]),
        (["model=dual_ae_skp"], ["model=dual_ae_skp", "'dual_ae_skip'"]),
        (["evaluation=[gaussian_50,impulse_33]"], ["impulse_33", "'impulse_30'"]),
        (["+experiment=nothing"], ["experiment=nothing"]),
        (["seed.x=3"], ["seed.x"]),
        (["noise.sigma.x=3"], ["noise.sigma.x"]),
    ],
)
def test_a_wrong_name_is_told_with_the_nearest(overrides: list[str], words: list[str]) -> None:
    message = refused(overrides)
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["seed=abc"], ["seed", "'abc'", "a whole number"]),
        (["seed=1.5"], ["seed", "1.5", "a whole number"]),
        (["seed=null"], ["seed", "null"]),
        (["seed=-1"], ["seed", "-1", "4294967295"]),
        (["noise.sigma=abc"], ["noise.sigma", "'abc'", "a number or a list of numbers"]),
        (["noise.sigma=null"], ["noise.sigma", "null"]),
        (["data.batch_size=1.5"], ["data.batch_size", "1.5", "a whole number"]),
        (["data.channels=2.5"], ["channels", "2.5", "a whole number"]),
        (["trainer.compile=maybe"], ["trainer.compile", "'maybe'", "true or false"]),
        (["debug=1"], ["debug", "true or false"]),
        (["optimizer.lr=abc"], ["optimizer.lr", "'abc'", "a number"]),
        (["callbacks.panels.images=x"], ["callbacks.panels.images", "'x'"]),
        (["+callbacks.mine=1"], ["callbacks.mine", "_target_"]),
        (["callbacks.panels=null"], ["callbacks.panels", "~callbacks.panels"]),
        (["objective.loss=mse"], ["objective.loss", "'mse'", "_target_"]),
        (["max_time=5"], ["max_time", "5", "HH:MM:SS"]),
        (["max_time=abc"], ["max_time", "HH:MM:SS"]),
        (["max_steps=0"], ["max_steps", "at least 1"]),
        (["accumulate=0"], ["accumulate", "at least 1"]),
        (["threads=0"], ["threads"]),
        (["clip=-1"], ["clip", "-1", "null"]),
        (["run_dir=''"], ["run_dir"]),
        (["name=../up"], ["name", "runs_dir"]),
        (["~noise"], ["noise"]),
        (["~seed"], ["seed"]),
        (["~noise.clip"], ["noise.clip", "missing"]),
        (["data=folder"], ["data.root"]),
        (["noise=null"], ["noise=null", "none"]),
        (["noise=[gaussian,impulse]"], ["noise", "mixture"]),
        (["noise.sigma=1,2"], ["noise.sigma=1,2", "-m", "noise.sigma=[1,2]"]),
        (["noise.sigma=[1"], ["noise.sigma=[1"]),
        (["name=${nothing}"], ["name", "nothing"]),
        (["model.channels=${data.chanels}"], ["model.channels", "data.chanels"]),
        (["model._target_=print"], ["model._target_", "dotted"]),
        (["model._target_=torch.nn"], ["model._target_", "module"]),
        (["model._target_=torch.nn.Lineer"], ["model._target_", "'Linear'"]),
        (["model._target_=nowhere.Net"], ["model._target_", "nowhere"]),
        (["model._target_=restorelab.models.ae.Ae"], ["model._target_", "'AE'"]),
        (["model._target_=restorelab.model.ae.AE"], ["model._target_", "'models'"]),
    ],
)
def test_a_wrong_value_is_told_with_what_is_wanted(overrides: list[str], words: list[str]) -> None:
    message = refused(overrides)
    assert all(word in message for word in words), message
    assert "\n" not in message


@pytest.mark.parametrize(
    "override",
    ["max_time=00:30:00", "max_time=1:00:00:00", "clip=1", "clip=0.5", "seed=0", "noise.sigma=[10,50]", "max_steps=1"],
)
def test_a_right_value_passes(override: str) -> None:
    settings = composition.compose([override])
    check_values(settings)


@pytest.fixture
def settings() -> dict[str, Any]:
    return composition.compose(["model=ae", "noise=impulse", "seed=0"])


def test_foreign_annotations_bind_only_where_they_are_numbers() -> None:
    found = parameters_of("optimizer._target_", "torch.optim.Adam")
    assert not schema.signatures.accepts(found["lr"].annotation, "abc")
    assert schema.signatures.accepts(found["lr"].annotation, 1e-3)
    assert schema.signatures.accepts(found["lr"].annotation, {"_target_": "torch.tensor", "data": 1.0})
    assert schema.signatures.accepts(found["betas"].annotation, [0.9, 0.999])
    assert found["params"].required


@pytest.mark.parametrize("change", [lambda c: c.pop("seed"), lambda c: c.update(sed=1), lambda c: c.update(model={})])
def test_a_config_that_nobody_composed_is_checked_alike(settings: dict[str, Any], change: Callable[..., Any]) -> None:
    check_names(settings)
    change(settings)
    with pytest.raises(ConfigError):
        check_names(settings)


def saved(settings: dict[str, Any], folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    return folder


def test_resuming_takes_the_folders_config_and_the_free_keys(settings: dict[str, Any], tmp_path: Path) -> None:
    run = saved(settings, tmp_path / "run")
    given = ["run_dir=x", "resume=true", "max_steps=7", "trainer.max_epochs=3", "logger=csv"]
    new = composition.compose([*given, f"run_dir={run}"])  # of another model: what is not given is the folder's
    merged = resumption.settings(new, given)
    assert merged["model"] == settings["model"]
    assert merged["noise"] == settings["noise"]
    assert (merged["max_steps"], merged["trainer"]["max_epochs"], merged["resume"]) == (7, 3, True)
    assert merged["logger"] == new["logger"] != settings["logger"]
    check_names(merged)


def test_resuming_refuses_what_would_change_the_science(settings: dict[str, Any], tmp_path: Path) -> None:
    run = saved(settings, tmp_path / "run")
    given = ["model=ae", "noise=impulse", "loss=l1", f"run_dir={run}", "resume=true"]
    with pytest.raises(ConfigError, match=r"loss\._target_") as caught:
        resumption.settings(composition.compose(given), given)
    assert "model" not in str(caught.value)
    same = ["model=ae", "noise=impulse", f"run_dir={run}", "resume=true"]
    assert resumption.settings(composition.compose(same), same)["model"] == settings["model"]


def test_resuming_needs_a_folder(settings: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="run_dir"):
        resumption.settings(settings, ["resume=true"])
    fresh = {**settings, "run_dir": str(tmp_path / "none")}
    assert resumption.settings(fresh, []) == fresh


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["lr=0.1"], ["lr: unknown key", "Did you mean optimizer.lr?"]),
        (["+lr=0.1"], ["lr: unknown key", "Did you mean optimizer.lr?"]),
        (["batchsize=3"], ["Did you mean data.batch_size?"]),
        (["sigma=25"], ["Did you mean noise.sigma or evaluation.gaussian_50.noise.sigma?"]),
        (["trainer.max_steps=20"], ["trainer.max_steps", "Instead, set max_steps=N at the root"]),
        (["model.lr=3"], ["Did you mean optimizer.lr?", "Allowed here: batch_norm"]),
        (["evaluation=gaussian_51"], ["Did you mean 'gaussian_50'?"]),
        (["evaluation=gausian_26"], ["Did you mean 'gaussian_25'?"]),
        (["evaluation=speckle_003"], ["Did you mean 'speckle_002'?"]),
        (["trainer.precision=17"], ["trainer.precision: 17", "'32-true' or 'bf16-mixed' or '16-mixed'"]),
        (["trainer.accelerator=gpus"], ["trainer.accelerator", "Did you mean 'gpu'?"]),
        (["name=[3]"], ["name: [3] does not fit; expected a string"]),
        (["noise.sigma={a:1}"], ["noise.sigma", "not keys"]),
    ],
)
def test_a_message_names_what_was_meant(overrides: list[str], words: list[str]) -> None:
    message = refused(overrides)
    assert all(word in message for word in words), message


def test_a_noise_of_ones_own_without_an_evaluation_is_measured_under_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf" / "noise").mkdir(parents=True)
    (tmp_path / "conf" / "noise" / "rain.yaml").write_text(
        "_target_: restorelab.degradations.noise.Gaussian\nsigma: 20\nclip: true\n"
    )
    assert composition.compose(["noise=rain"])["evaluation"] == {"own": {}}
    assert list(composition.compose(["noise=rain", "evaluation=gaussian_50"])["evaluation"]) == ["gaussian_50"]
    assert list(composition.compose(["evaluation=[own,impulse_30]", "noise=rain"])["evaluation"]) == [
        "own",
        "impulse_30",
    ]
    assert Composer().compose(["noise=rain"]) == composition.compose(["noise=rain"])
