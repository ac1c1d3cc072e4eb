"""`executor=slurm`: the runs of a sweep as array jobs of a SLURM cluster, through submitit."""

import contextlib
import getpass
import logging
import math
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from restorelab.config.composition import available_threads
from restorelab.errors import ConfigError
from restorelab.sweep.executors import job_entry
from restorelab.sweep.executors.executor import Ended, Job
from restorelab.sweep.executors.remote_jobs import RemoteJobs

log = logging.getLogger(__name__)

ASK = 30.0
"""Seconds between two queries of SLURM's controller, which serves a whole cluster."""

COMMANDS = ("sbatch", "srun", "squeue", "scancel")

SOON = 2.0
"""Seconds after which SLURM is asked whether a canceled job has ended."""

LIMIT = re.compile(r"(?:(?P<days>\d+)[-:])?(?P<hours>\d+):(?P<minutes>\d+):(?P<seconds>\d+)")

GONE = "forgotten by the controller"
"""The state given here to a job that squeue no longer lists."""

ENDED = ("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED",
         "REVOKED", "TIMEOUT", GONE)  # fmt: skip
"""States of a job whose processes are gone: squeue's manual, JOB STATE CODES."""


class Slurm:
    """One job a run, on one node; those that start together are one array. More than one node a run is out of scope.

    SLURM does not repeat a job (`--no-requeue`): only the ledger knows what is left to do, and a second authority could
    give a run to two jobs. A run that hears of its time limit, of preemption or of scancel (SIGTERM; SIGUSR1 and
    SIGUSR2 count as it) saves and ends as interrupted, and the sweep submits it again.

    workers: runs at a time, over all arrays; None: as many as SLURM gives. devices, per_device: for a machine of one's
    own; SLURM gives out GPUs itself, whole ones. cluster: `local` runs the jobs on this machine, to try things. time:
    minutes, HH:MM:SS or DD-HH:MM:SS that a job may take. gpus_per_node: None: the run's `trainer.devices`; 0 where the
    nodes have none. cpus_per_task: also the threads of a run. setup: shell lines before each run. additional: further
    options of sbatch by name. warning: seconds before the limit at which a run is told to save. most: jobs in the queue
    at a time; also the longest array.
    """

    def __init__(
        self,
        workers: int | None = None,
        devices: Sequence[int] | None = None,
        per_device: int = 1,
        *,
        cluster: Literal["slurm", "local"] = "slurm",
        partition: str | None = None,
        account: str | None = None,
        qos: str | None = None,
        constraint: str | None = None,
        time: int | str = "24:00:00",
        gpus_per_node: int | None = None,
        cpus_per_task: int = 4,
        mem_gb: float | None = None,
        setup: Sequence[str] = (),
        additional: Mapping[str, Any] | None = None,
        warning: int = 120,
        most: int = 1000,
    ) -> None:
        _check(cluster, devices, per_device, most)
        self._far = cluster == "slurm"
        self._limited = workers is not None
        self.workers = min(workers or (most if self._far else 1), most)
        self.threads: int | None = cpus_per_task if self._far else max(1, available_threads() // self.workers)
        self._cluster, self._most, self._gpus = cluster, most, gpus_per_node
        self._parameters: dict[str, Any] = {
            "timeout_min": _minutes(time),
            "nodes": 1,
            "tasks_per_node": 1,
            "cpus_per_task": cpus_per_task,
            "mem_gb": mem_gb,
            "slurm_partition": partition,
            "slurm_account": account,
            "slurm_qos": qos,
            "slurm_constraint": constraint,
            f"{cluster}_setup": list(setup) or None,
            "slurm_array_parallelism": self.workers,
            # SIGTERM, where submitit would send SIGUSR2: that kills the processes of a run which do not expect it.
            "slurm_additional_parameters": {"no-requeue": True, "signal": f"TERM@{warning}", **(additional or {})},
        }
        # What earlier sessions left must not be taken for this one's: numbers of jobs come again.
        self._session = f"{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}"
        self._waiting: dict[str, Job] = {}
        self._jobs: dict[str, Any] = {}
        self._doomed: set[str] = set()
        self._remote = RemoteJobs()
        self._accepted = False
        self._next_submission = self._next_question = 0.0

    def warm(self) -> None:
        """Do nothing."""

    def room(self, job: Job) -> bool:
        """Return whether SLURM may get another job: at first all runs, as it applies `workers` within one array itself.

        A run that a search has not chosen yet (no id) is not asked for before it can start.
        """
        if job.id and self._gpus and self._gpus < job.devices:
            msg = f"executor.gpus_per_node={self._gpus}: a run has trainer.devices={job.devices}."
            raise ConfigError(msg)
        if not job.id and self._far and not self._limited:
            msg = "workers: a search on executor=slurm must know how many trials run at a time, workers=4 for one."
            raise ConfigError(msg)
        gathering = self._far and bool(job.id) and not self._jobs
        return len(self._waiting) + len(self._jobs) < (self._most if gathering else self.workers)

    def start(self, job: Job) -> None:
        """Register a job; the next call of `ended` submits it."""
        job = replace(job, file=job.file.absolute())
        self._remote.begin(job)
        self._waiting[job.id] = job

    def ended(self, timeout: float) -> list[Ended]:
        """Submit and cancel jobs; return those that wrote their exit status or that SLURM no longer lists."""
        if self._waiting and time.monotonic() >= self._next_submission:
            self._submit()
        self._cancel()
        ended = self._look()
        if not ended:
            time.sleep(timeout if self._far else min(timeout, 0.2))
            ended = self._look()
        return ended

    def kill(self, job: str) -> None:
        """A job gets SIGTERM, and SIGKILL after SLURM's KillWait. `ended` does it: handlers of signals call this."""
        if job in self._waiting or job in self._jobs:
            self._doomed.add(job)
            self._remote.kill(job)

    def close(self) -> None:
        """Cancel all jobs that SLURM still has."""
        self._doomed |= {*self._waiting, *self._jobs}
        self._cancel()

    def _submit(self) -> None:
        """Submit the waiting jobs: one array for all runs that need the same number of GPUs."""
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        for devices in sorted({job.devices for job in self._waiting.values()}):
            jobs = [job for job in self._waiting.values() if job.devices == devices]
            executor = self._executor(jobs[0])
            try:
                with executor.batch():
                    submitted = [
                        executor.submit(job_entry.slurm, str(job.file), job.devices, job.named) for job in jobs
                    ]
            except (FailedJobError, FailedSubmissionError, OSError) as error:
                refusal = " ".join(str(error).split())
                if not self._accepted:
                    msg = f"executor=slurm: sbatch refuses the first jobs ({refusal})."
                    raise ConfigError(msg) from error
                log.warning("sbatch refuses %d jobs (%s); trying again in %.0f s", len(jobs), refusal, 2 * ASK)
                self._next_submission = time.monotonic() + 2 * ASK
                return
            for job, submitted_job in zip(jobs, submitted, strict=True):
                self._jobs[job.id] = submitted_job
                del self._waiting[job.id]
            self._accepted = True
            self._next_question = time.monotonic() + ASK
            log.info("submitted %d runs: job %s", len(jobs), submitted[0].job_id.partition("_")[0])

    def _executor(self, job: Job) -> Any:
        from submitit import AutoExecutor

        sweep = job.file.parents[1]
        executor = AutoExecutor(sweep / "slurm" / self._session, cluster=self._cluster)
        gpus = job.devices if self._gpus is None else self._gpus
        # Asking for 0 GPUs is an error where a cluster has no GPUs at all.
        executor.update_parameters(name=sweep.name, gpus_per_node=gpus or None, **self._parameters)
        return executor

    def _cancel(self) -> None:
        """Drop the jobs that were not submitted yet, and cancel the others by one command."""
        doomed = []
        while self._doomed:
            name = self._doomed.pop()
            if self._waiting.pop(name, None):
                self._remote.gone(name, "")
            elif name in self._jobs:
                doomed.append(self._jobs[name])
        if doomed and self._far:
            _call(["scancel", *(slurm_job.job_id for slurm_job in doomed)])
            self._next_question = min(self._next_question, time.monotonic() + SOON)
        elif doomed:
            for slurm_job in doomed:
                slurm_job.cancel()

    def _look(self) -> list[Ended]:
        """Return the jobs that have ended, found without a query of SLURM where possible."""
        left = self._results()
        question = self._far and bool(self._jobs) and time.monotonic() >= self._next_question
        states = _states() if question else None
        if question:
            self._next_question = time.monotonic() + ASK
        ended = []
        for name, slurm_job in list(self._jobs.items()):
            if slurm_job.paths.result_pickle.name in left:
                ended.append(self._remote.end(name, _status(name, slurm_job)))
            elif states is not None and (self._remote.over(name) or states.get(slurm_job.job_id, GONE) in ENDED):
                self._remote.gone(name, f"SLURM: job {slurm_job.job_id} is {states.get(slurm_job.job_id, GONE)}")
            elif not self._far and slurm_job.done():
                self._remote.gone(name, f"job {slurm_job.job_id} is gone")
            else:
                continue
            del self._jobs[name]
        return ended + self._remote.settled()

    def _results(self) -> set[str]:
        """Return the files that ended jobs have written, by one listing of the folder."""
        if not self._jobs:
            return set()
        folder = next(iter(self._jobs.values())).paths.folder
        with contextlib.suppress(OSError):  # listing makes a network disk refresh its view; submitit does the same
            folder.chmod(folder.stat().st_mode)
        return set(os.listdir(folder))  # noqa: PTH208  (names, not paths: there may be thousands)


def _check(cluster: str, devices: Sequence[int] | None, per_device: int, most: int) -> None:
    try:
        import submitit  # noqa: F401
    except ImportError as error:
        msg = "executor=slurm needs submitit: pip install 'restorelab[slurm]'"
        raise ConfigError(msg) from error
    missing = [name for name in COMMANDS if not shutil.which(name)]
    if missing and cluster == "slurm":
        msg = f"executor=slurm: this machine has no {missing[0]}. Start the sweep where jobs are submitted, or try it "
        raise ConfigError(msg + "here by executor.cluster=local")
    if devices is not None:
        msg = f"devices={list(devices)}: SLURM gives out the GPUs. Say executor.gpus_per_node, or executor.constraint."
        raise ConfigError(msg)
    if per_device > 1:
        msg = (
            f"per_device={per_device}: a job of SLURM has its GPUs to itself. Where the cluster shares GPUs, leave it "
        )
        raise ConfigError(msg + "1 and say executor.gpus_per_node=0 'executor.additional={gres: \"shard:1\"}'")
    if most < 1:
        msg = f"executor.most={most}: expected at least 1."
        raise ConfigError(msg)


def _minutes(limit: int | str) -> int:
    """A time limit in whole minutes, rounded up."""
    if isinstance(limit, int) and limit > 0:
        return limit
    if isinstance(limit, str) and (match := LIMIT.fullmatch(limit)):
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return math.ceil(((days * 24 + hours) * 60 + minutes) + seconds / 60)
    msg = f"executor.time={limit}: expected minutes, HH:MM:SS or DD-HH:MM:SS, in quotes in a YAML."
    raise ConfigError(msg)


def _status(name: str, job: Any) -> int:
    """Return the exit status that a job has written."""
    from submitit.core.utils import FailedJobError

    try:
        return int(job.result())
    except FailedJobError as error:  # not the run's own failure, which the ledger has: it never got so far
        log.error("%s: %s", name, str(error).strip())
        return 1


def _states() -> dict[str, str] | None:
    """The states of this user's jobs by number, ended ones for some minutes; None where SLURM does not answer now.

    squeue asks the controller's memory; sacct would ask a data base, which is slow, late, or not there.
    """
    lines = _call(["squeue", "--noheader", "--array", "--states=all", "--format=%i %T", f"--user={getpass.getuser()}"])
    return None if lines is None else dict(line.split()[:2] for line in lines.splitlines() if len(line.split()) > 1)


def _call(command: Sequence[str]) -> str | None:
    """Return what a command of SLURM prints; None where it fails, which is logged."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError) as error:
        reason = getattr(error, "stderr", "") or error
        log.warning("%s: %s", command[0], " ".join(str(reason).split()))
        return None
