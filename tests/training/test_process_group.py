"""Runs that a launcher starts as several processes: which rank is which, one folder, and the bits of one machine."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import runs
from restorelab.cli import main
from restorelab.errors import ConfigError
from restorelab.runs.run_folder import RunFolder
from restorelab.training import process_group
from restorelab.training.process_group import ProcessGroup

ROOT = Path(__file__).resolve().parents[2]

TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}
SLURM = {"SLURM_JOB_NAME": "train", "SLURM_NTASKS": "6", "SLURM_NTASKS_PER_NODE": "2", "SLURM_PROCID": "4",
         "SLURM_LOCALID": "0"}  # fmt: skip


def start_as(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name in [*TORCHRUN, *SLURM, "SLURM_STEP_NUM_TASKS"]:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("environment", "group", "nodes"),
    [
        ({}, ProcessGroup(0, 1, 0, 1), 1),
        (TORCHRUN, ProcessGroup(3, 4, 1, 2), 2),
        (SLURM | {"SLURM_STEP_NUM_TASKS": "6"}, ProcessGroup(4, 6, 0, 2), 3),
        (SLURM, ProcessGroup(0, 1, 0, 1), 1),  # a batch script, which srun did not start
        (SLURM | {"SLURM_STEP_NUM_TASKS": "6", "SLURM_JOB_NAME": "interactive"}, ProcessGroup(0, 1, 0, 1), 1),
        (SLURM | TORCHRUN | {"SLURM_STEP_NUM_TASKS": "6"}, ProcessGroup(3, 4, 1, 2), 2),
    ],
)
def test_the_group_is_what_the_launcher_says(
    environment: dict[str, str], group: ProcessGroup, nodes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_as(monkeypatch, environment)
    assert process_group.current() == group
    assert group.nodes == nodes


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        (TORCHRUN | {"WORLD_SIZE": "5"}, "equally many on each"),
        ({"SLURM_STEP_NUM_TASKS": "2", "SLURM_NTASKS": "2", "SLURM_PROCID": "0"}, "--ntasks-per-node"),
    ],
)
def test_a_group_that_lightning_cannot_train_in_is_refused(
    environment: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_as(monkeypatch, environment)
    with pytest.raises(ConfigError, match=message):
        process_group.current()


def joined(group: ProcessGroup, settings: dict[str, Any], **trainer: Any) -> tuple[Any, Any]:
    chosen = process_group.joined(settings | {"trainer": settings["trainer"] | trainer}, group)["trainer"]
    return chosen["devices"], chosen.get("num_nodes")


def test_a_config_takes_the_devices_of_its_group(tmp_path: Path) -> None:
    four, settings = ProcessGroup(3, 4, 1, 2), runs.composed([])
    assert joined(four, settings) == (2, 2)
    assert joined(four, settings, devices="auto") == (2, 2)
    assert joined(four, settings, devices=[0, 1], num_nodes=2) == ([0, 1], 2)
    assert joined(ProcessGroup(1, 2, 1, 2), settings) == (2, None)
    assert joined(ProcessGroup(), settings, devices=2) == (2, None)  # which `launch` starts
    assert joined(ProcessGroup(), settings | {"train": False}, num_nodes=2) == (1, 2)  # of a run that was trained so
    use = r"4 processes on 2 machines\. Use trainer\.devices=2 trainer\.num_nodes=2"
    for wrong in ({"devices": 4}, {"devices": 2}, {"num_nodes": 4}):
        with pytest.raises(ConfigError, match=use):
            joined(four, settings, **wrong)
    RunFolder(tmp_path).config.write_text("")  # of a run on one device, whose devices are a part of what it is
    with pytest.raises(ConfigError, match=use):
        joined(four, settings | {"run_dir": str(tmp_path), "resume": True})


def test_several_machines_need_a_launcher(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status = main.main(["train", *runs.TINY, f"run_dir={tmp_path / 'run'}", "trainer.num_nodes=2"])
    assert status == 2
    assert "torchrun --nnodes=NODES" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", [["train", "-m", "seed=0,1"], ["sweep", "seed=0,1"]])
def test_what_starts_runs_itself_is_started_once(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    start_as(monkeypatch, TORCHRUN)
    assert main.main(command) == 2
    assert "a launcher started 4 of it" in capsys.readouterr().err


def agents(folder: Path, nodes: int, *overrides: str) -> list[subprocess.Popen[str]]:
    """`torchrun` for each of `nodes` machines, which here are one; two processes each."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "torch.distributed.run", f"--nnodes={nodes}", "--nproc-per-node=2",
               "--master-addr=127.0.0.1", f"--master-port={port}"]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT / 'tests'}"}
    return [
        subprocess.Popen(
            [*command, f"--node-rank={node}", str(ROOT / "train.py"), *runs.TINY, *overrides],
            cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for node in range(nodes)
    ]  # fmt: skip


@pytest.mark.slow
def test_two_machines_train_as_one_with_as_many_devices(tmp_path: Path) -> None:
    """The same bits; one folder, which nobody was told; and what was stopped goes on."""
    same = ("data.batch_size=2", "trainer.checkpoint_every=null")
    one = runs.run(tmp_path / "one", "trainer.devices=4", *same)
    assert one.status == "done", one.message
    started = agents(tmp_path, 2, *same, "name=two")
    said = [agent.communicate(timeout=300) for agent in started]
    assert [agent.returncode for agent in started] == [0, 0], said
    (two,) = (tmp_path / "runs" / "two").iterdir()
    assert str(two.relative_to(tmp_path)) in said[0][0]
    assert said[1][0] == ""  # the machine without the first rank has nothing to add
    for file in ("metrics.csv", "per_image.csv"):
        assert (tmp_path / "one" / file).read_text() == (two / file).read_text()
    weights = [torch.load(RunFolder(run).last, weights_only=True)["state_dict"] for run in (tmp_path / "one", two)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())

    further = (*same, f"run_dir={two}", "resume=true", "trainer.max_epochs=4")
    for agent in (again := agents(tmp_path, 2, *further)):
        agent.communicate(timeout=300)
    assert [agent.returncode for agent in again] == [0, 0]
    assert torch.load(RunFolder(two).last, weights_only=True)["epoch"] == 3


@pytest.mark.slow
def test_ranks_that_were_started_differently_do_not_train_together(tmp_path: Path) -> None:
    """Here by a seed that one of them has from its environment."""
    (agent,) = agents(tmp_path, 1, "seed='${oc.decode:${oc.env:LOCAL_RANK}}'")
    said = agent.communicate(timeout=300)
    assert agent.returncode == 1
    assert "rank 1 was started with another seed than rank 0" in said[1]
