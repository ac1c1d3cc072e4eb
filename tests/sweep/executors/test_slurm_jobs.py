"""What becomes of a run in a SLURM job: it ends, fails, is warned, cancelled, or vanishes."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cluster_runs import Silent, jobs, options, planned
from lightning.fabric.plugins.environments import SLURMEnvironment

import fake_slurm
import runs
from restorelab.runs.ledger import Ledger, State
from restorelab.runs.process_id import Owner
from restorelab.sweep import queue, worker
from restorelab.sweep.executors import job_entry
from restorelab.sweep.executors.executor import Ended
from restorelab.sweep.executors.remote_jobs import RemoteJobs
from restorelab.sweep.executors.slurm import Slurm
from restorelab.sweep.planned import Planned
from restorelab.sweep.scheduler import Scheduler
from restorelab.training.interruption import Interrupted

pytest.importorskip("submitit", reason="needs the extra 'slurm'")


def sweep(folder: Path, executor: Slurm, *found: Planned, seen: Callable[[], None] = lambda: None) -> dict[str, State]:
    queue.write(folder, found)
    return Scheduler(folder, found, executor, Silent(seen), retries=1).run()


def test_a_job_whose_node_died_is_over_when_its_heart_has_stood_still(tmp_path: Path) -> None:
    (tmp_path / "queue").mkdir()
    ledger = Ledger(tmp_path / "ledger")
    first = ledger.claim("a")
    assert first is not None
    first.end("failed", 1, {}, "an earlier session's")
    afar = RemoteJobs()
    (job,) = jobs(tmp_path, "a")
    afar.begin(job)
    assert not afar.over("a")  # the earlier attempt is not this job's
    claim = ledger.claim("a")
    assert claim is not None
    ledger.write(replace(claim.attempt, owner=Owner("node7", "another machine", 7, "1")))
    assert afar._ledger is not None
    afar._ledger.patience = 0.3
    afar.gone("a", "SLURM: job 101_0 is NODE_FAIL")
    assert afar.settled() == []
    time.sleep(0.4)
    assert afar.settled() == [Ended("a", None)]
    last = ledger.last("a")
    assert last is not None
    assert (last.number, last.state, last.reason) == (2, "failed", "SLURM: job 101_0 is NODE_FAIL")
    assert afar.settled() == []


def test_a_job_that_left_before_its_run_began_says_nothing_of_earlier_attempts(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    claim = ledger.claim("a")
    assert claim is not None
    claim.end("failed", 3, {}, "an earlier session's")
    afar = RemoteJobs()
    afar.begin(*jobs(tmp_path, "a"))
    afar.gone("a", "SLURM: job 101_0 is BOOT_FAIL")
    assert afar.settled() == [Ended("a", None)]


def test_a_job_that_the_sweep_killed_did_not_fail(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    afar = RemoteJobs()
    afar.begin(*jobs(tmp_path, "a"))
    claim = ledger.claim("a")
    assert claim is not None
    ledger.write(replace(claim.attempt, owner=replace(Owner.me(), born="before")))  # a process that is gone
    afar.kill("a")
    afar.gone("a", "SLURM: job 101_0 is CANCELLED")
    assert afar.settled() == [Ended("a", None)]
    last = ledger.last("a")
    assert last is not None
    assert (last.state, last.reason) == ("interrupted", "stopped at once")


@pytest.fixture
def handlers() -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
def test_inside_a_job_a_run_is_no_rank_and_every_warning_is_a_sigterm(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[int] = []

    def execute(file: Path) -> int:
        assert not SLURMEnvironment.detect()  # Lightning would make a rank of it, and requeue the job
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            signal.raise_signal(number)
        raise Interrupted

    monkeypatch.setenv("SLURM_NTASKS", "1")
    monkeypatch.setenv("SLURM_JOB_NAME", "sweep")
    assert SLURMEnvironment.detect()
    signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    monkeypatch.setattr(worker, "execute", execute)
    assert job_entry.slurm("a.json", 1) == 143
    assert heard == [signal.SIGTERM] * 2


@pytest.mark.usefixtures("handlers")
def test_a_run_on_several_devices_gets_an_interpreter_and_argv_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda path, argv: started.append([path, *argv]))
    monkeypatch.setattr(worker, "execute", lambda file: 0)
    job_entry.slurm("a.json", 2)
    assert started == [[sys.executable, sys.executable, "-P", "-m", "restorelab.sweep.worker", "a.json"]]
    assert signal.getsignal(signal.SIGUSR2) == signal.SIG_IGN  # the new interpreter would die of it


@pytest.mark.slow
def test_a_cluster_does_a_sweep(tmp_path: Path, cluster: Path) -> None:
    folder = tmp_path / "sweep"
    found = [planned(folder, "good"), planned(folder, "also"), planned(folder, "diverges", "optimizer.lr=1e30")]
    states = sweep(folder, Slurm(workers=2), *found)
    assert states == {"good-s0": "done", "also-s0": "done", "diverges-s0": "failed"}
    assert len(fake_slurm.calls(cluster, "sbatch")) == 1
    assert options(cluster / "101.sh")["array"] == "0-2%2"
    ledger = Ledger(folder / "ledger")
    assert {run: (a.number, a.state, a.status) for run, a in ledger.attempts().items()} == {
        "good-s0": (1, "done", 0), "also-s0": (1, "done", 0), "diverges-s0": (1, "failed", 1)
    }  # fmt: skip
    assert json.loads((folder / "good-s0" / "result.json").read_text())["metrics"]
    assert "gaussian" in (folder / "good-s0" / "log.txt").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR2])
def test_a_run_that_slurm_warns_saves_and_is_submitted_again(
    tmp_path: Path, cluster: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(runs.__file__).parent))
    folder = tmp_path / "sweep"
    warn = f"+callbacks.fail={{_target_: runs.FailAt, batch: 9, how: '{number:d}'}}"
    run = planned(folder, "long", "max_steps=20", "trainer.checkpoint_every=null", warn)
    assert sweep(folder, Slurm(workers=1), run) == {run.id: "done"}
    first, last = (json.loads((folder / "ledger" / f"{run.id}.{n}.json").read_text()) for n in (1, 2))
    assert (first["state"], first["status"]) == ("interrupted", 143)
    assert "resume" in first["reason"]  # which says that there is something to resume from
    assert (last["state"], last["number"]) == ("done", 2)
    assert len(fake_slurm.calls(cluster, "sbatch")) == 2


@pytest.mark.slow
def test_jobs_on_this_machine_end_fail_and_are_repeated_when_killed(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    found = [planned(folder, "killed"), planned(folder, "diverges", "optimizer.lr=1e30")]
    ledger = Ledger(folder / "ledger")
    killed: list[int] = []

    def kill() -> None:
        last = ledger.last("killed-s0")
        if not killed and last is not None and last.state == "running":
            os.kill(last.owner.pid, signal.SIGKILL)
            killed.append(last.owner.pid)

    states = sweep(folder, Slurm(workers=2, cluster="local"), *found, seen=kill)
    assert states == {"killed-s0": "done", "diverges-s0": "failed"}
    assert killed
    first = json.loads((folder / "ledger" / "killed-s0.1.json").read_text())
    assert first["state"] == "failed"
    assert "gone" in first["reason"]
    last = ledger.last("killed-s0")
    assert last is not None
    assert (last.number, last.state) == (2, "done")
    assert list((folder / "slurm").glob("*/*_log.out"))
