"""What starts when, and what becomes of runs that fail: by an executor that ends its jobs as the test says."""

import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from restorelab.errors import ConfigError
from restorelab.runs.ledger import Attempt, Ledger, State
from restorelab.runs.process_id import Owner
from restorelab.sweep import live
from restorelab.sweep import scheduler as scheduling
from restorelab.sweep.executors.executor import Ended, Job
from restorelab.sweep.planned import Planned
from restorelab.sweep.scheduler import Scheduler
from restorelab.sweep.worker import TAKEN


class Script:
    """Ends each job, in order of starting, by what is written for its run: a word an attempt, `done` for the rest."""

    threads = None

    def __init__(self, folder: Path, words: dict[str, list[str]], workers: int = 1) -> None:
        self.folder, self.words, self.workers = folder, words, workers
        self.ledger = Ledger(folder / "ledger")
        self.started: list[str] = []
        self.running: list[str] = []
        self.most = 0
        self.closed = False
        self.on_start: Callable[[str], None] = lambda run: None

    def warm(self) -> None: ...

    def room(self, job: Job) -> bool:
        return len(self.running) < self.workers

    def start(self, job: Job) -> None:
        self.started.append(job.id)
        self.running.append(job.id)
        self.most = max(self.most, len(self.running))
        self.on_start(job.id)

    def ended(self, timeout: float) -> list[Ended]:
        if not self.running:
            time.sleep(min(timeout, 0.01))
            return []
        run = self.running.pop(0)
        left = self.words.get(run, [])
        return [Ended(run, self.end(run, left.pop(0) if left else "done"))]

    def end(self, run: str, word: str) -> int | None:
        if word == "taken":
            claim = self.ledger.claim(run)
            assert claim is not None
            self.ledger.write(replace(claim.attempt, owner=Owner("far", "elsewhere", 1, "1")))
            return TAKEN
        if word == "unborn":
            return None
        claim = self.ledger.claim(run)
        assert claim is not None
        if word == "killed":
            self.ledger.write(replace(claim.attempt, owner=replace(Owner.me(), born="before")))
            return -signal.SIGKILL
        if word == "done":
            (self.folder / run).mkdir(exist_ok=True)
            (self.folder / run / "result.json").write_text("{}")
        state: State = word if word in ("done", "interrupted") else "failed"  # type: ignore[assignment]
        claim.end(state, 0, {}, word, repeats=word == "diverged")
        return 0 if word == "done" else 1

    def kill(self, job: str) -> None: ...

    def close(self) -> None:
        self.closed = True


class Silent:
    """A view that remembers."""

    def __init__(self) -> None:
        self.said: list[tuple[str, State]] = []
        self.attempts: list[Attempt | None] = []

    def had(self, run: Planned) -> None: ...

    def began(self, run: Planned, attempt: int) -> None: ...

    def ended(self, run: Planned, state: State, attempt: Attempt | None) -> None:
        self.said.append((run.id, state))
        self.attempts.append(attempt)

    def show(self, running: dict[str, Attempt | None], states: dict[str, State], left: int) -> None: ...


def planned(folder: Path, name: str, waits_for: Sequence[str] = (), seed: int = 0) -> Planned:
    settings: dict[str, Any] = {"run_dir": str(folder / f"{name}-s{seed}"), "trainer": {"devices": 1}}
    return Planned(name, seed, settings, tuple(waits_for))


def swept(
    folder: Path, runs: Sequence[Planned], words: dict[str, list[str]], workers: int = 1, **more: Any
) -> tuple[dict[str, State], Script, Silent]:
    executor, view = Script(folder, words, workers), Silent()
    return Scheduler(folder, runs, executor, view, **more).run(), executor, view


def test_all_runs_are_done_in_order_with_as_many_at_a_time_as_there_is_room_for(tmp_path: Path) -> None:
    runs = [planned(tmp_path, name) for name in "abcde"]
    states, executor, _ = swept(tmp_path, runs, {}, workers=2)
    assert states == dict.fromkeys([f"{name}-s0" for name in "abcde"], "done")
    assert executor.started == [f"{name}-s0" for name in "abcde"]
    assert executor.most == 2
    assert executor.closed


def test_what_has_a_result_is_not_done_again(tmp_path: Path) -> None:
    runs = [planned(tmp_path, name) for name in "ab"]
    swept(tmp_path, runs[:1], {})
    states, executor, view = swept(tmp_path, runs, {})
    assert executor.started == ["b-s0"]
    assert states["a-s0"] == "done"
    assert view.said == [("b-s0", "done")]


