"""The ledger: who may do a run, and what becomes of one whose process is gone."""

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from restorelab.runs import ledger as ledgers
from restorelab.runs.ledger import Attempt, Ledger
from restorelab.runs.process_id import Owner


def gone() -> Owner:
    """A process of this machine that has ended."""
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    return replace(Owner.me(), pid=process.pid)


def foreign() -> Owner:
    """A process of a machine that cannot be asked."""
    return Owner("far", "another machine", 7, "123")


def began(ledger: Ledger, run: str, owner: Owner) -> Attempt:
    """An attempt that another process seems to have begun."""
    claim = ledger.claim(run)
    assert claim is not None
    attempt = replace(claim.attempt, owner=owner)
    ledger.write(attempt)
    return attempt


def test_a_run_without_an_attempt_is_queued_and_can_be_claimed_once(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    assert ledger.state(ledger.last("a.b-s0")) == "queued"
    claim = ledger.claim("a.b-s0")
    assert claim is not None
    assert (claim.attempt.number, claim.attempt.owner.pid) == (1, os.getpid())
    assert ledger.claim("a.b-s0") is None
    assert ledger.state(ledger.last("a.b-s0")) == "running"
    assert ledger.claim("a.b") is not None  # a name that another one begins with


def test_what_ends_is_told_with_its_reason_and_can_be_begun_again(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    claim = ledger.claim("a")
    assert claim is not None
    claim.beat({"step": 3, "value": float("nan")})
    claim.end("failed", 1, {"step": 5}, "the loss is not finite", repeats=True)
    last = ledger.last("a")
    assert last is not None
    assert (last.state, last.status, last.reason, last.repeats) == ("failed", 1, "the loss is not finite", True)
    assert last.progress == {"step": 5}
    assert last.ended is not None
    assert 0 <= last.seconds < 10
    again = ledger.claim("a")
    assert again is not None
    assert again.attempt.number == 2
    assert ledger.superseded(claim.attempt)
    assert not ledger.superseded(again.attempt)


def _race(folder: str, runs: int) -> list[str]:
    ledger = Ledger(Path(folder))
    return [f"run{i}" for i in range(runs) if ledger.claim(f"run{i}") is not None]


def test_of_many_processes_exactly_one_gets_each_run(tmp_path: Path) -> None:
    runs = 60
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    with ProcessPoolExecutor(4, mp_context=context) as pool:
        won = [name for names in pool.map(_race, [str(tmp_path)] * 4, [runs] * 4) for name in names]
    # The four processes live until the pool closes, so no claim can have been taken for lost.
    assert Counter(won) == {f"run{i}": 1 for i in range(runs)}
    assert not list(tmp_path.glob(".*"))


def _take(folder: str, number: int) -> bool:
    return Ledger(Path(folder)).claim("lost") is not None


def test_of_many_that_find_a_lost_run_exactly_one_takes_it(tmp_path: Path) -> None:
    began(Ledger(tmp_path), "lost", gone())
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    with ProcessPoolExecutor(4, mp_context=context) as pool:
        assert sum(pool.map(_take, [str(tmp_path)] * 4, range(4))) == 1


def test_a_dead_process_of_this_machine_loses_its_run_at_once(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, patience=1e9)
    attempt = began(ledger, "a", gone())
    assert ledger.state(attempt) == "lost"
    assert ledger.attempts()["a"] == attempt


def test_a_killed_process_that_nobody_has_waited_for_counts_as_gone(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    owner = replace(Owner.me(), pid=process.pid, born=Path(f"/proc/{process.pid}/stat").read_text().split()[21])
    ledger = Ledger(tmp_path)
    attempt = began(ledger, "a", owner)
    assert ledger.state(attempt) == "running"
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and still a zombie
    assert ledger.state(attempt) == "lost"
    process.wait()


def test_a_later_process_of_the_same_number_is_not_the_owner(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    assert ledger.state(began(ledger, "a", Owner.me())) == "running"
    assert ledger.state(began(ledger, "b", replace(Owner.me(), born="1"))) == "lost"


def test_another_machines_run_is_lost_when_its_heart_stands_still_by_our_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(ledgers.time, "monotonic", lambda: now[0])
    ledger = Ledger(tmp_path, patience=90)
    attempt = began(ledger, "a", foreign())
    ledger.write(replace(attempt, began=time.time() - 1e6))  # its clock may say what it likes
    assert ledger.state(ledger.last("a")) == "running"
    now[0] += 89
    assert ledger.state(ledger.last("a")) == "running"
    ledger.write(replace(attempt, beats=1))
    now[0] += 89
    assert ledger.state(ledger.last("a")) == "running"  # it has beaten since
    now[0] += 89
    assert ledger.state(ledger.last("a")) == "running"
    now[0] += 2
    assert ledger.state(ledger.last("a")) == "lost"
    assert ledger.claim("a") is not None


def test_a_file_that_lost_its_content_is_a_lost_attempt(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    assert ledger.claim("a") is not None
    (tmp_path / "a.1.json").write_text('{"id": "a", "numb')
    assert ledger.attempts()["a"].state == "lost"
    again = ledger.claim("a")
    assert again is not None
    assert again.attempt.number == 2


def test_word_to_stop_is_for_one_attempt(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    attempt = began(ledger, "a", gone())
    assert not ledger.asked_to_stop(attempt)
    ledger.ask_to_stop(attempt)
    assert ledger.asked_to_stop(attempt)
    again = ledger.claim("a")
    assert again is not None
    assert not ledger.asked_to_stop(again.attempt)
    assert set(ledger.attempts()) == {"a"}


def test_settling_speaks_for_a_process_that_cannot(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    attempt = began(ledger, "a", gone())
    ledger.settle(attempt, "failed", "killed by SIGKILL")
    last = ledger.last("a")
    assert last is not None
    assert (last.state, last.reason, last.number) == ("failed", "killed by SIGKILL", 1)


def test_ten_thousand_runs_are_listed_in_two_seconds(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    text = None
    for i in range(10_000):
        if text is None:
            assert ledger.claim("run0") is not None
            text = (tmp_path / "run0.1.json").read_text()
        else:
            (tmp_path / f"run{i}.1.json").write_text(text.replace("run0", f"run{i}"))
    began = time.process_time()
    found = ledger.attempts()
    seconds = time.process_time() - began
    assert len(found) == 10_000
    assert found["run77"].id == "run77"
    assert seconds < 2


def test_counting_is_in_the_order_of_a_runs_life() -> None:
    assert list(ledgers.count(["failed", "queued", "done", "done"]).items()) == [
        ("done", 2),
        ("queued", 1),
        ("failed", 1),
    ]


@pytest.mark.parametrize("content", [b"{}", b"null", b"[]", b"\xff", b'{"owner": 3}'])
def test_a_damaged_attempt_is_a_lost_one(tmp_path: Path, content: bytes) -> None:
    ledger = Ledger(tmp_path)
    assert ledger.claim("a") is not None
    (tmp_path / "a.1.json").write_bytes(content)
    last = ledger.last("a")
    assert last is not None
    assert (last.state, last.number) == ("lost", 1)
    claim = ledger.claim("a")
    assert claim is not None
    assert claim.attempt.number == 2


def test_a_file_that_another_machine_replaces_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, read, stale = Ledger(tmp_path), Path.read_text, [True, True]

    def slow(path: Path, *rest: Any) -> str:
        if stale:
            stale.pop()
            raise OSError(errno.ESTALE, "Stale file handle")
        return read(path, *rest)

    assert ledger.claim("a") is not None
    monkeypatch.setattr(Path, "read_text", slow)
    last = ledger.last("a")
    assert last is not None
    assert last.state == "running"


def test_a_link_that_was_made_and_refused_is_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def repeated(*paths: Any) -> None:
        link(*paths)
        raise FileExistsError

    monkeypatch.setattr(os, "link", repeated)
    assert Ledger(tmp_path).claim("a") is not None
    assert Ledger(tmp_path).claim("a") is None
