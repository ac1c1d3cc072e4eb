"""Every command of the README and of the documentation's pages works.

The README's uses are executed in their order; other commands are composed and checked against their data's shape.
"""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from restorelab.cli.main import main
from restorelab.cli.restore_request import parse
from restorelab.config import build, composition
from restorelab.study import plan
from restorelab.sweep import expand, grid, keys
from restorelab.sweep.executors import choose
from restorelab.sweep.search.search import Search
from restorelab.training import checks
from runs import TINY

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
OURS = [
    re.split(r"  +#", line)[0].strip() for block in BLOCK.findall(README.read_text()) for line in block.splitlines()
]
"""The commands of the README, in their order."""

PAGES = [
    line
    for file in sorted((ROOT / "docs").rglob("*.md"))
    for line in re.findall(r"^\$ ((?:restorelab|python) .*?)(?:  +#.*)?$", file.read_text(), re.MULTILINE)
]
"""The commands that pages of the documentation show without the tests that execute tutorials."""

COMMANDS = [
    re.sub(r"^restorelab (train|sweep) ", r"python \1.py ", command)
    for command in [*OURS, *PAGES]
    if "..." not in command
]
TRAIN = [command for command in COMMANDS if command.startswith("python train.py")]


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


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(command, marks=pytest.mark.slow if "study=" in command else ())
        for command in COMMANDS
        if command.startswith("python sweep.py")
    ],
)
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


def test_studies_of_the_gallery_are_those_of_conf() -> None:
    table = (ROOT / "docs" / "gallery.md").read_text().split("| `study=` |")[1].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", table)) == set(plan.names())


def test_there_are_commands_to_test() -> None:
    assert OURS[:2] == ["make train", "make test"]
    assert len(TRAIN) >= 6
    assert len([command for command in COMMANDS if command.startswith("python sweep.py")]) >= 6


SHORT = [*(key for key in TINY if not key.startswith(("model", "callbacks"))), "max_steps=4", "~trainer.max_epochs"]


@pytest.mark.slow
def test_the_five_uses_work_in_this_order_in_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RESTORELAB_CACHE", str(tmp_path / "cache"))
    noise = np.random.default_rng(0).normal(0, 50, (64, 80, 3))  # restore leaves clean photographs as they are
    noisy = (data.chelsea()[:64, :80] + noise).clip(0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(tmp_path / "photo.jpg", quality=95)
    uses = [shlex.split(command) for command in OURS if command.startswith(("python", "restorelab"))]
    assert [Path(words[1]).stem for words in uses] == ["train", "sweep", "compare", "restore", "evaluate"]
    for words in uses:
        verb = Path(words[1]).stem
        assert main([verb, *words[2:], *(SHORT if verb in ("train", "sweep") else [])]) == 0, words
    assert len(list(tmp_path.glob("runs/night/*/result.json"))) == 6  # two models, three seeds
    assert (tmp_path / "comparison" / "index.html").stat().st_size > 10_000
    assert Image.open(tmp_path / "photo_restored.jpg").size == (80, 64)
    measured = json.loads((tmp_path / "runs" / "levels" / "result.json").read_text())
    assert len(measured["evaluations"]) == 3


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("restorelab restore")])
def test_restore_commands_are_read(command: str) -> None:
    request = parse(shlex.split(command)[2:])
    assert request.words


def test_links_of_the_readme_and_of_contributing_lead_to_files() -> None:
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        for link in re.findall(r"\]\(([^)#:]+)[^):]*\)", (ROOT / name).read_text()):
            assert (ROOT / link).exists(), f"{name}: {link}"


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("restorelab preview")])
def test_preview_commands(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(command)[1:]) == 0
    assert (tmp_path / "preview.png").stat().st_size > 10_000
