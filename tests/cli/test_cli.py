"""The command line as a user meets it: help, errors, exit statuses, and how soon they come."""

import dataclasses
import errno
import io
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import restorelab
from restorelab.cli import main, usage
from restorelab.compare import multirun
from restorelab.config.schema import Train, conf_dir
from restorelab.sweep.keys import Sweep

HEAVY = ("model=identity", "data=photos", "debug=true", "logger=csv", f"threads={len(os.sched_getaffinity(0))}")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RESTORELAB_TRACEBACK", raising=False)
    monkeypatch.setenv("RESTORELAB_CACHE", str(tmp_path / "cache"))
    return tmp_path


def fresh(root: Path, *argv: str) -> tuple[subprocess.CompletedProcess[str], float]:
    """`python train.py ...` in a fresh process, and its CPU time (user and system) in seconds.

    CPU time, as other work on the machine changes it little.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, str(root / "train.py"), *argv]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"]])
def test_help(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(argv) == 0
    out = capsys.readouterr().out
    assert all(command in out for command in ("train", "preview", "fetch", "cache"))


@pytest.mark.parametrize("script", ["train.py", "sweep.py"])
def test_a_python_without_the_packages_is_told_what_to_do(script: str, root: Path) -> None:
    command = [sys.executable, "-I", "-S", str(root / script), "--help"]  # -S: without installed packages
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: No module named 'restorelab' for this Python. `make train` installs")
    assert "Traceback" not in done.stderr


HELP = [
    ("train", ("-m", "run_dir=", "resume=", "max_steps=", "The config groups", "model: ")),
    ("sweep", ("study=", "dry=", "workers=", "search=", "studies: ")),
    ("compare", ("out=", "baseline=", "evaluations=", "metric=", "pictures=")),
    ("preview", ("find=", "images=", "part=", "out=")),
    ("fetch", ("data=", "data.root=", "data_dir=", "data.source.url=")),
    ("export-set", ("run=", "part=", "clean=", "out=")),
    ("score", ("set=", "name=", "out=", "copy=", "root=", "parameters=", "seed=")),
    ("evaluate", ("WEIGHTS", "model=", "evaluation=", "images=", "run_dir=")),
    ("export", ("RUN", "out=", "format=", "images=")),
    ("restore", ("model=", "out=", "strength=", "sigma=", "x8=")),
    ("explain", ("A, B", "evaluation=", "quantize=", "border=")),
    ("verify", ("NAME", "weights_dir=")),
    ("sync", ("FOLDER",)),
    ("workspace", ("SWEEP", "project=", "entity=", "name=")),
    ("cache", ("clean ", "clean NAME")),
    ("schema", ("out=",)),
    ("completion", ("bash ", "zsh ", "fish ")),
]
"""Each command with the beginnings of lines in its help."""


def test_every_command_has_help() -> None:
    assert {command for command, _ in HELP} == {*main.MODULES, "train", "preview", "cache"}


@pytest.mark.parametrize(("command", "options"), HELP, ids=[command for command, _ in HELP])
def test_every_command_lists_its_options_wherever_help_stands(
    command: str, options: tuple[str, ...], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:  # Hydra's own raises it
        raise SystemExit(main.main([command, "noise=impulse", "--help"]))
    assert not ended.value.code
    lines = capsys.readouterr().out.splitlines()
    for option in options:
        assert any(line.lstrip().startswith(option) for line in lines), option
    assert f"restorelab {command}" in main.USAGE
    assert not list(here.iterdir())


def test_help_has_a_line_for_every_key_of_a_run_and_of_a_sweep() -> None:
    groups = {entry.name for entry in conf_dir().iterdir()}
    for name, schema, others in (("train", Train, {*groups, "choices", "sessions"}), ("sweep", Sweep, {"resume"})):
        listed = re.findall(r"^  (\w+)=", usage.options(conf_dir() / f"{name}.yaml"), re.MULTILINE)
        assert set(listed) == {field.name for field in dataclasses.fields(schema)} - others


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], ("data=mnist", "Allowed: ")),
        (["mnist"], ("Did you mean data=mnist?",)),
        (["data=mnits"], ("data=mnits", "'mnist'")),
        (["data=photos"], ("data=photos", "installed packages")),
        (["data=pairs", "data.root=x"], ("data=pairs", "are yours")),
    ],
)
def test_what_cannot_be_fetched_says_why(
    argv: list[str], words: tuple[str, ...], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["fetch", *argv]) == 2
    err = capsys.readouterr().err
    assert all(word in err for word in words), err
    assert not list(here.iterdir())


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"restorelab {restorelab.__version__}"


def test_an_unknown_command_is_told_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["trian"]) == 2
    assert "Did you mean 'train'?" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["train", "preview"])
@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("noise.sgma=3", ("noise.sgma", "'sigma'")),
        ("seed=abc", ("seed", "'abc'", "a whole number")),
        ("noise=gausian", ("noise=gausian", "'gaussian'")),
        ("noise=null", ("noise=null",)),
        ("noise.sigma=[1", ("noise.sigma=[1",)),
        ("noise.sigma=-5", ("sigma", "-5", ">= 0")),
        ("data=folder", ("data.root",)),
    ],
)
def test_a_bad_configuration_is_one_line_and_status_2(
    command: str, override: str, words: tuple[str, ...], here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main.main([command, override]) == 2
    err = capfd.readouterr().err.strip()
    assert err.startswith("error: ")
    assert "\n" not in err
    assert all(word in err for word in words), err
    assert not list(here.iterdir()), "it left something behind"


def test_the_traceback_is_there_for_those_who_ask(
    here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RESTORELAB_TRACEBACK", "1")
    assert main.main(["train", "noise.sgma=3"]) == 2
    err = capfd.readouterr().err
    assert "Traceback" in err
    assert err.strip().splitlines()[-1].startswith("error: noise.sgma")


@pytest.mark.parametrize(
    ("argv", "status", "word"),
    [
        (["--help"], 0, "The config groups"),
        (["--cfg", "job"], 0, "_target_: restorelab.models.dncnn.DnCNN"),
        (["noise.sgma=3"], 2, "'sigma'"),
        (["seed=abc"], 2, "a whole number"),
        (["model=ae", "model._target_=restorelab.models.ae.Ae"], 2, "'AE'"),
        (["model=ae", "model.init=glort"], 2, "'glorot'"),
    ],
)
def test_answers_that_need_no_torch_come_without_it(
    argv: list[str], status: int, word: str, root: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once: what takes seconds to import is left alone, on any machine and however busy that is."""
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    done, _ = fresh(root, *argv)
    assert done.returncode == status
    assert word in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "restorelab.cli.main" in imported
    assert not {"torch", "lightning", "torchmetrics", "kornia", "wandb", "scipy", "matplotlib"} & imported


