"""Paths with the signs of Hydra's grammar and of shells in them: taken as they are, and printed so that they can be."""

import shlex
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from restorelab import quoting
from restorelab.cli import main
from restorelab.config import composition
from restorelab.errors import ConfigError
from restorelab.sweep import grid
from restorelab.sweep import keys as sweep_settings

NAMES = [
    "a=b", "a,b", "a b", " a", "it's", 'say "a"', "both'\"", "a(b)", "glob(x)", "[a]", "{a: b}", "$HOME", "größe",
    "日本", "a\\", "a\\'", "-a", "2024", "1e3", "a#b", "a&b;c|d", "!x", "`x`", "a:b", "%41", "C:\\new", "x*?",
    "~x", "true", "null x",
]  # fmt: skip


def read(argument: str) -> str:
    """What Hydra and OmegaConf make of an override's value."""
    (parsed,) = grid.parse([argument])
    return OmegaConf.to_container(OmegaConf.create({"value": parsed.value()}), resolve=True)["value"]


@pytest.mark.parametrize("name", [*NAMES, "${oc.env:HOME}/x and ${y}"])
def test_a_path_is_taken_as_it_is_and_printed_for_a_shell(name: str, tmp_path: Path):
    """What is printed is read by a shell, then by Hydra, and gives the name."""
    path = str(tmp_path / name)
    for key in ("data.root", "+loss.ckpt", "run_dir"):
        if "$" not in path[1:] or "{" not in name:
            assert read(quoting.paths([f"{key}={path}"])[0]) == path
        (printed,) = shlex.split(quoting.argument(key, path))
        assert read(quoting.paths([printed])[0]) == path
    (printed,) = shlex.split(quoting.argument("name", name))
    assert read(printed) == name


def test_every_key_of_a_path_is_one_to_compose(tmp_path: Path):
    path = f"{tmp_path}/a=b, 'ü'"
    keys = ("run_dir", "runs_dir", "data_dir", "ckpt", "transfer", "data.root")
    settings = composition.compose(["model=identity", "data=folder", *(f"{key}={path}" for key in keys)])
    assert [settings[key] for key in keys[:-1]] + [settings["data"]["root"]] == [path] * len(keys)


@pytest.mark.parametrize("value", ["null", "'a b'", '"a=b"', "${runs_dir}/x", "plain/path.ckpt", "@gated"])
def test_what_is_in_hydras_grammar_stays(value: str):
    assert quoting.paths([f"ckpt={value}"]) == [f"ckpt={value}"]
    assert quoting.paths([f"name={value}", "-m", "~ckpt"]) == [f"name={value}", "-m", "~ckpt"]


def test_patterns_of_names_are_taken_as_they_are():
    given = ["data.source.degraded_name={name}_noisy.png", "data.source.degraded=*/in put"]
    parsed = grid.parse(quoting.paths(given))
    assert [one.value() for one in parsed] == ["{name}_noisy.png", "*/in put"]


def test_a_comma_parts_values_but_in_a_path_that_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("a,b").mkdir()
    values = {"a,b": ["'a,b'"], "a,c d": ["a", "'c d'"], "glob(x)": None, "choice(a,b)": ["a", "b"]}
    for value, expected in values.items():
        _, overrides = sweep_settings.split(["model=median", f"data.root={value}"])
        found = grid.parse(overrides)[1]
        if expected is None:
            assert found.is_sweep_override()
        else:
            assert (grid.values(found) if found.is_sweep_override() else [found.get_value_element_as_str()]) == expected


def test_the_command_line_of_a_run_takes_them(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    assert main.main(["train", "--cfg", "job", "data=folder", f"data.root={tmp_path}/a=b, c", "run_dir=~/x y"]) == 0
    said = yaml.safe_load(capfd.readouterr().out)
    assert said["data"]["root"] == f"{tmp_path}/a=b, c"
    assert said["run_dir"] == f"{Path.home()}/x y"


@pytest.mark.parametrize("override", ["name=a=b", "logger.wandb.project=it's", "name=größe"])
def test_the_hint_can_be_pasted(override: str):
    key, _, value = override.partition("=")
    with pytest.raises(ConfigError, match="Write key=value, and quote a value that is text: ") as caught:
        composition.compose([override])
    printed = str(caught.value).rpartition("is text: ")[2].removesuffix(".")
    (argument,) = shlex.split(printed)
    composed = composition.compose([argument])
    assert (composed["name"] if key == "name" else composed["logger"]["wandb"]["project"]) == value


def test_a_comma_in_text_is_told_with_both_ways_to_mean_it():
    with pytest.raises(ConfigError, match=r"Add -m .* 'name=\[a,b\]' for a list, or 'name=\"a,b\"' for a string"):
        composition.compose(["name=a,b"])
