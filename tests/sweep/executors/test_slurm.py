"""SLURM: what is submitted to a cluster, and what becomes of runs that end, fail, are cancelled, or vanish there."""

import re
import sys
import time
from pathlib import Path

import pytest
from cluster_runs import jobs, options

import fake_slurm
from restorelab.errors import ConfigError
from restorelab.sweep.executors import slurm as module
from restorelab.sweep.executors.executor import Ended, Job
from restorelab.sweep.executors.slurm import Slurm

pytest.importorskip("submitit", reason="needs the extra 'slurm'")


def test_many_runs_are_one_array_with_what_was_asked_for(tmp_path: Path, cluster: Path) -> None:
    (cluster / "hold").touch()
    executor = Slurm(
        workers=2, partition="gpu", account="lab", qos="low", constraint="a100", time="1-02:00:30", cpus_per_task=6,
        mem_gb=24, setup=["module load cuda"], additional={"exclude": "node[3-5]"}, warning=90,
    )  # fmt: skip
    assert (executor.workers, executor.threads) == (2, 6)
    for job in jobs(tmp_path / "sweep", "a", "b", "c", "d", "e"):
        assert executor.room(job)
        executor.start(job)
    assert executor.ended(0) == []
    assert executor.ended(0) == []
    (call,) = fake_slurm.calls(cluster, "sbatch")
    assert Path(call).is_absolute()
    asked = options(cluster / "101.sh")
    wanted = {
        "array": "0-4%2", "partition": "gpu", "account": "lab", "qos": "low", "constraint": "a100",
        "time": "1561", "cpus-per-task": "6", "gpus-per-node": "1", "mem": "24GB", "nodes": "1", "ntasks-per-node": "1",
        "exclude": "node[3-5]", "no-requeue": "", "signal": "TERM@90", "job-name": "sweep",
    }  # fmt: skip
    assert asked | wanted == asked
    text = (cluster / "101.sh").read_text()
    assert text.index("module load cuda") < text.index("srun")
    assert not executor.room(Job("f", tmp_path / "f.json"))  # a further array would have limits of its own


def test_nothing_is_asked_for_that_was_not_said(tmp_path: Path, cluster: Path) -> None:
    (cluster / "hold").touch()
    executor = Slurm(gpus_per_node=0)
    for job in jobs(tmp_path / "sweep", *(f"r{i}" for i in range(30))):
        assert executor.room(job)
        executor.start(job)
    executor.ended(0)
    asked = options(cluster / "101.sh")
    assert asked["array"] == "0-29%30"  # workers=null: no limit
    assert not asked.keys() & {"partition", "account", "qos", "constraint", "mem", "gpus-per-node"}


def test_runs_on_several_gpus_are_jobs_with_so_many(tmp_path: Path, cluster: Path) -> None:
    (cluster / "hold").touch()
    executor = Slurm(workers=4)
    for job in [*jobs(tmp_path / "sweep", "a", "b"), *jobs(tmp_path / "sweep", "c", devices=2)]:
        assert executor.room(job)
        executor.start(job)
    executor.ended(0)
    assert options(cluster / "101.sh")["array"] == "0-1%2"
    assert options(cluster / "101.sh")["gpus-per-node"] == "1"
    assert "array" not in options(cluster / "102.sh")
    assert options(cluster / "102.sh")["gpus-per-node"] == "2"
    with pytest.raises(ConfigError, match=r"gpus_per_node=1.*trainer.devices=2"):
        Slurm(gpus_per_node=1).room(Job("a", tmp_path, 2))


def test_no_more_jobs_are_queued_than_the_cluster_takes(tmp_path: Path, cluster: Path) -> None:
    (cluster / "hold").touch()
    executor = Slurm(most=3)
    taken = 0
    while executor.room(Job(f"r{taken}", tmp_path)):
        executor.start(*jobs(tmp_path / "sweep", f"r{taken}"))
        taken += 1
    assert taken == 3


def test_a_search_is_asked_for_a_run_only_when_it_can_start(tmp_path: Path, cluster: Path) -> None:
    (cluster / "hold").touch()
    unknown = Job("", tmp_path)
    executor = Slurm(workers=2)
    for job in jobs(tmp_path / "sweep", "a", "b"):
        assert executor.room(unknown)
        executor.start(job)
    assert not executor.room(unknown)
    with pytest.raises(ConfigError, match="workers"):
        Slurm().room(unknown)


def test_a_cancelled_job_is_gone_whether_it_was_submitted_or_not(tmp_path: Path, cluster: Path) -> None:
    (cluster / "hold").touch()
    executor = Slurm()
    a, b, c = jobs(tmp_path / "sweep", "a", "b", "c")
    executor.start(a)
    executor.start(b)
    executor.ended(0)
    executor.start(c)
    for job in (a, b, c):
        executor.kill(job.id)
    executor.kill("nobody")
    executor._next_submission = time.monotonic() + 600
    found: list[Ended] = []
    deadline = time.monotonic() + 120  # where it fails
    while len(found) < 3 and time.monotonic() < deadline:
        found += executor.ended(0.1)
    assert sorted(found, key=lambda one: one.id) == [Ended(name, None) for name in "abc"]
    assert [sorted(call.split()) for call in fake_slurm.calls(cluster, "scancel")] == [["101_0", "101_1"]]
    assert executor.ended(0) == []
    executor.close()


def test_what_sbatch_refuses_ends_a_sweep_at_its_beginning_only(
    tmp_path: Path, cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cluster / "hold").touch()
    (cluster / "refuse").write_text("sbatch: error: invalid partition specified: gpuu")
    executor = Slurm(partition="gpuu")
    a, b = jobs(tmp_path / "sweep", "a", "b")
    executor.start(a)
    with pytest.raises(ConfigError, match="invalid partition specified: gpuu"):
        executor.ended(0)
    (cluster / "refuse").unlink()
    executor.ended(0)
    assert len(fake_slurm.calls(cluster, "sbatch")) == 2
    (cluster / "refuse").write_text("sbatch: error: Socket timed out")  # the controller is busy: that passes
    executor.start(b)
    monkeypatch.setattr(module, "ASK", 0.1)
    assert executor.ended(0) == []
    (cluster / "refuse").unlink()
    assert executor.ended(0.3) == []
    assert executor.ended(0) == []
    assert len(fake_slurm.calls(cluster, "sbatch")) == 4
    assert fake_slurm.state("102") == "PENDING"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"devices": [0, 1]}, "devices=.*gpus_per_node"),
        ({"per_device": 2}, "per_device=2.*shard"),
        ({"time": "two hours"}, "two hours.*HH:MM:SS"),
        ({"time": 0}, "executor.time=0"),
        ({"most": 0}, "executor.most=0"),
    ],
)
def test_what_slurm_cannot_mean_is_refused(cluster: Path, options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Slurm(**options)  # type: ignore[arg-type]


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="no sbatch"):
        Slurm()
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(ConfigError, match=re.escape("pip install 'restorelab[slurm]'")):
        Slurm(cluster="local")
