"""Paths in a config mean the same from any folder, and are found again where a run moved with what it reads."""

from pathlib import Path
from typing import Any

import pytest

from restorelab.config import composition, paths
from restorelab.config.run_config import read_config
from restorelab.runs.run_folder import RunFolder


def test_a_composed_config_has_absolute_paths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    said = [
        "data=folder",
        "data.root=./images",
        "ckpt='~/w.pth'",
        "transfer=runs/a",
        "loss=perceptual",
        "loss.ckpt=c",
        "data.size=[64,64]",
    ]
    settings = composition.compose([*said, "data_dir=data"])
    assert settings["data"]["root"] == str(tmp_path / "images")
    assert settings["ckpt"] == "/home/me/w.pth"
    assert settings["transfer"] == str(tmp_path / "runs/a")
    assert settings["loss"]["ckpt"] == str(tmp_path / "c")
    assert settings["data_dir"] == str(tmp_path / "data")
    assert composition.compose(["data=photos"])["data"]["root"] is None
    assert composition.compose(["data=folder", "data.root=s3://bucket"])["data"]["root"] == "s3://bucket"


def test_weights_are_found_in_any_depth() -> None:
    settings: dict[str, Any] = {
        "ckpt": "a", "transfer": None, "model": {"ckpt": "b"}, "data": {"ckpt": "not weights"},
        "loss": {"losses": {"seen": {"ckpt": "c"}, "l1": {}}, "ckpt": None}, "objective": {"terms": [{"ckpt": "d"}]},
    }  # fmt: skip
    found = {dotted: node[key] for node, key, dotted in paths.weights(settings)}
    assert found == {"ckpt": "a", "loss.losses.seen.ckpt": "c", "objective.terms.0.ckpt": "d", "model.ckpt": "b"}


@pytest.mark.parametrize("moved", ["project", "renamed", "home"])
def test_what_moved_with_the_run_is_found_again(tmp_path: Path, moved: str) -> None:
    old = tmp_path / "home" / "project"
    for place in ("runs/sweep/one", "runs/sweep/two", "data/images"):
        (old / place).mkdir(parents=True)
    settings = {"data": {"root": str(old / "data/images")}, "ckpt": str(old / "runs/sweep/two"), "data_dir": "/gone"}
    RunFolder(old / "runs/sweep/one").open(settings, resume=False)
    new = {"project": tmp_path / "else" / "project", "renamed": tmp_path / "home" / "renamed",
           "home": tmp_path / "visitor" / "project"}[moved]  # fmt: skip
    new.parent.mkdir(exist_ok=True)
    old.rename(new)
    config = read_config(new / "runs/sweep/one")
    assert config["data"]["root"] == str(new / "data/images")
    assert config["ckpt"] == str(new / "runs/sweep/two")
    assert config["data_dir"] == "/gone"


def test_what_lies_where_it_lay_is_left(tmp_path: Path) -> None:
    (tmp_path / "a/runs/one").mkdir(parents=True)
    (tmp_path / "a/images").mkdir()
    RunFolder(tmp_path / "a/runs/one").open({"data": {"root": str(tmp_path / "a/images")}}, resume=False)
    (tmp_path / "a/runs/one").rename(tmp_path / "elsewhere")
    assert read_config(tmp_path / "elsewhere")["data"]["root"] == str(tmp_path / "a/images")
