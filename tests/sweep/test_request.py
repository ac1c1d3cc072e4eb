"""What is written down of a sweep before it begins, and what of it a later session finds."""

import json
from pathlib import Path

import pytest

import runs
from restorelab.cli.main import main
from restorelab.errors import ConfigError
from restorelab.runs.ledger import Attempt, Ledger
from restorelab.runs.process_id import Owner
from restorelab.sweep import queue, request
from restorelab.sweep.keys import split
from restorelab.sweep.live import LiveLines, measured, share
from restorelab.sweep.request import SweepPlan

REST = [o for o in runs.TINY if not o.startswith("trainer.max_epochs")]


def ask(folder: Path, *more: str) -> SweepPlan:
    return request.plan(*split([*REST, f"sweep_dir={folder}", *more]), threads=1)


def test_every_session_and_every_run_is_noted(tmp_path: Path) -> None:
    first = ask(tmp_path / "s", "noise=gaussian,impulse")
    request.note(first, ["noise=gaussian,impulse"])
    second = ask(tmp_path / "s", "noise=gaussian,impulse", "seed=0,1")
    request.note(second, ["noise=gaussian,impulse", "seed=0,1"])
    noted = json.loads((tmp_path / "s" / "sweep.json").read_text())
    assert [session["arguments"] for session in noted["sessions"]] == [
        ["noise=gaussian,impulse"], ["noise=gaussian,impulse", "seed=0,1"]
    ]  # fmt: skip
    assert set(noted["runs"]) == {run.id for run in second.planned}
    assert {run.id for run in first.planned} < {run.id for run in second.planned}
    assert noted["runs"][first.planned[0].id] == {"name": "gaussian", "seed": 0, "swept": {"noise": "gaussian"}}


def test_the_queue_holds_what_the_runs_will_do_whatever_becomes_of_the_configs(tmp_path: Path) -> None:
    (run,) = ask(tmp_path).planned
    queue.write(tmp_path, [run])
    file = queue.file(tmp_path, run.id)
    assert json.loads(file.read_text()) == run.settings
    before = file.stat().st_mtime_ns
    queue.write(tmp_path, [run])
    assert file.stat().st_mtime_ns == before
    queue.write(tmp_path, [type(run)(run.name, run.seed, {**run.settings, "data_dir": "elsewhere"})])
    assert json.loads(file.read_text())["data_dir"] == "elsewhere"


def test_resume_false_refuses_a_folder_with_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = ask(tmp_path / "s")
    request.check_fresh(found)
    assert Ledger(tmp_path / "s" / "ledger").claim(found.planned[0].id) is not None
    with pytest.raises(ConfigError, match="holds a sweep already"):
        request.check_fresh(found)
    assert main(["sweep", *REST, f"sweep_dir={tmp_path / 's'}", "resume=false"]) == ConfigError("").exit_status
    assert str(tmp_path / "s") in capsys.readouterr().err


def attempt(**progress: object) -> Attempt:
    return Attempt("a", 1, "running", Owner.me(), began=0.0, ended=100.0, progress=progress)


def test_the_time_left_follows_from_the_finished_runs_and_from_how_far_the_others_are() -> None:
    lines = LiveLines(6)
    assert lines.remaining({"a": None}, 3) is None
    lines.seconds = [100.0, 100.0]
    # Two run at a time; one has just begun (100 s to go), one is three quarters through its 100 s: 133 s in all.
    running = {"a": None, "b": attempt(step=75, steps=100)}
    mean = (100 + 100 + 100 / 0.75) / 3
    assert lines.remaining(running, 4) == pytest.approx((100 / 0.75 - 100 + mean + 4 * mean) / 2)
    assert lines.remaining({"b": running["b"]}, 0) == pytest.approx(100 / 0.75 - 100)


def test_progress_in_words() -> None:
    assert share(attempt(step=1, steps=4, phase="training")) == 0.25
    assert share(attempt(phase="evaluating", step=0, steps=4)) == 1
    assert share(attempt()) == 0
    assert measured(attempt(metric="val/psnr", value=25.123)) == "val PSNR 25.12 dB"
    assert measured(attempt(metric="val/odd", value=0.5)) == "val/odd 0.5"
    assert measured(attempt(metric="val/psnr", value=None)) == measured(attempt()) == ""


@pytest.mark.parametrize("content", ["", "[]", "{", '{"sessions": 3}', "null"])
def test_a_damaged_note_is_begun_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / "sweep.json").write_text(content)
    request.note(ask(tmp_path), ["a"])
    assert [one["arguments"] for one in json.loads((tmp_path / "sweep.json").read_text())["sessions"]] == [["a"]]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe"])
def test_a_damaged_config_in_the_queue_is_written_anew(tmp_path: Path, content: bytes) -> None:
    (run,) = ask(tmp_path).planned
    queue.write(tmp_path, [run])
    queue.file(tmp_path, run.id).write_bytes(content)
    queue.write(tmp_path, [run])
    assert json.loads(queue.file(tmp_path, run.id).read_text()) == run.settings
