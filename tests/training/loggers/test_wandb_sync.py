"""Uploading offline runs, to a server on this machine that keeps what it is sent."""

import os
import re
import shutil
import time
from pathlib import Path

import pytest

from restorelab.errors import ConfigError, UserError
from restorelab.training.loggers import wandb_sync
from training.loggers import offline
from training.loggers.server import KEY, Server, serving


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one session, `a`, and one of two, `b`."""
    folder = tmp_path_factory.mktemp("made")
    offline.session(folder / "a")
    offline.session(folder / "b")
    offline.session(folder / "b", 3, resumed=True)
    return folder


def sessions(folder: Path) -> list[Path]:
    """The folders of a run's sessions, the oldest first."""
    return sorted(folder.glob("wandb/offline-run-*"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place to stand in, with a key."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def to(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", server.url)


@pytest.mark.slow
def test_sessions_of_a_resumed_run_become_one(
    made: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(made, "runs", symlinks=True)
    first, second = sessions(home / "runs" / "b")
    with serving() as server:
        to(server, monkeypatch)
        assert wandb_sync.run([]) == 0
        run_id = first.name.rpartition("-")[2]
        trained = [line["step"] for line in server.history[run_id] if "train/loss" in line]
        assert trained == [0, 1, 2, 3, 4, 5]  # the second session's lines follow the first's, and replace none
        assert len(server.runs) == 2
        assert server.runs[run_id]["groupName"] == "g"
        assert sum(name.startswith("media/images/") for name in server.files) == 3
        said = capsys.readouterr().out
        assert said.count(": uploaded, http://") == 3
        assert f"runs/b/wandb/{second.name}: uploaded" in said
        assert "3 of 3 runs uploaded" in said
        count = len(server.asked)
        assert wandb_sync.run([]) == 0
        assert len(server.asked) == count  # nothing is sent twice
        assert "all 3 runs are uploaded" in capsys.readouterr().out
    assert not (home / "wandb").exists()  # W&B's own logs do not litter the place


@pytest.mark.slow
def test_sessions_uploaded_on_two_days_become_one(made: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = sessions(made / "b")
    shutil.copytree(first, home / "run" / first.name)
    with serving() as server:
        to(server, monkeypatch)
        assert wandb_sync.run(["run"]) == 0
        shutil.copytree(second, home / "run" / second.name)
        assert wandb_sync.run(["run"]) == 0
        trained = [line["step"] for line in server.history[first.name.rpartition("-")[2]] if "train/loss" in line]
        assert trained == [0, 1, 2, 3, 4, 5]


@pytest.mark.slow
def test_refused_runs_stay_and_are_taken_by_the_next_call(
    made: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(made / "a", home / "runs" / "a", symlinks=True)
    (folder,) = sessions(home / "runs" / "a")
    with serving("fail") as server:
        to(server, monkeypatch)
        assert wandb_sync.run([]) == 1
    said = capsys.readouterr().out
    assert f"{folder.name}: not uploaded: " in said
    assert "0 of 1 run uploaded; call it again" in said
    with serving() as server:
        to(server, monkeypatch)
        assert wandb_sync.run([]) == 0
        assert len(server.history) == 1


@pytest.mark.parametrize("what", ["no key", "no network"])
@pytest.mark.slow
def test_without_key_or_network_nothing_changes(
    what: str, made: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(made / "a", home / "run", symlinks=True)
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # the discard port, where nobody listens
    if what == "no key":
        monkeypatch.delenv("WANDB_API_KEY")
    began = time.monotonic()
    with pytest.raises(UserError, match=what.replace("key", "API key")):
        wandb_sync.run(["run"])
    assert time.monotonic() - began < 20
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before


@pytest.mark.slow
def test_run_that_is_being_written_is_left_alone(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    process = offline.opened(home / "run")
    try:
        assert wandb_sync.run(["run"]) == 0  # no key and no server are asked for
        assert re.search(r"skipped, process \d+ is writing it", capsys.readouterr().out)
        monkeypatch.setattr(wandb_sync, "_open_files", dict)  # as it looks from another machine of a shared disk
        assert wandb_sync.run(["run"]) == 0
        assert re.search(r"skipped, it was written \d+ s ago and has no end", capsys.readouterr().out)
    finally:
        process.communicate("\n", timeout=60)
    monkeypatch.undo()
    assert wandb_sync.written(wandb_sync.find([home / "run"])) == {}  # it has its end now


@pytest.mark.slow
def test_killed_run_is_ready_after_a_while(home: Path) -> None:
    process = offline.opened(home / "run")
    process.kill()
    process.wait()
    (session,) = wandb_sync.find([home])
    deadline = time.monotonic() + 30
    while session.file in wandb_sync._open_files() and time.monotonic() < deadline:
        time.sleep(0.2)  # W&B's service notices, and goes too
    assert session.id in wandb_sync.written([session])
    os.utime(session.file, (time.time() - 2 * wandb_sync.QUIET,) * 2)
    assert wandb_sync.written([session]) == {}


def test_nothing_to_do_and_no_such_folder(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "runs").mkdir()
    assert wandb_sync.run([]) == 0
    assert "no offline W&B runs" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="no such folder"):
        wandb_sync.run(["nowhere"])