def test_progress_counts_what_earlier_sessions_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [planned(tmp_path, name) for name in "abc"]
    swept(tmp_path, runs[:2], {})
    Scheduler(tmp_path, runs, Script(tmp_path, {}), live.Lines(len(runs))).run()
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["[2/3]", "[3/3]"]


def test_a_failed_run_is_tried_again_at_the_end_and_takes_no_other_with_it(tmp_path: Path) -> None:
    runs = [planned(tmp_path, name) for name in "abc"]
    states, executor, _ = swept(tmp_path, runs, {"a-s0": ["out of memory"]}, retries=1)
    assert executor.started == ["a-s0", "b-s0", "c-s0", "a-s0"]
    assert set(states.values()) == {"done"}
    states, executor, view = swept(tmp_path, [planned(tmp_path, "d")], {"d-s0": ["x", "y", "z"]}, retries=1)
    assert executor.started == ["d-s0", "d-s0"]
    assert states == {"d-s0": "failed"}
    assert [attempt.reason for attempt in view.attempts if attempt] == ["x", "y"]


def test_a_run_that_would_fail_the_same_way_is_not_tried_again_until_somebody_asks(tmp_path: Path) -> None:
    runs = [planned(tmp_path, "a")]
    states, executor, _ = swept(tmp_path, runs, {"a-s0": ["diverged"]}, retries=3)
    assert (states, executor.started) == ({"a-s0": "failed"}, ["a-s0"])
    states, executor, _ = swept(tmp_path, runs, {})
    assert (states, executor.started) == ({"a-s0": "done"}, ["a-s0"])


def test_a_killed_run_is_marked_with_the_signal_and_tried_again(tmp_path: Path) -> None:
    states, _executor, view = swept(tmp_path, [planned(tmp_path, "a")], {"a-s0": ["killed"]})
    assert states == {"a-s0": "done"}
    first = json.loads((tmp_path / "ledger" / "a-s0.1.json").read_text())
    assert (first["state"], "SIGKILL" in first["reason"], "memory" in first["reason"]) == ("failed", True, True)
    assert [state for _, state in view.said] == ["failed", "done"]


def test_a_process_that_died_before_it_could_claim_its_run_is_started_again(tmp_path: Path) -> None:
    states, _executor, _ = swept(tmp_path, [planned(tmp_path, "a")], {"a-s0": ["unborn"]})
    assert states == {"a-s0": "done"}
    states, _executor, _ = swept(tmp_path, [planned(tmp_path, "b")], {"b-s0": ["unborn"]}, retries=0)
    assert states == {"b-s0": "failed"}


def test_runs_wait_for_the_weights_they_need_and_are_left_out_without_them(tmp_path: Path) -> None:
    runs = [planned(tmp_path, "late", ["base"]), planned(tmp_path, "base"), planned(tmp_path, "bad"),
            planned(tmp_path, "after", ["bad"]), planned(tmp_path, "late", ["base"], seed=1),
            planned(tmp_path, "base", seed=1)]  # fmt: skip
    states, executor, _ = swept(tmp_path, runs, {"bad-s0": ["no"], "base-s1": ["no"]}, retries=0)
    assert executor.started.index("base-s0") < executor.started.index("late-s0")
    assert states == {"late-s0": "done", "base-s0": "done", "bad-s0": "failed", "after-s0": "failed",
                      "late-s1": "failed", "base-s1": "failed"}  # fmt: skip
    assert "after-s0" not in executor.started


def test_a_run_that_another_sweep_has_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "GLANCE", 0.02)
    ledger = Ledger(tmp_path / "ledger")
    other = ledger.claim("a-s0")
    assert other is not None
    executor = Script(tmp_path, {})

    def finish(run: str) -> None:
        assert run == "b-s0"
        (tmp_path / "a-s0").mkdir()
        (tmp_path / "a-s0" / "result.json").write_text("{}")

    executor.on_start = finish
    states = Scheduler(tmp_path, [planned(tmp_path, "a"), planned(tmp_path, "b")], executor, Silent()).run()
    assert executor.started == ["b-s0"]
    assert states == {"a-s0": "done", "b-s0": "done"}


def test_a_run_that_another_sweep_loses_is_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "GLANCE", 0.02)
    ledger = Ledger(tmp_path / "ledger")
    other = ledger.claim("a-s0")
    assert other is not None
    executor = Script(tmp_path, {})
    executor.on_start = lambda run: ledger.write(replace(other.attempt, owner=replace(Owner.me(), born="before")))
    states = Scheduler(tmp_path, [planned(tmp_path, "a"), planned(tmp_path, "b")], executor, Silent()).run()
    assert executor.started == ["b-s0", "a-s0"]
    assert set(states.values()) == {"done"}


