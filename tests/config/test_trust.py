"""A run folder from somebody else is data: what it names is refused before it is imported."""

import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import restorelab
import runs
from restorelab.cli import compare, main
from restorelab.config import build, composition, own_keys, trust
from restorelab.errors import ConfigError, UserError
from restorelab.exchange import export_set
from restorelab.sweep import worker
from restorelab.training import execute, resumption

MARK = """
import pathlib
pathlib.Path(__file__).with_name("executed").touch()
from torch import nn
from os import getcwd
class Net(nn.Identity):
    pass
"""


@pytest.fixture(autouse=True)
def unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that another test composed counts here."""
    monkeypatch.setattr(trust, "_noted", set())
    monkeypatch.setattr(trust, "_packages", set())


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An importable module that leaves a file when it is imported; gives that file."""
    (tmp_path / "foreign_net.py").write_text(MARK)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path / "executed"
    sys.modules.pop("foreign_net", None)


@cache
def composed() -> dict[str, Any]:
    return runs.settings(Path("run"))


def folder(place: Path, **changes: Any) -> Path:
    """A run folder as somebody else may hand it over: its config names what `changes` say."""
    config = {**composed(), "run_dir": str(place), **changes}
    trust._noted.clear()
    place.mkdir()
    (place / "config.yaml").write_text(yaml.safe_dump(config))
    return place


OWN = ("channels", "depth", "features", "batch_norm", "residual")

NODES = {
    "hub": {"_target_": "torch.hub.load", "repo_or_dir": "/x", "model": "net", "source": "local"},
    "module": {"_target_": "foreign_net.Net"},
    "nested": {"_target_": "restorelab.models.identity.Identity", "net": {"_target_": "foreign_net.Net"}},
    "in a list": {"_target_": "torch.nn.Sequential", "_args_": [{"_target_": "foreign_net.Net"}]},
    "attribute of ours": {"_target_": "restorelab.config.build.nn.Identity"},
    "function of ours": {"_target_": "restorelab.runs.run_folder.write_text", "file": "/tmp/x", "text": "x"},
    "our command line": {"_target_": "restorelab.cli.main.main", "argv": ["cache", "clean"]},
    "attribute of torch": {"_target_": "torch.nn.modules.module.torch.load", "f": "x"},
    "callback that writes": {"_target_": "lightning.pytorch.callbacks.ModelCheckpoint", "dirpath": "/"},
    "not recursive": {"_target_": "foreign_net.Net", "_recursive_": False},
    "a path": {"_target_": "restorelab./tmp/evil.Net"},
    "no name": {"_target_": {"_target_": "foreign_net.Net"}},
}


@pytest.mark.parametrize("node", NODES.values(), ids=NODES)
def test_what_is_not_restorelabs_is_refused_by_name_and_never_imported(tmp_path: Path, evil: Path, node: Any):
    run = folder(tmp_path / "theirs", model=node)
    with pytest.raises(ConfigError, match=r"_target_"):
        restorelab.load(run)
    with pytest.raises(ConfigError, match=r"_target_"):
        build.parts({**composed(), "callbacks": {"a": node}})
    assert not evil.exists()


def test_resuming_exporting_and_a_queued_config_refuse_too(tmp_path: Path, evil: Path, capfd: Any):
    """And leave the folder as it was."""
    run = folder(tmp_path / "theirs", model={"_target_": "foreign_net.Net"}, trust=["foreign_net"])
    before = sorted(run.rglob("*"))
    assert main.main(["train", f"run_dir={run}", "resume=true"]) == 2
    assert "foreign_net.Net" in capfd.readouterr().err
    assert sorted(run.rglob("*")) == before
    noise = {"_target_": "foreign_net.Net", "fixed": False}
    with pytest.raises(UserError, match=r"noise\._target_: .*foreign_net\.Net is not imported"):
        export_set.run([f"run={folder(tmp_path / 'noisy', noise=noise)}", f"out={tmp_path / 'set'}"])
    assert not (tmp_path / "set").exists()
    settings = yaml.safe_load((run / "config.yaml").read_text())
    outcome = execute.execute({**settings, "run_dir": str(tmp_path / "sweep" / "a")})
    assert outcome.exit_status == 2
    assert "foreign_net.Net" in outcome.message
    assert not evil.exists()


def test_trust_by_name_and_only_what_the_package_defines_itself(tmp_path: Path, evil: Path):
    run = folder(tmp_path / "theirs", model={"_target_": "foreign_net.Net"})
    with pytest.raises(ConfigError, match=r"add trust=\[foreign_net\]"):
        restorelab.load(run)
    assert type(restorelab.load(run, trust=["foreign_net"])).__name__ == "Net"
    with pytest.raises(ConfigError):  # the trust ended with the call
        restorelab.load(run)
    for name, words in {"foreign_net.getcwd": "is defined in posix", "foreign_net.pathlib.Path": "imported"}.items():
        with pytest.raises(ConfigError, match=words):
            restorelab.load(folder(tmp_path / name, model={"_target_": name}), trust=["foreign_net"])
    with pytest.raises(ConfigError, match=r"trust: '\.\./x'"):
        restorelab.load(run, trust=["../x"])


def test_a_network_that_the_command_line_names_is_the_users_own(tmp_path: Path, evil: Path):
    """To resume with the model given again, or with `trust`, is to say that it is one's own."""
    runs.settings(tmp_path / "x", *(f"~model.{key}" for key in OWN), "model._target_=foreign_net.Net")
    build.make("model", {"_target_": "foreign_net.Net"})
    trust._noted.clear()
    run = folder(tmp_path / "theirs", model={"_target_": "foreign_net.Net"}, trust=["foreign_net"])
    argv = [f"run_dir={run}", "resume=true", "trust=[foreign_net]"]
    resumed = resumption.settings(runs.settings(run, *argv), argv)
    assert resumed["trust"] == ["foreign_net"]
    build.parts(resumed)


