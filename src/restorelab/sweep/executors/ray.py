"""`executor=ray`: the runs of a sweep as tasks of a Ray cluster, one that is there or one started on this machine."""

import contextlib
import logging
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from restorelab.config.composition import available_threads
from restorelab.errors import ConfigError, first_line
from restorelab.sweep.executors import job_entry
from restorelab.sweep.executors.environment import environment
from restorelab.sweep.executors.executor import Ended, Job
from restorelab.sweep.executors.remote_jobs import RemoteJobs

log = logging.getLogger(__name__)

STORE = 100_000_000
"""Bytes of shared memory for a cluster that is started here; only file names and exit statuses pass through it."""


class Ray:
    """One task a run, each in a fresh worker process (`max_calls=1`), which it has to itself.

    A task runs in its worker's main thread, so a run hears SIGTERM there as anywhere. Ray repeats nothing
    (`max_retries=0`): only the ledger knows what is left to do. A run on several devices gets an interpreter of its own
    on one node; more than one node a run is out of scope. The sweep's folder must be on a disk that all nodes share.

    workers: runs at a time; None: what the GPUs hold that are there now, 1 without GPUs. devices: numbers of the GPUs
    of this machine to give out; only for a cluster that is started here. per_device: runs at a time on one GPU.
    address: of a running cluster, `auto` or `ray://host:port`; None: one is started here, and ends with the sweep.
    num_cpus: of a run, and so its threads; None: the CPUs divided by `workers`. runtime_env: as Ray's documentation
    has it; workers of a running cluster do not see this process's environment variables, but for its `env_vars`.
    """

    def __init__(
        self,
        workers: int | None = None,
        devices: Sequence[int] | None = None,
        per_device: int = 1,
        *,
        address: str | None = None,
        num_cpus: int | None = None,
        runtime_env: Mapping[str, Any] | None = None,
    ) -> None:
        if address is not None and devices is not None:
            msg = f"devices={list(devices)}: the cluster at executor.address={address} gives out its own GPUs."
            raise ConfigError(msg)
        cpus = max(available_threads(), (workers or 1) * (num_cpus or 1))  # of a cluster of our own
        self._ray = _connect(address, devices, cpus, runtime_env)
        self._own = address is None
        self._per_device = per_device
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        self._gpus = max(node.get("GPU", 0.0) for node in nodes)
        self.workers = workers or int(sum(node.get("GPU", 0.0) for node in nodes) * per_device) or 1
        total, largest = (how(node.get("CPU", 0.0) for node in nodes) for how in (sum, max))
        self.threads: int | None = num_cpus or int(max(1, min(total // self.workers, largest)))
        self._tasks: dict[str, Any] = {}
        self._doomed: set[str] = set()
        self._remote = RemoteJobs()

    def warm(self) -> None:
        """Do nothing: Ray starts workers by itself."""

    def room(self, job: Job) -> bool:
        """Return whether fewer than `workers` runs are submitted to Ray, where a run may still wait for a node."""
        if self._own and self._gpus and job.devices > self._gpus:
            msg = f"trainer.devices={job.devices}: this machine has {self._gpus:g} GPUs to give out."
            raise ConfigError(msg)
        return len(self._tasks) < self.workers

    def start(self, job: Job) -> None:
        """Submit a task."""
        job = replace(job, file=job.file.absolute())
        self._remote.begin(job)
        # A run on several GPUs takes whole ones; without any, its processes share what CPUs it gets.
        gpus = 0.0 if not self._gpus else 1 / self._per_device if job.devices == 1 else job.devices
        task = self._ray.remote(max_retries=0, max_calls=1, num_cpus=self.threads, num_gpus=gpus)(job_entry.ray)
        self._tasks[job.id] = task.options(name=job.id).remote(str(job.file), job.devices, job.named, str(Path.cwd()))

    def ended(self, timeout: float) -> list[Ended]:
        """Wait for tasks, and collect what they return or raise."""
        while self._doomed:
            if task := self._tasks.get(self._doomed.pop()):
                self._ray.cancel(task, force=True)
        if not self._tasks:
            time.sleep(min(timeout, 0.1))
            return self._remote.settled()
        self._ray.wait(list(self._tasks.values()), num_returns=1, timeout=timeout)
        over, _ = self._ray.wait(list(self._tasks.values()), num_returns=len(self._tasks), timeout=0)
        ended = []
        for name in [name for name, task in self._tasks.items() if task in over]:
            task = self._tasks.pop(name)
            try:
                ended.append(self._remote.end(name, int(self._ray.get(task))))
            except self._ray.exceptions.RayError as error:  # the run's own failure is in the ledger; this one is Ray's
                self._remote.gone(name, f"Ray: {type(error).__name__}: {first_line(error)}")
        return ended + self._remote.settled()

    def kill(self, job: str) -> None:
        """Mark a task to be ended; `ended` ends its process, as this may be called from a signal handler."""
        if job in self._tasks:
            self._doomed.add(job)
            self._remote.kill(job)

    def close(self) -> None:
        """Kill what still runs, and leave the cluster; one that was started here ends."""
        for task in self._tasks.values():
            self._ray.cancel(task, force=True)
        self._ray.shutdown()


def _connect(
    address: str | None, devices: Sequence[int] | None, cpus: int, runtime_env: Mapping[str, Any] | None
) -> Any:
    """Join a cluster, or start one with so many CPUs and the given GPUs.

    Raises:
        ConfigError: where Ray is not installed, or no cluster answers at the address.
    """
    try:
        with _undisturbed(devices):
            import ray

            options: dict[str, Any] = {"runtime_env": dict(runtime_env or {}), "log_to_driver": False}
            if address is None:
                options |= {"num_cpus": cpus, "object_store_memory": STORE, "include_dashboard": False}
            # Without an address Ray would join the cluster that RAY_ADDRESS names.
            ray.init(address or "local", logging_level=logging.ERROR, **options)
    except ImportError as error:
        msg = "executor=ray needs Ray: pip install 'restorelab[ray]'"
        raise ConfigError(msg) from error
    except (ConnectionError, ValueError, RuntimeError) as error:
        # for example a missing token
        causes = [line for line in str(error.__cause__).splitlines() if "Error: " in line]
        why = causes[-1] if causes else first_line(error)
        msg = f"executor.address={address}: no cluster of Ray can be used there ({why})."
        raise ConfigError(msg) from error
    return ray


@contextlib.contextmanager
def _undisturbed(devices: Sequence[int] | None) -> Iterator[None]:
    """Start Ray without reports to its makers, on some GPUs only, and without its handler of SIGTERM, which would end
    the sweep where the sweep lets its runs save.
    """
    values = {"RAY_USAGE_STATS_ENABLED": "0"}
    if devices is not None:
        values["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, devices))
    handler = signal.getsignal(signal.SIGTERM)
    with environment(values):
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, handler)