@pytest.mark.slow
def test_shapes_are_checked_within_six_seconds_of_the_processor(root: Path, here: Path) -> None:
    done, seconds = fresh(root, "model=mnist_mlp_ae", "data=photos")
    assert done.returncode == 2
    assert "data.size=[28,28]" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(here.iterdir())
    assert seconds < 6


@pytest.mark.slow
def test_multirun_takes_its_runs_one_by_one(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One that fails does not take the other with it, and is not forgotten: the status is not 0."""
    argv = ["train", "model=mnist_mlp_ae,identity", *HEAVY[1:], "data.limit=64", "-m"]  # -m last: behind overrides
    assert main.main(argv) == 2
    out, err = capfd.readouterr()
    assert "1 of 2 runs succeeded" in out
    assert "no page: a comparison needs two finished runs, and there is one." in out
    assert "model=mnist_mlp_ae" in err
    assert "Traceback" not in err
    results = list((here / "runs").glob("*/*/result.json"))
    assert [file.parents[1].name for file in results] == ["identity-photos-gaussian"]
    assert not (here / "runs" / "mnist_mlp_ae-photos-gaussian").exists()


def test_a_multirun_ends_with_the_page_that_compares_its_runs(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    argv = ["train", "-m", "model=identity,mean_color", *HEAVY[1:], "data.limit=64"]
    assert main.main(argv) == 0
    (page,) = (here / "runs" / "multirun").glob("*/index.html")
    assert f"page: {page.relative_to(here)}" in capfd.readouterr().out
    assert "mean_color" in (page.parent / "tables" / "leaderboard.csv").read_text()


def test_a_multirun_whose_page_cannot_be_made_says_why_and_what_makes_it(here: Path) -> None:
    (here / "a b").mkdir()
    said = multirun.compared([here / "a b", here / "c"], "runs")
    assert said.startswith("no page: ")
    assert f"restorelab compare '{here}/a b' {here}/c makes it." in said


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["-m", "seed=range(0)"], ["seed=range(0)", "no run"]),
        (["-m", "model=ae,nope"], ["model=nope"]),
        (["-m", "seed=a,b"], ["'a'", "'b'"]),
    ],
)
def test_a_bad_multirun(argv: list[str], words: list[str], here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main.main(["train", *argv]) == 2
    err = capfd.readouterr().err
    assert all(word in err for word in words), err
    assert not list(here.iterdir())


def test_train_py_gives_the_exit_status(root: Path, here: Path) -> None:
    assert fresh(root, "--cfg", "jobb")[0].returncode == 2
    assert fresh(root, "~model")[0].returncode == 2


def test_cache_lists_and_cleans(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = here / "cache" / "tables" / "photos-0123"
    entry.mkdir(parents=True)
    (entry / "clean.bin").write_bytes(bytes(1500))
    assert main.main(["cache"]) == 0
    out = capsys.readouterr().out
    assert "photos-0123" in out
    assert "1.5 kB" in out
    assert main.main(["cache", "clena"]) == 2
    assert main.main(["cache", "clean", "photos-0124"]) == 1
    assert "'photos-0123'" in capsys.readouterr().err
    assert main.main(["cache", "clean"]) == 0
    assert not entry.exists()


def test_fetch_says_what_it_wants(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["fetch"]) == 2
    assert main.main(["fetch", "data=photos"]) == 2
    assert "nothing to fetch" in capsys.readouterr().err


def test_the_names_of_files_need_not_be_utf_8(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(stream, "utf-8"))
    monkeypatch.setattr(sys, "argv", ["restorelab"])
    monkeypatch.setattr(main.gc_tuning, "spare_imports", lambda: None)
    monkeypatch.setattr(main, "main", lambda argv: print("gr\udcfc\udcdfe.jpg", flush=True) or 0)
    with pytest.raises(SystemExit, match="0"):
        main.entry()
    assert stream.getvalue() == b"gr\\udcfc\\udcdfe.jpg\n"


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOSPC])
def test_an_error_of_the_file_system_is_told_in_a_line(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Command:
        @staticmethod
        def run(argv: list[str]) -> int:
            raise OSError(number, os.strerror(number), "runs/mine")

    monkeypatch.setattr(main, "import_module", lambda name: Command)
    assert main.main(["cache"]) == 1
    assert capsys.readouterr().err == f"error: runs/mine: {os.strerror(number)}.\n"
