"""From combinations to planned runs: composed as Hydra composes each, checked, named, placed."""

import json
import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import runs
from restorelab.config import build, composition
from restorelab.config.schema import conf_dir
from restorelab.errors import ConfigError
from restorelab.runs.run_identity import identity
from restorelab.sweep import expand, grid, keys, queue
from restorelab.sweep.checker import TRAINING, UNREAD, Checker
from restorelab.sweep.composer import Composer
from restorelab.sweep.planned import Planned
from restorelab.training import checks, training_checks

REST = [o for o in runs.TINY if not o.startswith("model")]


def test_threads_are_shared_unless_somebody_says() -> None:
    assert Composer(3).compose([])["threads"] == 3
    assert Composer(3).compose(["threads=null"])["threads"] == 3
    assert Composer(3).compose(["threads=5"])["threads"] == 5
    assert Composer().compose([])["threads"] == composition.available_threads()
    assert identity(Composer(3).compose([])) == identity(Composer(2).compose([]))


def planned(*arguments: str, **more: Any) -> list[Planned]:
    sweep, rest = keys.split(arguments)
    return expand.plan(grid.expand(rest), expand.sweep_folder(sweep, rest), only=sweep.only, **more)


def test_every_run_has_its_name_its_place_and_its_group(tmp_path: Path) -> None:
    folder = tmp_path / "night"
    made = planned("model=dncnn,ae", "optimizer.lr=1e-3,1e-4", "seed=0,7", f"sweep_dir={folder}", *REST[:-1])
    names = [f"{model}-lr_{lr}" for model in ("dncnn", "ae") for lr in ("0.001", "0.0001")]
    assert [(one.name, one.seed) for one in made] == [(name, seed) for name in names for seed in (0, 7)]
    for one in made:
        assert one.id == f"{one.name}-s{one.seed}-{identity(one.settings)}"
        assert one.folder == folder / one.id == Path(one.settings["run_dir"])
        assert one.settings["name"] == f"night/{one.name}"
        assert one.settings["seed"] == one.seed
        assert one.swept == {"model": one.name.split("-")[0], "optimizer.lr": float(one.name.split("_")[-1])}
        assert one.settings["optimizer"]["lr"] == one.swept["optimizer.lr"]
        assert not one.waits_for
    assert len({one.id for one in made}) == 8
    assert not list(tmp_path.iterdir())  # nothing is written


def test_a_sweep_of_one_model_is_named_as_a_run_is() -> None:
    assert {one.name for one in planned("model=ae", "noise=impulse", "seed=0,1")} == {"ae-photos-impulse"}
    assert planned("name=a/b", "seed=0,1")[0].name == "a-b"


def test_a_loggers_group_is_the_sweep_and_its_name_the_run() -> None:
    folder = Path("runs/night")
    config = composition.compose(["logger=[wandb,mlflow]"])
    before = identity(config)
    made = expand.placed(config, folder, "ae")
    wandb, mlflow = made["logger"]["wandb"], made["logger"]["mlflow"]
    assert (wandb["group"], wandb["name"]) == ("night", f"ae-s0-{before}")
    assert (mlflow["group"], mlflow["run_name"]) == ("night", f"ae-s0-{before}")
    assert identity(made) == before
    config = composition.compose(["logger=wandb", "logger.wandb.group=mine"])
    config["logger"]["wandb"].pop("name", None)
    made = expand.placed(config, folder, "ae")["logger"]["wandb"]
    assert made["group"] == "mine"
    assert "name" not in made
    assert expand.placed(composition.compose(["logger=csv"]), folder, "ae")["logger"] == {}


def test_equal_combinations_are_one_run_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        made = planned("optimizer.lr=1e-3,0.001,2e-3", "threads=1,2", "seed=0,0")
    assert [one.name for one in made] == ["lr_0.001-threads_1", "lr_0.002-threads_1"]
    assert caplog.text.count("executed once") == 3 * 2 * 2 - 2
    assert "lr_0.001-threads_2" in caplog.text


def test_it_says_how_far_it_is(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expand, "TELL", -1.0)
    with caplog.at_level(logging.INFO):
        planned("model=dncnn_small", "seed=range(3)")
    assert "2 of 3 runs are composed and checked" in caplog.text


def test_only_some_by_name() -> None:
    assert [one.name for one in planned("model=ae,dncnn", "seed=0,1", "only=ae")] == ["ae", "ae"]
    with pytest.raises(ConfigError, match=r"only=aee.*'ae'"):
        planned("model=ae,dncnn", "only=aee")


