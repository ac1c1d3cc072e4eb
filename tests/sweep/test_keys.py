"""The sweep's own keys, apart from a run's; and every way to get them wrong."""

import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from restorelab.config.schema import Train, conf_dir
from restorelab.errors import ConfigError
from restorelab.study import plan
from restorelab.sweep import keys
from restorelab.sweep.executors import choose


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    return tmp_path


def test_no_key_of_the_sweep_is_a_key_of_a_run() -> None:
    root = {field.name for field in fields(Train)}
    assert not root & set(keys.KEYS)
    train = yaml.safe_load((conf_dir() / "train.yaml").read_text())
    groups = {key.split(" ")[-1].strip("/") for entry in train["defaults"] if isinstance(entry, dict) for key in entry}
    assert not (set(train) | groups) & set(keys.KEYS)
    assert "resume" in root  # the one that both read, and no key of sweep.yaml


def test_the_file_holds_every_key_with_its_meaning() -> None:
    text = (conf_dir() / "sweep.yaml").read_text()
    assert list(yaml.safe_load(text)) == list(keys.KEYS)
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert all(" # " in line for line in lines), lines


def test_the_command_line_is_divided() -> None:
    sweep, rest = keys.split(
        ["model=ae,dual_ae", "workers=2", "noise=glob(*)", "seed=range(3)", "~callbacks.panels", "+model.width=1,2",
         "dry=true", "optimizer.lr=interval(1,2)", "length=short", "resume=false", "experiment=x", "++model.b=3"]
    )  # fmt: skip
    assert rest == ["model=ae,dual_ae", "noise=glob(*)", "seed=range(3)", "~callbacks.panels", "+model.width=1,2",
                    "optimizer.lr=interval(1,2)", "length=short", "experiment=x", "++model.b=3"]  # fmt: skip
    assert (sweep.workers, sweep.dry, sweep.resume) == (2, True, False)
    assert keys.split([])[0] == keys.defaults()
    assert keys.defaults().resume is True


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("only=a", ["a"]),
        ("only=ae-lr=0.001,ae-lr=0.01", ["ae-lr=0.001", "ae-lr=0.01"]),  # names that Hydra's grammar does not read
        ("only=[a, 'b']", ["a", "b"]),
        ("devices=1", [1]),
        ("devices=0,1", [0, 1]),
        ("devices=[0,1]", [0, 1]),
        ("devices=range(3)", [0, 1, 2]),
        ("devices=null", None),
        ("sweep_dir=runs/lr=0.1,x", "runs/lr=0.1,x"),
        ("sweep_dir='a b'", "a b"),
        ("sweep_dir=2024", "2024"),
        ("baseline=ae-lr=0.1", "ae-lr=0.1"),
        ("baseline=null", None),
        ("time_limit=01:30:00", "01:30:00"),
        ("search=tpe", "tpe"),
        ("retries=0", 0),
        ("report=false", False),
    ],
)
def test_values_are_read(argument: str, value: object) -> None:
    sweep, rest = keys.split([argument])
    assert not rest
    assert getattr(sweep, argument.partition("=")[0]) == value


