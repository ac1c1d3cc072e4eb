#!/usr/bin/env python
"""A SLURM cluster of one machine, for the tests: this file under the names sbatch, srun, squeue and scancel.

$FAKE_SLURM is its folder: `<job>.sh` is what was submitted, `<job>.state` a job's state, `calls` every command. With a
file `hold` there no job starts; what a file `refuse` says is sbatch's answer.
"""

import fcntl
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

HOME = Path(os.environ.get("FAKE_SLURM", "/nowhere"))
NAMES = ("sbatch", "srun", "squeue", "scancel")


def install(folder: Path) -> Path:
    """Make a cluster in a folder; gives what has to come first on PATH."""
    (folder / "bin").mkdir(parents=True)
    for name in NAMES:
        file = folder / "bin" / name
        file.write_text(f'#!/bin/sh\nexec {sys.executable} {__file__} {name} "$@"\n')
        file.chmod(0o755)
    return folder / "bin"


def calls(folder: Path, command: str) -> list[str]:
    lines = (folder / "calls").read_text().splitlines() if (folder / "calls").exists() else []
    return [line.partition(" ")[2] for line in lines if line.partition(" ")[0] == command]


def state(job: str, new: str | None = None) -> str:
    file = HOME / f"{job}.state"
    if new:
        file.with_suffix(".new").write_text(new)
        file.with_suffix(".new").replace(file)
    return file.read_text()


def sbatch(file: str) -> None:
    if (HOME / "refuse").exists():
        sys.exit((HOME / "refuse").read_text())
    with (HOME / "number").open("a+") as counter:
        fcntl.flock(counter, fcntl.LOCK_EX)
        counter.seek(0)
        number = 101 + len(counter.read())
        counter.write(".")
    text = Path(file).read_text()
    (HOME / f"{number}.sh").write_text(text)
    array = re.search(r"--array=0-(\d+)%(\d+)", text)
    last, limit = map(int, array.groups()) if array else (0, 1)
    jobs = [f"{number}_{i}" for i in range(last + 1)] if array else [str(number)]
    for job in jobs:
        state(job, "PENDING")
    if not (HOME / "hold").exists():
        command = [sys.executable, __file__, "controller", str(limit), *jobs]
        nothing = subprocess.DEVNULL
        subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True)
    print(f"Submitted batch job {number}")


def controller(limit: str, *jobs: str) -> None:
    waiting, running = list(jobs), dict[str, subprocess.Popen[bytes]]()
    while waiting or running:
        while waiting and len(running) < int(limit):
            job = waiting.pop(0)
            if state(job) == "PENDING":
                running[job] = start(job)
        for job, process in list(running.items()):
            if process.poll() is not None:
                del running[job]
                if state(job) == "RUNNING":
                    state(job, "FAILED" if process.returncode else "COMPLETED")
        time.sleep(0.05)


def start(job: str) -> "subprocess.Popen[bytes]":
    number, _, index = job.partition("_")
    own = {"SLURM_JOB_ID": number, "SLURM_JOB_NAME": "sweep", "SLURM_NTASKS": "1", "SLURM_PROCID": "0",
           "SLURM_LOCALID": "0", "SLURM_NODEID": "0"}  # fmt: skip
    array = {"SLURM_ARRAY_JOB_ID": number, "SLURM_ARRAY_TASK_ID": index} if index else {}
    state(job, "RUNNING")
    process = subprocess.Popen(["bash", str(HOME / f"{number}.sh")], env={**os.environ, **own, **array},
                               start_new_session=True)  # fmt: skip
    (HOME / f"{job}.pid").write_text(str(process.pid))
    return process


def srun(*arguments: str) -> None:
    options = {"--output": "", "--error": ""}
    rest = list(arguments)
    while rest[0].startswith("--"):
        option = rest.pop(0)
        if option in options:
            options[option] = rest.pop(0)
    job, array, index = (os.environ.get(f"SLURM_{name}", "") for name in ("JOB_ID", "ARRAY_JOB_ID", "ARRAY_TASK_ID"))
    for descriptor, option in ((1, "--output"), (2, "--error")):
        name = options[option].replace("%A", array).replace("%a", index).replace("%j", job).replace("%t", "0")
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    os.execvp(rest[0], rest)


def squeue(*arguments: str) -> None:
    for file in sorted(HOME.glob("*.state")):
        print(file.stem, file.read_text())


def scancel(*jobs: str) -> None:
    """As SLURM does: every process of the job gets the signal, its children too."""
    for job in jobs:
        before = state(job)
        if before in ("PENDING", "RUNNING"):
            state(job, "CANCELLED")
        if before == "RUNNING":
            os.killpg(int((HOME / f"{job}.pid").read_text()), signal.SIGTERM)


if __name__ == "__main__":
    called, *arguments = sys.argv[1:]
    with (HOME / "calls").open("a") as record:
        record.write(" ".join([called, *arguments]) + "\n")
    globals()[called](*arguments)
