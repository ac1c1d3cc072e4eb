"""What starts when, and what becomes of runs that fail: by an executor that ends its jobs as the test says."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from scripted import Held, Script, Silent, planned

from restorelab.runs.ledger import State
from restorelab.sweep import live
from restorelab.sweep import scheduler as scheduling
from restorelab.sweep.executors.executor import Ended, Job
from restorelab.sweep.planned import Planned
from restorelab.sweep.scheduler import Scheduler


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
    Scheduler(tmp_path, runs, Script(tmp_path, {}), live.LiveLines(len(runs))).run()
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


def test_a_job_that_never_began_is_not_judged_by_an_earlier_attempt(tmp_path: Path) -> None:
    swept(tmp_path, [planned(tmp_path, "a")], {"a-s0": ["diverged"]})  # which nobody would repeat
    states, executor, _ = swept(tmp_path, [planned(tmp_path, "a")], {"a-s0": ["unborn"]}, retries=1)
    assert states == {"a-s0": "done"}
    assert executor.started == ["a-s0", "a-s0"]


def test_without_a_search_nobody_is_asked_for_more(tmp_path: Path) -> None:
    executor = Script(tmp_path, {})
    room = executor.room

    def refusing(job: Job) -> bool:  # as SLURM does, which must know how many trials of a search run at a time
        assert job.id
        return room(job)

    executor.room = refusing  # type: ignore[method-assign]
    assert set(Scheduler(tmp_path, [planned(tmp_path, "a")], executor, Silent()).run().values()) == {"done"}


def test_a_result_that_was_cut_off_is_none(tmp_path: Path) -> None:
    (tmp_path / "a-s0").mkdir()
    (tmp_path / "a-s0" / "result.json").write_text("")
    states, executor, _ = swept(tmp_path, [planned(tmp_path, "a")], {})
    assert (states, executor.started) == ({"a-s0": "done"}, ["a-s0"])