@pytest.mark.parametrize("state", ["pruned", "failed"])
def test_what_another_sweep_has_ended_for_good_is_not_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: State
) -> None:
    monkeypatch.setattr(scheduling, "GLANCE", 0.02)
    ledger = Ledger(tmp_path / "ledger")
    other = ledger.claim("a-s0")
    assert other is not None
    executor = Script(tmp_path, {})
    executor.on_start = lambda run: other.end(state, 1, {}, "hopeless", repeats=True)
    states = Scheduler(tmp_path, [planned(tmp_path, "a"), planned(tmp_path, "b")], executor, Silent()).run()
    assert executor.started == ["b-s0"]
    assert states == {"a-s0": state, "b-s0": "done"}


def test_a_run_that_is_snatched_away_at_the_last_moment_costs_no_retry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "GLANCE", 0.02)
    executor, view = Script(tmp_path, {"a-s0": ["taken"]}), Silent()
    scheduler = Scheduler(tmp_path, [planned(tmp_path, "a")], executor, view, retries=0)
    scheduler.ledger.patience = 0.1
    assert scheduler.run() == {"a-s0": "done"}  # the machine that took it is never heard of again
    assert executor.started == ["a-s0", "a-s0"]


class Held(Script):
    """Jobs that run until they are told to stop."""

    def ended(self, timeout: float) -> list[Ended]:
        time.sleep(0.01)
        found = []
        for run in list(self.running):
            attempt = self.ledger.last(run)
            assert attempt is not None
            if self.ledger.asked_to_stop(attempt):
                self.running.remove(run)
                self.ledger.write(replace(attempt, state="interrupted", status=143))
                found.append(Ended(run, 143))
        return found

    def start(self, job: Job) -> None:
        super().start(job)
        assert self.ledger.claim(job.id) is not None


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


class Three:
    """A source of three runs, the second of which is hopeless."""

    def __init__(self, folder: Path) -> None:
        self.left = [planned(folder, name) for name in ("x", "y", "x")]
        self.told: list[tuple[str, State]] = []

    def ask(self) -> Planned | None:
        return self.left.pop(0) if self.left else None

    def prune(self, run: Planned) -> bool:
        return run.name == "y"

    def tell(self, run: Planned, state: State) -> None:
        self.told.append((run.id, state))


def test_a_source_is_asked_until_it_has_no_more_and_told_how_each_run_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "GLANCE", 0.02)
    source = Three(tmp_path)

    class Half(Held):
        def ended(self, timeout: float) -> list[Ended]:
            if self.running == ["x-s0"]:
                self.running.clear()
                (tmp_path / "x-s0").mkdir()
                (tmp_path / "x-s0" / "result.json").write_text("{}")
                return [Ended("x-s0", 0)]
            return super().ended(timeout)

    executor = Half(tmp_path, {})
    states = Scheduler(tmp_path, [], executor, Silent(), source=source).run()
    assert states == {"x-s0": "done", "y-s0": "pruned"}
    assert executor.started == ["x-s0", "y-s0"]  # the third has the values of the first, whose result answers
    assert source.told == [("x-s0", "done"), ("y-s0", "pruned"), ("x-s0", "done")]
    assert json.loads((tmp_path / "queue" / "y-s0.json").read_text())["run_dir"].endswith("y-s0")


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


def test_a_job_that_never_began_is_not_judged_by_an_earlier_attempt(tmp_path: Path) -> None:
    swept(tmp_path, [planned(tmp_path, "a")], {"a-s0": ["diverged"]})  # which nobody would repeat
    states, executor, _ = swept(tmp_path, [planned(tmp_path, "a")], {"a-s0": ["unborn"]}, retries=1)
    assert states == {"a-s0": "done"}
    assert executor.started == ["a-s0", "a-s0"]


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


def test_without_a_search_nobody_is_asked_for_more(tmp_path: Path) -> None:
    executor = Script(tmp_path, {})
    room = executor.room

    def refusing(job: Job) -> bool:  # as SLURM does, which must know how many trials of a search run at a time
        assert job.id
        return room(job)

    executor.room = refusing  # type: ignore[method-assign]
    assert set(Scheduler(tmp_path, [planned(tmp_path, "a")], executor, Silent()).run().values()) == {"done"}


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


def test_a_result_that_was_cut_off_is_none(tmp_path: Path) -> None:
    (tmp_path / "a-s0").mkdir()
    (tmp_path / "a-s0" / "result.json").write_text("")
    states, executor, _ = swept(tmp_path, [planned(tmp_path, "a")], {})
    assert (states, executor.started) == ({"a-s0": "done"}, ["a-s0"])