def test_options_of_an_executor_are_kept_apart() -> None:
    sweep, _ = keys.split(["executor=slurm", "executor.partition=gpu", "executor.nodes=[1,2]"])
    assert sweep.executor == "slurm"
    assert sweep.executor_options == {"partition": "gpu", "nodes": [1, 2]}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["worker=2"], ["worker=2", "'workers'"]),
        (["modle=ae"], ["modle=ae", "'model'"]),
        (["optimzer.lr=1"], ["optimzer.lr=1", "'optimizer'"]),
        (["sede=1,2"], ["sede=1,2", "'seed'"]),
        (["workers=0"], ["workers=0", "at least 1"]),
        (["workers=two"], ["workers='two'", "whole number or null"]),
        (["workers=1,2"], ["workers=[1, 2]", "whole number or null"]),
        (["workers=true"], ["workers=true", "whole number"]),
        (["workers=1.5"], ["workers=1.5", "whole number"]),
        (["per_device=null"], ["per_device=null", "whole number"]),
        (["retries=-1"], ["retries=-1", "at least 0"]),
        (["search=tp"], ["search='tp'", "'tpe'", "cma, grid, random"]),
        (["search=tpe", "pruner=medain"], ["'median'"]),
        (["pruner=median"], ["pruner=median", "search=tpe"]),
        (["search=tpe", "study=mnist_ae"], ["search=tpe", "study"]),
        (["time_limit=90"], ["time_limit=90", "HH:MM:SS"]),
        (["devices=a"], ["devices=['a']", "whole numbers"]),
        (["devices=0,0"], ["devices=[0, 0]", "each once"]),
        (["devices=-1"], ["devices=[-1]"]),
        (["dry=yes"], ["dry='yes'", "true or false"]),
        (["dry"], ["dry", "dry=..."]),
        (["model"], ["model", "key=value"]),
        (["-m"], ["-m", "no -m"]),
        (["sweep_dir="], ["sweep_dir", "empty"]),
        (["workers=[1"], ["workers=[1", "valid override"]),
    ],
)
def test_what_is_wrong_is_named(arguments: list[str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        keys.split(arguments)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_the_users_own_file_changes_the_defaults_and_the_command_line_them(here: Path) -> None:
    (here / "conf" / "sweep.yaml").write_text("workers: 4\nexecutor_options: {partition: gpu, nodes: 2}\n")
    sweep, _ = keys.split(["executor.nodes=1"])
    assert (sweep.workers, sweep.retries) == (4, 1)
    assert sweep.executor_options == {"partition": "gpu", "nodes": 1}
    assert keys.split(["workers=2"])[0].workers == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("wrokers: 2", ["conf/sweep.yaml", "'wrokers'", "'workers'"]),
        ("workers: two", ["conf/sweep.yaml", "workers='two'"]),
        ("time_limit: 1:30:00", ["conf/sweep.yaml", "time_limit=5400", "a string"]),  # YAML reads a number to base 60
        ("resume: false", ["conf/sweep.yaml", "'resume'"]),
        ("workers: [", ["conf/sweep.yaml", "is not valid YAML"]),
    ],
)
def test_the_users_own_file_is_checked(here: Path, text: str, words: list[str]) -> None:
    (here / "conf" / "sweep.yaml").write_text(text + "\n")
    with pytest.raises(ConfigError) as caught:
        keys.split([])
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_file_of_which_all_is_commented_out_changes_nothing(here: Path) -> None:
    before = keys.defaults()
    (here / "conf" / "sweep.yaml").write_text("# workers: 2\n")
    assert keys.defaults() == before


READERS: dict[str, Callable[[], object]] = {
    "conf/sweep.yaml": keys.defaults,
    "conf/executor/x.yaml": lambda: choose.executor(keys.split(["executor=x"])[0]),
    "conf/study/x.yaml": lambda: plan.load("x"),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"workers: [", "is not valid YAML"),
        ("title: Rauschen über".encode("latin-1"), "is not valid YAML"),
        (b"title: 2024-13-45", "is not valid YAML"),
        (b"- 2", "key: value"),
        (b"workers", "key: value"),
        (b"false", "key: value"),
    ],
)
def test_a_users_file_that_cannot_be_read_is_named(here: Path, name: str, content: bytes, words: str) -> None:
    (here / name).parent.mkdir(exist_ok=True)
    (here / name).write_bytes(content)
    with pytest.raises(ConfigError, match=rf"^{re.escape(str(here / name))}: .*{words}"):
        READERS[name]()


@pytest.mark.parametrize(("name", "words"), [("executor", "_target_"), ("study", "data, report, runs, title")])
def test_a_users_file_that_lacks_what_it_must_have_is_named(here: Path, name: str, words: str) -> None:
    (here / "conf" / name).mkdir()
    (here / "conf" / name / "x.yaml").write_text("")
    with pytest.raises(ConfigError, match=rf"conf/{name}/x.yaml: it lacks .*{words}"):
        READERS[f"conf/{name}/x.yaml"]()


@pytest.mark.parametrize("name", ["executor", "study"])
def test_a_name_that_there_is_not_is_looked_for_in_both_places(here: Path, name: str) -> None:
    (here / "conf" / name).mkdir()
    (here / "conf" / name / "xy.yaml").write_text("")
    with pytest.raises(ConfigError, match=rf"^{name}=x: .*{conf_dir()} or {here}/conf\. Did you mean 'xy'"):
        READERS[f"conf/{name}/x.yaml"]()


def test_the_users_own_executor_stands_in_for_the_shipped_one(here: Path) -> None:
    (here / "conf" / "executor").mkdir()
    (here / "conf" / "executor" / "local.yaml").write_text("_target_: types.SimpleNamespace\n")
    assert isinstance(choose.executor(keys.split([])[0]), SimpleNamespace)


def test_every_users_group_may_be_said(here: Path) -> None:
    (here / "conf" / "camera").mkdir()
    assert keys.split(["camera=mine"])[1] == ["camera=mine"]
    with pytest.raises(ConfigError, match="'lens'"):
        keys.split(["lens=mine"])
