"""From a study's file to checked runs: names, seeds, identities, references, and every way to get it wrong."""

from pathlib import Path

import pytest

import runs
from restorelab.config import composition
from restorelab.errors import ConfigError
from restorelab.study import plan

TINY = " ".join(runs.TINY)


def write(folder: Path, text: str, name: str = "tiny") -> None:
    (folder / "conf" / "study").mkdir(parents=True, exist_ok=True)
    (folder / "conf" / "study" / f"{name}.yaml").write_text(text)


STUDY = """
title: Two networks
report: {name: none, source: ours}
data: photos
seeds: [0, 1]
runs:
  small: [model=dncnn, model.depth=3, model.features=4]
  smaller: [model=dncnn, model.depth=2, model.features=4, ckpt=@small]
  filter: [model=median]
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, STUDY)
    return tmp_path


REST = [o for o in runs.TINY if not o.startswith("model")]


def test_every_run_with_every_seed_and_its_references():
    planned = plan.plan(plan.load("tiny"), REST, None)
    assert [(p.name, p.seed) for p in planned] == [(n, s) for s in (0, 1) for n in ("small", "smaller", "filter")]
    assert len({p.folder for p in planned}) == 6
    assert all(p.folder.parent == Path("runs/tiny") for p in planned)
    by_name = {(p.name, p.seed): p for p in planned}
    assert by_name["smaller", 1].settings["ckpt"] == str(by_name["small", 1].folder.absolute())
    assert by_name["smaller", 1].waits_for == ("small",)
    assert by_name["small", 0].settings["model"]["depth"] == 3


def test_identity_is_what_is_scientific():
    def folder(*overrides: str) -> str:
        return plan.plan(plan.load("tiny"), [*REST, *overrides], [0], ["small"])[0].folder.name

    assert folder() == folder("threads=2", "trainer.bar=true", "runs_dir=/elsewhere", "logger=wandb", "data.root=/x")
    assert folder() != folder("optimizer.lr=1e-4")
    assert folder() != folder("noise=impulse")


def test_only_brings_what_it_waits_for():
    assert [p.name for p in plan.plan(plan.load("tiny"), REST, [0], ["smaller"])] == ["small", "smaller"]


def test_a_folder_and_threads_may_be_given():
    made = plan.plan(plan.load("tiny"), REST[:-1], [0], ["smaller"], folder=Path("there/night"), threads=3)
    assert [one.folder.parent for one in made] == [Path("there/night")] * 2
    assert made[0].settings["name"] == "night/small"
    assert made[1].settings["ckpt"] == str(made[0].folder.absolute())
    assert [one.settings["threads"] for one in made] == [3, 3]
    (said,) = plan.plan(plan.load("tiny"), REST, [0], ["filter"], threads=3)
    assert said.settings["threads"] == 1  # by REST
    assert said.id == plan.plan(plan.load("tiny"), REST, [0], ["filter"])[0].id


def test_it_is_what_composing_each_run_gives():
    for one in plan.plan(plan.load("tiny"), REST, None):
        own = [o.replace("@small", f"'{one.settings['ckpt']}'") for o in plan.load("tiny").runs[one.name]]
        plain = composition.compose([*own, *REST, f"seed={one.seed}"])
        assert {**plain, "name": f"tiny/{one.name}", "run_dir": str(one.folder)} == one.settings


def test_weights_that_are_there_are_looked_into_before_the_run(here: Path):
    (first, _) = plan.plan(plan.load("tiny"), REST, [0], ["smaller"])  # nothing is there yet, so nothing is said
    first.folder.mkdir(parents=True)
    (first.folder / "result.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"run smaller: .*small-s0"):
        plan.plan(plan.load("tiny"), REST, [0], ["smaller"])


def test_command_line_is_divided():
    overrides, seeds = plan.divide(["seed=range(3)", "data.val=[1,2]", "length=short", "~callbacks.panels"])
    assert overrides == ["data.val=[1,2]", "length=short", "~callbacks.panels"]
    assert seeds == [0, 1, 2]
    assert plan.divide(["seed=5"]) == ([], [5])
    assert plan.divide(["seed=1,4,1"]) == ([], [1, 4])
    assert plan.divide(["optimizer.lr=3"]) == (["optimizer.lr=3"], None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["model=ae,dual_ae"], ["model=ae,dual_ae", "several"]),
        (["model=glob(*)"], ["model=glob(*)", "several"]),
        (["seed=a"], ["seed=a", "whole numbers"]),
        (["seed=range(0)"], ["seed=range(0)", "empty"]),
        (["key"], ["key"]),
    ],
)
def test_bad_arguments(arguments: list[str], words: list[str]):
    with pytest.raises(ConfigError) as caught:
        plan.divide(arguments)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_an_unknown_study_run_or_key_is_named_with_the_nearest(here: Path):
    with pytest.raises(ConfigError, match="tiny"):
        plan.load("tinny")
    with pytest.raises(ConfigError, match=r"only=smal.*small"):
        plan.plan(plan.load("tiny"), REST, None, ["smal"])
    write(here, STUDY.replace("seeds:", "sedes:"))
    with pytest.raises(ConfigError, match=r"'sedes'.*seeds"):
        plan.load("tiny")
    write(here, "title: none")
    with pytest.raises(ConfigError, match="data, report, runs"):
        plan.load("tiny")


def test_a_typo_in_the_last_run_is_found_before_the_first_starts(here: Path):
    write(here, STUDY.replace("model=median", "model=meidan"))
    with pytest.raises(ConfigError, match=r"run filter: .*median"):
        plan.plan(plan.load("tiny"), REST, None)
    write(here, STUDY.replace("ckpt=@small", "ckpt=@smal"))
    with pytest.raises(ConfigError, match=r"run smaller: @smal.*small"):
        plan.plan(plan.load("tiny"), REST, None)
    assert not (here / "runs").exists()


def test_a_run_that_evaluates_another_takes_its_network_and_noise_before_it_is_trained(here: Path):
    more = "  measured: [train=false, ckpt=@small, data.limit=60, data.val=8, data.test=8]\n"
    write(here, STUDY.replace("features=4]\n", "features=4, noise.sigma=10, data.channels=3]\n", 1) + more)
    small, _, _, measured = plan.plan(plan.load("tiny"), ["logger=csv"], [1])
    assert [measured.settings[key] for key in ("model", "noise")] == [small.settings[key] for key in ("model", "noise")]
    assert measured.settings["data"]["channels"] == 3
    assert list(measured.settings["evaluation"]) == ["gaussian_10"]
