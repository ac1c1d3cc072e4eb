"""The entry point of a cluster's job, on the machine where it runs: set up the process and execute the run."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from restorelab.config import trust
from restorelab.sweep import worker
from restorelab.training.interruption import Interrupted

STOPPED = 128 + signal.SIGTERM
"""Exit status of a run that was told to stop before it started, as a shell reports it."""


def slurm(file: str, devices: int, named: Sequence[str] = ()) -> int:
    """Execute the resolved config in a file, as the job of SLURM that this process is; gives the exit status.

    A run on several devices becomes an interpreter with its own argv, in this process's place: so nobody stands between
    it and SLURM's signals. named: see `Job`.
    """
    # One process a job is all that SLURM starts: Lightning must not take its tasks for ranks, nor requeue the job.
    for name in ("SLURM_NTASKS", "SLURM_NTASKS_PER_NODE"):
        os.environ.pop(name, None)
    several = devices > 1
    for number in (signal.SIGUSR1, signal.SIGUSR2):  # what is ignored stays so in the new interpreter
        signal.signal(number, signal.SIG_IGN if several else _stop)
    if several:
        os.execv(sys.executable, worker.arguments(Path(file), named))
    return _execute(file, named)


def ray(file: str, devices: int, named: Sequence[str], folder: str) -> int:
    """Execute the resolved config in a file, in the worker process of Ray that this is; gives the exit status.

    named: see `Job`. folder: where the sweep was started: relative paths of a config are meant from there.
    """
    os.chdir(folder)
    if devices > 1:  # the program that starts the ranks would otherwise start Ray's worker again in each of them
        command = [*worker.arguments(Path(file), named), f"{worker.PARENT}{os.getpid()}"]
        return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
    return _execute(file, named)


def _execute(file: str, named: Sequence[str]) -> int:
    trust.trust(named)
    try:
        return worker.execute(Path(file))
    except Interrupted:
        return STOPPED


def _stop(number: int, frame: FrameType | None) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