@pytest.mark.parametrize(
    "typed", [["~model", "+model={_target_: foreign_net.Net}"], ["model._target_=foreign_net.Net"]], ids=["node", "key"]
)
def test_what_is_typed_is_the_users_own_in_every_form(typed: list[str], evil: Path):
    assert type(build.make("model", composition.compose(typed)["model"])).__name__ == "Net"


def test_interpolations_of_a_file_are_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECRET", "told")
    name = r"${oc.env:SECRET} \${x} $y"
    assert (
        build.make("logger", {"_target_": "restorelab.training.loggers.wandb.WandB", "project": name}).project == name
    )
    hidden = "${oc.create:{_target_: torch.hub.load, repo_or_dir: x, model: y}}"
    made = build.make("x", {"_target_": "restorelab.training.loggers.wandb.WandB", "project": hidden})
    assert made.project == hidden


def test_a_worker_believes_its_sweep_and_not_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[set[str]] = []
    monkeypatch.setattr(worker, "execute", lambda file, orphaned: seen.append(set(trust._packages)) or 0)
    node = {"a": [{"_target_": "foreign_net.Net"}]}
    assert trust.named(node) == []  # what was read from a folder and not composed is not handed on
    trust.note(node)
    command = worker.arguments(tmp_path / "a.json", trust.named(node))
    worker.main(command[4:])
    assert seen == [{"foreign_net.Net"}]
    assert worker.arguments(tmp_path, trust.named({"_target_": "torch.optim.Adam"})) == [*command[:4], str(tmp_path)]


def test_an_evaluated_checkpoint_of_somebody_else_brings_no_code(tmp_path: Path, evil: Path):
    """Its network is taken from its run's config; so would be what that names."""
    run = folder(tmp_path / "theirs", model={"_target_": "foreign_net.Net"}, trust=["foreign_net"])
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "best.ckpt").touch()
    composed = composition.compose(["train=false", f"ckpt={run / 'checkpoints' / 'best.ckpt'}", "logger=csv"])
    assert composed["model"]["_target_"] == "foreign_net.Net"
    with pytest.raises(ConfigError, match=r"add trust=\[foreign_net\]"):
        build.parts(composed)
    assert trust.named(composed) == []
    assert not evil.exists()


def test_a_config_that_is_composed_again_from_a_folder_is_read(tmp_path: Path, evil: Path, capfd: Any):
    """--config-dir THEIRS --config-name config: Hydra composes it, and it is still theirs."""
    run = folder(tmp_path / "theirs", model={"_target_": "foreign_net.Net"}, trust=["foreign_net"])
    argv = ["train", "--config-dir", str(run), "--config-name", "config", f"run_dir={tmp_path / 'mine'}"]
    assert main.main(argv) == 2
    assert "add trust=[foreign_net]" in capfd.readouterr().err
    assert not evil.exists()
    assert not (tmp_path / "mine").exists()


def test_every_shipped_config_may_be_read_back():
    assert {
        "restorelab.models.dncnn.DnCNN",
        "torch.optim.Adam",
        "restorelab.training.loggers.wandb.WandB",
    } < trust.shipped()
    assert all(trust.require("x", target) is None for target in trust.shipped())


def test_compare_takes_the_packages_to_trust():
    assert own_keys.listed(compare.parse([".", "trust=[a,b.c]"]).trust) == ["a", "b.c"]


def test_a_package_beside_conf_is_importable_and_shadows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As for `python train.py`; the console script's path lacks the current folder."""
    (tmp_path / "own_package").mkdir()
    (tmp_path / "own_package" / "net.py").write_text("from torch import nn\nclass Net(nn.Identity): pass\n")
    for name in ("torch", "colorsys"):  # one that is imported already, one that is not
        (tmp_path / f"{name}.py").write_text("raise SystemExit('shadowed')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    before = list(sys.path)
    trust.note({"model": {"_target_": "torch.nn.Identity"}, "x": {"_target_": "colorsys.rgb_to_yiq"}})
    assert sys.path == before
    trust.note({"model": {"_target_": "own_package.net.Net"}})
    assert sys.path == [*before, str(tmp_path)]
    assert type(build.make("model", {"_target_": "own_package.net.Net"})).__name__ == "Net"
    sys.modules.pop("colorsys", None)
    import colorsys

    assert Path(colorsys.__file__).parent != tmp_path


@pytest.mark.parametrize("text", ["a: &a [1, *a]\n", "a: &a [1]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefg", "bcdefgh", strict=True)
)], ids=["of itself", "of a million"])  # fmt: skip
def test_aliases_that_stand_for_too_much_are_a_damaged_config(tmp_path: Path, text: str):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"config\.yaml is damaged: .* its aliases"):
        restorelab.load(tmp_path)


@pytest.mark.parametrize(
    ("levels", "words"), [(5000, "(not YAML|100 levels deep)"), (200, "more than 100 levels deep")]
)
def test_a_config_that_is_nested_too_deep_is_damaged(tmp_path: Path, levels: int, words: str):
    (tmp_path / "config.yaml").write_text(f"model: {'[' * levels}{']' * levels}")
    with pytest.raises(ConfigError, match=rf"config\.yaml is damaged: .*{words}"):
        restorelab.load(tmp_path)


@pytest.mark.parametrize("key", ["model", "objective"])
def test_a_config_without_a_network_is_damaged(tmp_path: Path, key: str):
    with pytest.raises(ConfigError, match=rf"config\.yaml is damaged: {key} is not a mapping"):
        restorelab.load(folder(tmp_path / "theirs", **{key: None}))
