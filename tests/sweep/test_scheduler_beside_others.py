"""Runs that another sweep has: waited for, taken over, or left."""

from dataclasses import replace
from pathlib import Path

import pytest
from scripted import Script, Silent, planned

from restorelab.runs.ledger import Ledger, State
from restorelab.runs.process_id import Owner
from restorelab.sweep import scheduler as scheduling
from restorelab.sweep.scheduler import Scheduler


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
