"""Ray: a real cluster on this machine, and what becomes of its tasks."""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster_runs import Silent, planned

import runs
from restorelab.errors import ConfigError
from restorelab.runs.ledger import Attempt, Ledger
from restorelab.sweep import queue
from restorelab.sweep.executors.executor import Job
from restorelab.sweep.executors.ray import Ray
from restorelab.sweep.scheduler import Scheduler


@pytest.fixture
def executor() -> Iterator[Ray]:
    pytest.importorskip("ray", reason="needs the extra 'ray'")
    made = Ray(workers=2)
    yield made
    made.close()


@pytest.mark.slow
def test_a_cluster_of_this_machine_does_a_sweep(tmp_path: Path, executor: Ray) -> None:
    folder = tmp_path / "sweep"
    found = [
        planned(folder, "good"),
        planned(folder, "killed"),
        planned(folder, "diverges", "optimizer.lr=1e30"),
        planned(folder, "ranks", "trainer.devices=2", "data.batch_size=4"),
    ]
    queue.write(folder, found)
    ledger = Ledger(folder / "ledger")
    killed: list[int] = []

    def kill() -> None:
        last = ledger.last("killed-s0")
        if not killed and last is not None and last.state == "running":
            os.kill(last.owner.pid, signal.SIGKILL)
            killed.append(last.owner.pid)

    states = Scheduler(folder, found, executor, Silent(kill), retries=1).run()
    assert states == {"good-s0": "done", "killed-s0": "done", "diverges-s0": "failed", "ranks-s0": "done"}
    attempts = ledger.attempts()
    assert {run: (last.number, last.state, last.status) for run, last in attempts.items()} == {
        "good-s0": (1, "done", 0), "killed-s0": (2, "done", 0), "diverges-s0": (1, "failed", 1),
        "ranks-s0": (1, "done", 0),
    }  # fmt: skip
    first = json.loads((folder / "ledger" / "killed-s0.1.json").read_text())
    assert first["state"] == "failed"
    assert first["reason"].startswith("Ray: ")
    assert len({last.owner.pid for last in attempts.values()}) == 4  # a fresh process each
    runs.run(tmp_path / "here", "max_steps=2")
    for file in ("metrics.csv", "per_image.csv"):
        assert (folder / "good-s0" / file).read_text() == (tmp_path / "here" / file).read_text()


@pytest.mark.slow
def test_a_run_is_killed_or_asked_to_stop(tmp_path: Path, executor: Ray) -> None:
    folder = tmp_path / "sweep"
    found = [planned(folder, name, "max_steps=null", "trainer.max_epochs=100000") for name in ("hangs", "stops")]
    queue.write(folder, found)
    for run in found:
        executor.start(Job(run.id, queue.file(folder, run.id)))
    assert not executor.room(Job("other", folder))
    ledger = Ledger(folder / "ledger")

    def trains(run: str) -> Attempt | None:
        last = ledger.last(run)
        return last if last is not None and last.progress.get("phase") == "training" else None

    deadline = time.monotonic() + 180
    while not all(trains(run.id) for run in found):
        assert time.monotonic() < deadline
        assert executor.ended(0.2) == []
    last = trains("stops-s0")
    assert last is not None
    ledger.ask_to_stop(last)
    executor.kill("hangs-s0")
    ended = []
    while len(ended) < 2 and time.monotonic() < deadline:
        ended += executor.ended(0.5)
    assert {one.id: one.status for one in ended} == {"hangs-s0": None, "stops-s0": 143}
    assert {run: last.state for run, last in ledger.attempts().items()} == {
        "hangs-s0": "interrupted", "stops-s0": "interrupted"
    }  # fmt: skip
    assert executor.room(Job("other", folder))


@pytest.mark.slow
def test_starting_a_cluster_leaves_this_process_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray", reason="needs the extra 'ray'")
    monkeypatch.setenv("RAY_ADDRESS", "ray://nowhere:1")  # null starts a cluster all the same
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    handler = signal.getsignal(signal.SIGTERM)
    executor = Ray(workers=3, devices=[1], num_cpus=2)
    try:
        assert signal.getsignal(signal.SIGTERM) is handler  # the sweep's own: it lets the runs save
        assert "CUDA_VISIBLE_DEVICES" not in os.environ
        assert (executor.workers, executor.threads) == (3, 2)
        assert ray.cluster_resources()["CPU"] >= 6
    finally:
        executor.close()
    assert not ray.is_initialized()


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'restorelab\[ray\]'"):
        Ray()
    with pytest.raises(ConfigError, match=r"devices=.*auto"):
        Ray(devices=[0], address="auto")


def test_where_no_cluster_is_to_be_found_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="needs the extra 'ray'")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))  # where a cluster that once was may have left its address
    with pytest.raises(ConfigError, match=r"executor\.address=auto"):
        Ray(address="auto")
