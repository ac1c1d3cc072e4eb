"""The interface between a sweep and the place where its runs are executed."""

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Job:
    """A run to execute: all that an executor gets to see of it.

    Attributes:
        id: the run's.
        file: its resolved config, `SWEEP/queue/<id>.json`; `worker.execute(file)` does the rest.
        devices: GPUs (or processes, on a CPU) that the run wants for itself; more than one makes it a distributed run.
        named: callables beyond restorelab's own that the run's config names. The sweep composed it, and so trusts them;
            the file alone would not be believed.
    """

    id: str
    file: Path
    devices: int = 1
    named: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ended:
    """A job whose process has ended. status: its exit status, negative for a signal, None if unknown."""

    id: str
    status: int | None

    @property
    def how(self) -> str:
        """Describe how the process of a run ended that did not record a result."""
        if self.status is None or self.status == 0:
            return "its process is gone"
        if self.status > 0:
            return f"its process ended with status {self.status} and could not say why (is the disk full?)"
        memory = " (the system does so when memory runs out)" if self.status == -signal.SIGKILL else ""
        return f"killed by {signal.Signals(-self.status).name}{memory}"


class Executor(Protocol):
    """Starts jobs and says when they have ended. How they ended stands in the ledger.

    A class of this kind is built from conf/executor/NAME.yaml, with the sweep's `workers`, `devices` and `per_device`.

    Attributes:
        workers: runs at a time.
        threads: CPU threads of each run; None: as many as the machine has.
    """

    workers: int
    threads: int | None

    def warm(self) -> None:
        """Prepare for the first job, while the caller does other things."""

    def room(self, job: Job) -> bool:
        """Whether the job can start now."""

    def start(self, job: Job) -> None:
        """Start a job that there is room for."""

    def ended(self, timeout: float) -> list[Ended]:
        """Wait up to `timeout` seconds for jobs to end; nothing is said of a job twice."""

    def kill(self, job: str) -> None:
        """End a job at once, in whatever state it is."""

    def close(self) -> None:
        """Release all resources; no job runs any more."""