@pytest.mark.parametrize("seeds", [10, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("bad", "place", "words"),
    [
        ("optimizer.lr=-1", "optimizer.lr", "learning rate"),
        pytest.param("optimizer.lr=fast", "optimizer.lr", "expected a number", marks=pytest.mark.slow),
        pytest.param("seed=-3", "seed", "0 to 4294967295", marks=pytest.mark.slow),
        pytest.param("scheduler.warmup=7", "scheduler.warmup", "scheduler=cosine: warmup is 7", marks=pytest.mark.slow),
    ],
)
def test_an_error_in_one_of_many_combinations_is_found_and_named(
    bad: str, place: str, words: str, seeds: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    combinations = grid.expand(
        ["model=dncnn_small", "noise=gaussian,impulse", "optimizer.lr=range(1,6)", f"seed=range({seeds})", *REST]
    )
    number = 10 * seeds * 777 // 1000
    assert len(combinations) == 10 * seeds
    spoiled = combinations[number - 1]
    kept = [line for line in spoiled.overrides if not line.startswith(f"{place}=")]
    combinations[number - 1] = grid.Combination([*kept, bad], spoiled.swept, spoiled.label)
    with pytest.raises(ConfigError) as caught:
        expand.plan(combinations, Path("runs/x"))
    assert str(caught.value).startswith(f"run {number} of {10 * seeds:,} (noise=impulse ")
    assert words in str(caught.value)
    assert bad in str(caught.value) or place not in (*spoiled.swept, "seed")
    assert not list(tmp_path.iterdir())


def test_what_does_not_fit_is_found_however_often_its_like_fitted() -> None:
    with pytest.raises(ConfigError, match=r"run 4 of 6 \(model=ae data.size=50 seed=0\): model=ae .*multiples of 4"):
        planned("model=dncnn,ae", "data.size=50,64,32", "seed=0")
    with pytest.raises(ConfigError, match=r"^model=ae "):  # a single one needs no number
        planned("model=ae", "data.size=50")


def test_equal_parts_are_checked_once_and_each_learning_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted: list[str] = []
    trained: list[float] = []
    fit, training = checks.check_fit, training_checks.check_training
    monkeypatch.setattr(checks, "check_fit", lambda built: fitted.append(built.config["name"]) or fit(built))

    def counted(built: Any) -> None:
        trained.append(built.config["optimizer"]["lr"])
        training(built)

    monkeypatch.setattr(training_checks, "check_training", counted)
    planned("model=dncnn_small,ae", "optimizer.lr=1e-3,2e-3,3e-3", "seed=range(4)", "max_steps=5,6")
    assert len(fitted) == 2
    assert sorted(set(trained)) == [1e-3, 2e-3, 3e-3]
    assert len(trained) <= 4


@pytest.mark.parametrize(
    "override",
    ["model.depth=4", "data.channels=3", "noise=impulse", "loss=ssim", "evaluation=own", "protocol.border=2",
     "callbacks=ema", "train=false", "trainer.precision=bf16-mixed", "ckpt=x", "data.batch_size=3"],
)  # fmt: skip
@pytest.mark.slow
def test_what_a_check_reads_is_checked_anew(override: str, monkeypatch: pytest.MonkeyPatch) -> None:
    count: list[int] = []
    monkeypatch.setattr(checks, "check_fit", lambda built: count.append(1))
    checker = Checker()
    for overrides in (["model=dncnn"], ["model=dncnn"], ["model=dncnn", override]):
        checker.check(composition.compose(overrides))
    assert len(count) == 2


def test_what_is_left_out_of_the_check_is_never_read_by_it() -> None:
    read: set[str] = set()

    class Watched(dict[str, Any]):
        def __getitem__(self, key: str) -> Any:
            read.add(key)
            return super().__getitem__(key)

    checks.check_fit(build.parts(Watched(composition.compose(["model=dncnn_small"]))))
    assert {"model", "data", "noise", "optimizer", "callbacks", "ckpt"} <= read
    assert read & set(UNREAD) == set(TRAINING)


def folder(*arguments: str) -> Path:
    return expand.sweep_folder(*keys.split(arguments))


@pytest.mark.slow
def test_where_a_sweep_lies() -> None:
    said = ("model=ae,dual_ae", "optimizer.lr=1e-3,1e-4", "noise=impulse")
    own = folder(*said, "seed=0,1")
    assert own.parent == Path("runs/sweeps")
    assert own.name.startswith("model-lr-")
    for same in (
        (*said, "seed=range(5)"),
        said,
        (*reversed(said), "seed=0"),
        (*said, "workers=2", "logger=csv", "trainer.bar=false", "threads=3", "data.root=/x"),
        ("model=dual_ae,ae", "optimizer.lr=shuffle(1e-4,0.001)", "noise=impulse"),
    ):
        assert sorted(folder(*same).name.split("-")) == sorted(own.name.split("-")), same
    for other in ((*said, "data.size=32"), (*said, "length=short"), (*said, "noise=poisson"), said[:2]):
        assert folder(*other) != own
    assert folder(*said, "runs_dir=/far") == Path("/far/sweeps") / own.name
    assert folder(*said, "sweep_dir=here") == Path("here")
    assert folder(*said, "name=night") == Path("runs/sweeps/night")
    assert folder("study=mnist_ae", "seed=0,1") == Path("runs/mnist_ae")
    assert folder("seed=0,1") == folder("seed=0") == folder()
    assert folder("name=null").name.startswith("run-")
    assert folder("sweep_dir=~/night") == Path.home() / "night"
    with pytest.raises(ConfigError, match=r"name: the name '\.' leads to another folder"):
        folder("name=.")
    assert folder("model=ae").name.startswith("run-")
    search = ("search=tpe", "trials=3", "optimizer.lr=interval(1e-4, 1e-2)")
    assert folder(*search) == folder("search=tpe", "trials=9", "optimizer.lr=interval(1e-4,1e-2)", "workers=3")
    assert folder(*search) != folder("search=random", *search[1:])
    assert folder(*search) != folder(*search[:2], "optimizer.lr=interval(1e-4,1e-1)")
    assert len(folder(*(f"model.{'x' * 20}{i}=1,2" for i in range(20))).name) < 80


def test_the_users_own_default_place_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "sweep.yaml").write_text("sweep_dir: mine\n")
    monkeypatch.chdir(tmp_path)
    assert folder("seed=0,1") == Path("mine")


@pytest.mark.slow
def test_a_thousand_runs_are_ready_in_twenty_seconds() -> None:
    began = time.process_time()  # of this process, whatever else the machine does
    rates = ",".join(f"{i}e-4" for i in range(1, 11))
    models = "model=ae,dual_ae,dual_ae_skip,dncnn_small,red_net"
    made = planned(models, "noise=gaussian,impulse,poisson,speckle", f"optimizer.lr={rates}", "seed=range(5)")
    assert len(made) == 1000
    assert time.process_time() - began < 20


def test_settings_are_plain_data() -> None:
    one = planned("model=dncnn", "noise=each", "seed=1", "data.crop=[32,32]")[0]
    assert json.loads(json.dumps(one.settings)) == one.settings
    assert conf_dir().is_dir()


def test_folders_of_images_are_told_apart_by_what_they_hold(tmp_path: Path) -> None:
    for name, value in (("A", 0), ("B", 9), ("C", 0)):
        (tmp_path / name / "HR").mkdir(parents=True)
        Image.new("L", (16, 16), value).save(tmp_path / name / "HR" / "0.png")
    roots = ",".join(f"{tmp_path}/{name}/HR" for name in "ABC")
    given = [*REST, "model=identity", "data=folder", f"data.root={roots}"]
    planned = expand.plan(grid.expand(given), tmp_path, checker=_Nothing())
    assert [run.name[-4:] for run in planned] == ["A-HR", "B-HR"]  # C holds what A holds: it is done once


def test_images_that_were_added_make_another_run_and_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def plan() -> Planned:
        given = [*REST, "model=identity", "data=folder", f"data.root={tmp_path}/own"]
        return expand.plan(grid.expand(given), tmp_path / "sweep", checker=_Nothing())[0]

    caplog.set_level("INFO")
    (tmp_path / "own").mkdir()
    Image.new("L", (16, 16)).save(tmp_path / "own" / "0.png")
    before = plan()
    queue.write(tmp_path / "sweep", [before])
    assert (plan().id, caplog.text) == (before.id, "")
    Image.new("L", (16, 16)).save(tmp_path / "own" / "1.png")
    after = plan()
    assert after.id != before.id
    assert f"{after.id}: images or weights have changed since {before.id}" in caplog.text


class _Nothing(Checker):
    def check(self, settings: Any) -> None:
        """They are too few to be trained on."""


def test_a_run_keeps_its_name_in_a_grid_with_another_axis(tmp_path: Path) -> None:
    def plan(*said: str) -> list[Planned]:
        return expand.plan(grid.expand([*REST, *said]), tmp_path)

    (first,) = plan("noise=gaussian", "logger=wandb")
    queue.write(tmp_path, [first])
    both = plan("noise=gaussian,impulse", "logger=wandb")
    assert both[0] == replace(first, swept={"noise": "gaussian"})
    assert both[1].name == "impulse"


def test_the_sweep_may_lie_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (run,) = expand.plan(grid.expand([*REST]), Path())
    assert run.settings["name"] == f"{tmp_path.name}/{run.name}"
