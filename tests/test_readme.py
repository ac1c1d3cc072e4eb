"""Every command of the README works: composed and checked against its data's shape, or run where that is quick."""

import re
import shlex
import sys
from pathlib import Path

import pytest
import torch

from restorelab.cli import restore
from restorelab.cli.main import main
from restorelab.config import build, composition
from restorelab.config.schema import conf_dir
from restorelab.study import plan
from restorelab.sweep import expand, grid, keys
from restorelab.sweep.executors import choose
from restorelab.sweep.search.search import Search
from restorelab.training import checks

README = Path(__file__).resolve().parents[1] / "README.md"
COMMANDS = [
    line.split("  #")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL)
    for line in block.splitlines()
    if line.strip() and not line.startswith("#")
]
TRAIN = [command for command in COMMANDS if command.startswith("python train.py") and "--" not in command]


def combinations(arguments: list[str]) -> list[list[str]]:
    """The runs of a command; `-m` multiplies its comma lists."""
    if "-m" not in arguments:
        return [arguments]
    runs: list[list[str]] = [[]]
    for argument in (a for a in arguments if a != "-m"):
        key, _, values = argument.partition("=")
        runs = [[*run, f"{key}={value}"] for run in runs for value in values.split(",")]
    return runs


@pytest.mark.parametrize("command", TRAIN)
def test_training_command_composes_and_fits(command: str, tmp_path: Path) -> None:
    for said in combinations(shlex.split(command)[2:]):
        overrides = said
        if "train=false" in overrides:  # its checkpoint is the reader's: the weights of a network like it
            net = build.parts(composition.compose(overrides)).net()
            torch.save(net.state_dict(), tmp_path / "best.ckpt")
            overrides = [f"ckpt={tmp_path / 'best.ckpt'}" if o.startswith("ckpt=") else o for o in said]
        checks.check_fit(build.parts(composition.compose(overrides)))


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("python sweep.py")])
def test_sweep_command_plans(command: str, tmp_path: Path) -> None:
    sweep, overrides = keys.split(shlex.split(command)[2:])
    if sweep.executor == "local":  # the others start a cluster, or look for one
        choose.executor(sweep)
    if sweep.search:
        assert Search(tmp_path, sweep, overrides).ask() is not None
        return
    if sweep.study:
        each, seeds = plan.divide(overrides)
        planned = plan.plan(plan.load(sweep.study), ["data.root=/nowhere", *each], seeds, sweep.only)
    else:
        planned = expand.plan(grid.expand(overrides), tmp_path, only=sweep.only)
    assert {one.name for one in planned} >= set(sweep.only)
    assert len(planned) == len({one.folder for one in planned})


def test_studies_of_the_table_are_those_of_conf() -> None:
    table = README.read_text().split("| `study=` |")[1].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", table)) == set(plan.names())


def test_there_are_commands_to_test() -> None:
    assert len(TRAIN) >= 6
    assert "make train" in COMMANDS
    assert "make test" in COMMANDS


@pytest.mark.parametrize("flag", ["--help", "--cfg"])
def test_asking_commands(flag: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (command,) = [c for c in COMMANDS if c.startswith("python train.py") and flag in c]
    monkeypatch.setattr(sys, "argv", ["train.py"])
    status = 0
    try:
        status = main(["train", *shlex.split(command)[2:]])
    except SystemExit as ended:
        status = ended.code or 0
    assert status == 0
    assert "dncnn_small" in capsys.readouterr().out or flag == "--cfg"


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("restorelab preview")])
def test_preview_commands(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(command)[1:]) == 0
    assert (tmp_path / "preview.png").stat().st_size > 10_000


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("restorelab restore")])
def test_restore_commands_are_read(command: str) -> None:
    request = restore.parse(shlex.split(command)[2:])
    assert request.words


def test_groups_of_the_table_are_those_of_conf() -> None:
    table = README.read_text().split("| group | options |")[1].split("\n\n")[0]
    named = set(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))
    groups = {name for cell in named for name in re.findall(r"`(\w+)`", cell)}
    assert groups == {folder.name for folder in conf_dir().iterdir() if folder.is_dir()}


@pytest.mark.parametrize("group", ["model", "data", "blur", "downsample", "noise", "jpeg", "loss"])
def test_options_of_the_table_are_those_of_conf(group: str) -> None:
    (row,) = [line for line in README.read_text().splitlines() if line.startswith(f"| `{group}` | `")]
    assert set(row.split("|")[2].strip(" `").split()) == {f.stem for f in (conf_dir() / group).glob("*.yaml")}
