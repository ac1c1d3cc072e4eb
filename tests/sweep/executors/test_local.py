"""Real runs in real processes of this machine: forked, killed, stopped, cut off, gone on with."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import runs
from restorelab.config import composition
from restorelab.errors import ConfigError
from restorelab.runs.ledger import Attempt, Ledger, State
from restorelab.sweep import queue, worker
from restorelab.sweep.executors.executor import Job
from restorelab.sweep.executors.local import Local, _Running
from restorelab.sweep.live import LiveLines
from restorelab.sweep.planned import Planned
from restorelab.sweep.scheduler import Scheduler

LONG = ("trainer.max_epochs=400", "trainer.checkpoint_every=0.2")
"""Longer than any test waits for."""


def planned(folder: Path, name: str, *more: str) -> Planned:
    settings = composition.compose([*runs.TINY, "logger=csv", "trainer.bar=false", "threads=1", *more])
    settings |= {"run_dir": str(folder / name), "name": name}
    return Planned(name, 0, settings)


def sweep(folder: Path, *planned: Planned, workers: int = 1, **more: Any) -> dict[str, State]:
    queue.write(folder, planned)
    return Scheduler(folder, planned, Local(workers), LiveLines(len(planned)), **more).run()


def when(condition: Callable[[], Any], act: Callable[[], Any]) -> threading.Thread:
    """Act from beside as soon as something is so."""

    def wait() -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if condition():
                act()
                return
            time.sleep(0.02)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def training(ledger: Ledger, run: str, steps: int = 1) -> Attempt | None:
    """The attempt at a run, once it has made steps."""
    attempt = ledger.last(run)
    far = attempt is not None and attempt.state == "running" and attempt.progress.get("step", 0) >= steps
    return attempt if far else None


@pytest.mark.slow
def test_runs_fail_alone_and_leave_their_output_in_their_folders(tmp_path: Path) -> None:
    good, bad = planned(tmp_path, "good"), planned(tmp_path, "bad", "optimizer.lr=1e30")
    states = sweep(tmp_path, bad, good, workers=2, retries=2)
    assert states == {"bad": "failed", "good": "done"}
    last = Ledger(tmp_path / "ledger").last("bad")
    assert last is not None
    assert (last.number, last.repeats) == (1, True)  # it would diverge again
    assert "the loss is not finite" in last.reason
    assert "the loss is not finite" in (tmp_path / "bad" / "log.txt").read_text()
    assert "PSNR" in (tmp_path / "good" / "log.txt").read_text()
    done = Ledger(tmp_path / "ledger").last("good")
    assert done is not None
    assert (done.state, done.status, done.progress["phase"]) == ("done", 0, "writing")
    assert done.progress["metric"] == "val/psnr"


def test_each_run_has_a_process_of_its_own(tmp_path: Path) -> None:
    sweep(tmp_path, planned(tmp_path, "a"), planned(tmp_path, "b"))
    owners = [attempt.owner for attempt in Ledger(tmp_path / "ledger").attempts().values()]
    assert len({owner.pid for owner in owners} | {os.getpid()}) == 3


def test_a_killed_run_goes_on_from_its_checkpoint_and_ends_as_if_nothing_had_been(tmp_path: Path) -> None:
    more = ("trainer.max_epochs=12", "trainer.checkpoint_every=0.05")
    calm, wild = planned(tmp_path / "calm", "a", *more), planned(tmp_path / "wild", "a", *more)
    ledger = Ledger(tmp_path / "wild" / "ledger")
    last = tmp_path / "wild" / "a" / "checkpoints" / "last.ckpt"

    def kill() -> None:
        attempt = ledger.last("a")
        assert attempt is not None
        os.kill(attempt.owner.pid, signal.SIGKILL)

    thread = when(last.is_file, kill)
    assert sweep(tmp_path / "calm", calm) == {"a": "done"}
    assert sweep(tmp_path / "wild", wild) == {"a": "done"}
    thread.join()
    assert json.loads((ledger.folder / "a.1.json").read_text())["reason"].startswith("killed by SIGKILL")
    for file in ("metrics.csv", "per_image.csv"):
        assert (tmp_path / "calm" / "a" / file).read_text() == (tmp_path / "wild" / "a" / file).read_text()


@pytest.mark.slow
def test_two_sweeps_over_one_folder_do_no_run_twice(tmp_path: Path) -> None:
    names = [f"r{i}" for i in range(4)]
    script = (
        "import sys, test_local as t; from pathlib import Path\n"
        "if __name__ == '__main__':\n"
        f"    folder = Path({str(tmp_path)!r})\n"
        f"    print(t.sweep(folder, *[t.planned(folder, name) for name in {names}]))\n"
    )
    (tmp_path / "one.py").write_text(script)
    path = {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[2])])}
    command = [sys.executable, str(tmp_path / "one.py")]
    both = [subprocess.Popen(command, env={**os.environ, **path}, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert said == [f"{dict.fromkeys(names, 'done')}\n"] * 2
    assert len(list((tmp_path / "ledger").glob("*.json"))) == len(names)  # one attempt each


@pytest.mark.slow
def test_an_orphan_saves_and_ends(tmp_path: Path) -> None:
    run = planned(tmp_path, "a", *LONG)
    queue.write(tmp_path, [run])
    script = (
        "import sys, time; from pathlib import Path; from restorelab.sweep.executors.local import Local\n"
        "from restorelab.sweep.executors.executor import Job\n"
        "if __name__ == '__main__':\n"
        f"    local = Local(1); local.start(Job('a', Path({str(queue.file(tmp_path, 'a'))!r}))); time.sleep(600)\n"
    )
    (tmp_path / "parent.py").write_text(script)
    process = subprocess.Popen([sys.executable, str(tmp_path / "parent.py")])
    ledger = Ledger(tmp_path / "ledger")
    _until(lambda: training(ledger, "a"))
    process.kill()
    process.wait()
    _until(lambda: ledger.last("a").state == "interrupted")  # type: ignore[union-attr]
    assert (tmp_path / "a" / "checkpoints" / "last.ckpt").is_file()
    owner = ledger.last("a").owner  # type: ignore[union-attr]
    _until(lambda: not owner.alive())


@pytest.mark.slow
def test_a_run_outlives_its_fork_server_and_later_runs_get_another(tmp_path: Path) -> None:
    first = planned(tmp_path, "first", "trainer.max_epochs=30")
    second = planned(tmp_path, "second")
    ledger = Ledger(tmp_path / "ledger")

    def kill_the_server() -> None:
        attempt = ledger.last("first")
        assert attempt is not None
        parent = int(Path(f"/proc/{attempt.owner.pid}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(parent, signal.SIGKILL)

    thread = when(lambda: training(ledger, "first"), kill_the_server)
    assert sweep(tmp_path, first, second, retries=0) == {"first": "done", "second": "done"}
    thread.join()
    assert [attempt.number for attempt in ledger.attempts().values()] == [1, 1]


@pytest.mark.slow
def test_a_run_over_its_time_saves_and_has_failed_and_goes_on_another_time(tmp_path: Path) -> None:
    run = planned(tmp_path, "a", *LONG)
    assert sweep(tmp_path, run, time_limit=2.0) == {"a": "failed"}
    last = Ledger(tmp_path / "ledger").last("a")
    assert last is not None
    assert last.reason.startswith("time limit")
    assert (tmp_path / "a" / "checkpoints" / "last.ckpt").is_file()


@pytest.mark.slow
def test_a_worker_whose_run_was_given_to_another_ends_at_once(tmp_path: Path) -> None:
    run = planned(tmp_path, "a", *LONG)
    queue.write(tmp_path, [run])
    command = [sys.executable, "-m", "restorelab.sweep.worker", str(queue.file(tmp_path, "a"))]
    process = subprocess.Popen(command)
    ledger = Ledger(tmp_path / "ledger")
    attempt = _until(lambda: training(ledger, "a"))
    first = (ledger.folder / "a.1.json").read_text()
    (ledger.folder / "a.2.json").write_text(first.replace('"number": 1', '"number": 2'))
    assert process.wait(timeout=30) == -signal.SIGKILL
    assert attempt.number == 1


def test_a_worker_leaves_a_run_that_another_has(tmp_path: Path) -> None:
    run = planned(tmp_path, "a")
    queue.write(tmp_path, [run])
    assert Ledger(tmp_path / "ledger").claim("a") is not None
    command = [sys.executable, "-m", "restorelab.sweep.worker", str(queue.file(tmp_path, "a"))]
    assert subprocess.run(command, check=False, timeout=60).returncode == worker.TAKEN
    assert not (tmp_path / "a").exists()


def test_gpus_are_given_out_several_runs_to_one_and_whole_ones_to_distributed_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("restorelab.sweep.executors.local._gpus", lambda: ["0", "1", "3"])
    local = Local(devices=[0, 3], per_device=2)
    assert local.workers == 4
    assert local.slots == ["0", "3", "0", "3"]
    job = Job("a", tmp_path)
    assert local._choose(job) == ["0"]
    assert local._choose(Job("b", tmp_path, devices=2)) == ["0", "3", "0", "3"]
    local._running["a"] = _Running(job, subprocess.Popen(["true"]), ["0"])
    local.slots.remove("0")
    assert local._choose(Job("b", tmp_path, devices=2)) is None
    with pytest.raises(ConfigError, match="devices=3: this sweep has 2 GPUs"):
        local.room(Job("c", tmp_path, devices=3))
    assert Local(workers=3, devices=[0, 3], per_device=2).slots == ["0", "3", "0"]
    assert Local(workers=8).workers == 3  # no more than there is room for
    with pytest.raises(ConfigError, match="devices=7: there is no such GPU; visible: 0, 1, 3"):
        Local(devices=[0, 7])


def test_a_run_goes_to_the_gpu_that_has_the_least_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restorelab.sweep.executors.local._gpus", lambda: ["0", "1"])
    local = Local(per_device=2)
    local._running["a"] = _Running(Job("a", tmp_path), subprocess.Popen(["true"]), ["0"])
    local.slots = ["0", "1", "1"]  # as they stand after a run on the second GPU has ended
    assert local._choose(Job("b", tmp_path)) == ["1"]


def test_without_gpus_runs_share_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restorelab.sweep.executors.local._gpus", list)
    cpu = Local(workers=2)
    assert cpu.slots == [None, None]
    assert cpu.threads == max(1, composition.available_threads() // 2)
    assert Local().threads is None


@pytest.mark.slow
@pytest.mark.slow
def test_a_sweep_that_is_killed_leaves_no_folder_of_its_socket(tmp_path: Path) -> None:
    program = (
        "import os, signal; from multiprocessing import util; from restorelab.sweep.executors.local import Local; "
        "Local().warm(); print(util.get_temp_dir(), flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", program]
    killed = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    folder = Path(killed.stdout.strip())
    assert folder.parent == tmp_path
    _until(lambda: not folder.exists())


def test_a_worker_whose_run_was_given_away_while_it_stood_still_writes_nothing(
    tmp_path: Path,
) -> None:
    program = (
        "import pathlib, sys, time; from restorelab.sweep import worker; from restorelab.runs.ledger import Ledger; "
        "from restorelab.training.run_status import RunStatus; folder = pathlib.Path(sys.argv[1]); "
        "claim = Ledger(folder).claim('a'); (folder / 'a.2.json').write_text('another has it'); "
        "heart = worker._Heart(claim, RunStatus(), lambda: False); heart.start(); time.sleep(20)"
    )
    assert subprocess.run([sys.executable, "-c", program, tmp_path], check=False).returncode == -signal.SIGKILL
    assert json.loads((tmp_path / "a.1.json").read_text())["beats"] == 0


def test_the_child_sees_its_gpu_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restorelab.sweep.executors.local._gpus", lambda: ["4", "5"])
    run = planned(tmp_path, "a", "trainer.accelerator=cpu")
    queue.write(tmp_path, [run])
    local = Local(devices=[5])
    local.start(Job("a", queue.file(tmp_path, "a")))
    while not local.ended(0.5):
        pass
    assert "CUDA_VISIBLE_DEVICES=5" in (tmp_path / "a" / "log.txt").read_text()
    assert local.slots == ["5"]


def _until(condition: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it never came to that")
