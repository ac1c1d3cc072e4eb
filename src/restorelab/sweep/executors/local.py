"""`executor=local`: processes of this machine, forked from a server that has imported everything already."""

import contextlib
import logging
import multiprocessing
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import forkserver, util
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any

from restorelab.config.composition import available_threads
from restorelab.errors import ConfigError
from restorelab.runs.process_id import ended
from restorelab.sweep import preload, worker
from restorelab.sweep.executors.environment import environment
from restorelab.sweep.executors.executor import Ended, Job

log = logging.getLogger(__name__)

ADRIFT = 255
"""The exit status that multiprocessing reports for a process whose fork server has died; it may still be running."""


@dataclass
class _Running:
    """A started job: its process (forked, or of a new interpreter) and the slots that it takes."""

    job: Job
    process: BaseProcess | subprocess.Popen[bytes]
    slots: list[str | None]
    adrift: bool = False

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid


class Local:
    """Runs in `workers` processes at a time.

    devices: numbers of the GPUs to give out, None for all that are visible; without any, runs share the CPU.
    per_device: runs at a time on one GPU. workers: at most so many at a time, None for what the GPUs hold, 1 on a CPU.

    Raises:
        ConfigError: for a device that is not there.
    """

    def __init__(self, workers: int | None = None, devices: Sequence[int] | None = None, per_device: int = 1) -> None:
        visible = _gpus()
        gpus = visible if devices is None else [str(device) for device in devices]
        if wrong := [device for device in gpus if device not in visible]:
            msg = f"devices={','.join(wrong)}: there is no such GPU; visible: {', '.join(visible) or 'none'}."
            raise ConfigError(msg)
        slots: list[str | None] = [device for _ in range(per_device) for device in gpus]
        self.workers = min(workers or len(slots), len(slots)) if slots else workers or 1
        self.slots: list[str | None] = slots[: self.workers] if slots else [None] * self.workers
        self.gpus = bool(gpus)
        self.threads = max(1, available_threads() // self.workers) if self.workers > 1 else None
        self._running: dict[str, _Running] = {}
        self._forks = "forkserver" in multiprocessing.get_all_start_methods()

    def warm(self) -> None:
        """Start the fork server; its imports take some seconds, during which the caller continues."""
        if self._forks:
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload([preload.__name__])
            with environment({**preload.ENVIRONMENT, preload.SERVER: f"{os.getpid()} {util.get_temp_dir()}"}):
                forkserver.ensure_running()

    def room(self, job: Job) -> bool:
        """Return whether enough slots are free; a run on several GPUs takes whole GPUs."""
        gpus = len({*self.slots, *self._taken()})
        if self.gpus and job.devices > gpus:
            msg = f"trainer.devices={job.devices}: this sweep has {gpus} GPUs to give out."
            raise ConfigError(msg)
        return self._choose(job) is not None

    def _taken(self) -> list[str | None]:
        return [slot for running in self._running.values() for slot in running.slots]

    def _choose(self, job: Job) -> list[str | None] | None:
        """The slots that a job would take."""
        taken = self._taken()
        if job.devices == 1 or not self.gpus:
            return [min(self.slots, key=taken.count)] if self.slots else None  # the slots with the fewest other runs
        whole = [slot for slot in dict.fromkeys(self.slots) if slot not in taken][: job.devices]
        return [slot for slot in self.slots if slot in whole] if len(whole) == job.devices else None

    def start(self, job: Job) -> None:
        """Fork a process; a distributed run gets an interpreter of its own, and its own argv."""
        slots = self._choose(job)
        assert slots is not None
        for slot in slots:
            self.slots.remove(slot)
        visible = ",".join(slot for slot in dict.fromkeys(slots) if slot is not None)
        environment = {"CUDA_VISIBLE_DEVICES": visible} if visible else {}
        process = None if job.devices > 1 else self._fork(job, environment)
        self._running[job.id] = _Running(job, process or self._spawn(job, environment), slots)

    def _fork(self, job: Job, environment: dict[str, str]) -> BaseProcess | None:
        if not self._forks:
            return None
        context: Any = multiprocessing.get_context("forkserver")
        for _ in range(2):  # a server that was killed is started anew once
            self.warm()
            arguments = (str(job.file), environment, job.named)
            process: BaseProcess = context.Process(target=worker.child, args=arguments, name=job.id)
            try:
                process.start()
            except (OSError, EOFError) as error:
                reason = error
                continue
            return process
        log.warning("no fork server (%s): each run starts an interpreter of its own, some seconds more each", reason)
        self._forks = False
        return None

    def _spawn(self, job: Job, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
        command = [*worker.arguments(job.file, job.named), f"{worker.PARENT}{os.getpid()}"]
        inherited = {**os.environ, **environment}
        return subprocess.Popen(command, env=inherited, stdin=subprocess.DEVNULL, start_new_session=True)

    def ended(self, timeout: float) -> list[Ended]:
        """Wait for processes; where the fork server was killed, for those that it leaves behind."""
        known = [running for running in self._running.values() if not running.adrift]
        forked = [running.process for running in known if isinstance(running.process, BaseProcess)]
        others = len(forked) < len(self._running)
        if forked:
            wait([process.sentinel for process in forked], timeout=min(timeout, 0.1) if others else timeout)
        else:
            time.sleep(min(timeout, 0.1))
        ended = []
        for running in list(self._running.values()):
            over, status = _status(running)
            if over:
                ended.append(Ended(running.job.id, status))
                self.slots += running.slots
                del self._running[running.job.id]
        return ended

    def kill(self, job: str) -> None:
        """SIGKILL for its process and all that this started."""
        if running := self._running.get(job):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(running.pid, signal.SIGKILL)
            with contextlib.suppress(ProcessLookupError):  # the process may not lead its group yet
                os.kill(running.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill all running jobs. The fork server ends with this process."""
        for job in list(self._running):
            self.kill(job)


def _status(running: _Running) -> tuple[bool, int | None]:
    """Return whether a process has ended, and its exit status."""
    process = running.process
    if isinstance(process, subprocess.Popen):
        status = process.poll()
        return status is not None, status
    if not running.adrift:
        status = process.exitcode
        if status != ADRIFT:
            return status is not None, status
        running.adrift = True
    try:
        os.kill(running.pid, 0)
    except ProcessLookupError:
        return True, None
    return ended(running.pid), None  # a zombie: in a container there may be no process that waits for it


def _gpus() -> list[str]:
    """The visible GPUs, as CUDA_VISIBLE_DEVICES names them, counted without opening one."""
    with environment(preload.ENVIRONMENT):
        import torch

        count = torch.cuda.device_count()
    visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return visible[:count] or [str(number) for number in range(count)]
