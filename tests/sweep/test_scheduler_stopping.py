"""Sweeps that are stopped, run out of time, of disk or of room, and a cluster's queue."""

import os
import signal
import time
from pathlib import Path

import pytest
from scripted import Held, Script, Silent, planned

from restorelab.errors import ConfigError
from restorelab.runs.ledger import Attempt, Ledger
from restorelab.sweep import scheduler as scheduling
from restorelab.sweep.executors.executor import Ended, Job
from restorelab.sweep.scheduler import Scheduler


def test_a_run_over_its_time_is_stopped_and_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "GLANCE", 0.02)
    executor = Held(tmp_path, {})
    states = Scheduler(tmp_path, [planned(tmp_path, "a")], executor, Silent(), time_limit=0.1, retries=3).run()
    assert states == {"a-s0": "failed"}
    last = executor.ledger.last("a-s0")
    assert last is not None
    assert (last.state, last.reason) == ("failed", "time limit: it took longer than 0.1 s")
    assert executor.started == ["a-s0"]


def test_ctrl_c_lets_runs_save_starts_no_other_and_says_that_it_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "GLANCE", 0.02)
    executor, view = Held(tmp_path, {}), Silent()
    before = signal.getsignal(signal.SIGINT)  # a shell that starts the suite in the background has it ignored
    start = executor.start

    def and_stop(job: Job) -> None:
        start(job)
        os.kill(os.getpid(), signal.SIGINT)

    executor.start = and_stop  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        Scheduler(tmp_path, [planned(tmp_path, "a"), planned(tmp_path, "b")], executor, view).run()
    assert executor.started == ["a-s0"]
    assert view.said == [("a-s0", "interrupted")]
    assert executor.closed
    assert signal.getsignal(signal.SIGINT) is before


def test_a_full_disk_ends_runs_and_not_the_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executor, view = Script(tmp_path, {"a-s0": ["killed"]}), Silent()
    scheduler = Scheduler(tmp_path, [planned(tmp_path, "a"), planned(tmp_path, "b")], executor, view, retries=0)

    def full(attempt: Attempt) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scheduler.ledger, "write", full)
    assert scheduler.run() == {"a-s0": "failed", "b-s0": "done"}
    assert scheduler.reasons["a-s0"].startswith("killed by SIGKILL")
    assert scheduler.ledger.state(scheduler.ledger.last("a-s0")) == "lost"  # so a later session goes on with it


def test_a_temporary_file_does_not_stay_where_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(tmp_path)

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    claim = ledger.claim("a")
    assert claim is not None
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        claim.beat({})
    assert [file.name for file in tmp_path.iterdir()] == ["a.1.json"]


def test_waiting_in_a_clusters_queue_takes_none_of_a_runs_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "GLANCE", 0.02)
    monkeypatch.setattr(scheduling, "GRACE", 0.0)

    class Queue(Script):
        """Begins a job long after it was given it, does it at once, and ends it where it is killed."""

        def start(self, job: Job) -> None:
            super().start(job)
            self.given = time.monotonic()

        def ended(self, timeout: float) -> list[Ended]:
            time.sleep(0.01)
            return super().ended(timeout) if time.monotonic() - self.given > 0.4 else []

        def end(self, run: str, word: str) -> int | None:
            return super().end(run, "failed" if run in self.killed else word)

        def kill(self, job: str) -> None:
            self.killed.add(job)

        killed: set[str] = set()  # noqa: RUF012  (one test, one executor)

    executor = Queue(tmp_path, {})
    scheduler = Scheduler(tmp_path, [planned(tmp_path, "a")], executor, Silent(), time_limit=0.1, retries=0)
    assert scheduler.run() == {"a-s0": "done"}
    assert not executor.killed


def test_a_run_that_others_wait_for_and_that_is_stopped_twice_has_failed(tmp_path: Path) -> None:
    runs = [planned(tmp_path, "base"), planned(tmp_path, "late", ["base"])]
    executor = Script(tmp_path, {"base-s0": ["interrupted", "interrupted"]})
    states = Scheduler(tmp_path, runs, executor, Silent(), retries=1).run()
    assert states == {"base-s0": "failed", "late-s0": "failed"}
    assert executor.started == ["base-s0", "base-s0"]


def test_a_run_that_there_can_be_no_room_for_is_refused_before_any_has_started(tmp_path: Path) -> None:
    runs = [planned(tmp_path, "small"), planned(tmp_path, "large")]
    runs[1].settings["trainer"]["devices"] = 4
    executor = Script(tmp_path, {})
    room = executor.room

    def refusing(job: Job) -> bool:
        if job.devices > 2:
            raise ConfigError("no room")
        return room(job)

    executor.room = refusing  # type: ignore[method-assign]
    with pytest.raises(ConfigError, match="no room"):
        Scheduler(tmp_path, runs, executor, Silent()).run()
    assert executor.started == []


def test_a_disk_that_cannot_be_read_for_a_moment_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "GLANCE", 0.0)
    executor, broken = Script(tmp_path, {}), [True]
    last = Ledger.last

    def failing(ledger: Ledger, run: str) -> Attempt | None:
        if executor.started and broken:
            broken.pop()
            raise OSError(116, "Stale file handle")
        return last(ledger, run)

    runs = [planned(tmp_path, "a"), planned(tmp_path, "b")]
    sweep = Scheduler(tmp_path, runs, executor, Silent())
    executor.on_start = lambda run: monkeypatch.setattr(Ledger, "last", failing) if broken else None
    executor.ended, ended = (lambda timeout: [] if broken else ended(timeout)), executor.ended  # type: ignore[method-assign]
    assert set(sweep.run().values()) == {"done"}
    assert not broken
