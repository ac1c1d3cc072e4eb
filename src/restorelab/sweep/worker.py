"""One run of a sweep, in a process of its own: claim it, execute it, mark it. All that an executor calls.

`python -m restorelab.sweep.worker SWEEP/queue/ID.json [--trust=NAME,NAME]` does it in a new interpreter.
"""

import contextlib
import json
import logging
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from types import FrameType
from typing import IO, Any

import yaml
from tqdm import tqdm

from restorelab.config import trust
from restorelab.config.run_config import follow_moves, read_config
from restorelab.errors import UserError
from restorelab.runs.ledger import ClaimedRun, Ledger
from restorelab.runs.run_folder import RunFolder
from restorelab.training import logs
from restorelab.training.interruption import Interrupted
from restorelab.training.run_status import RunStatus

log = logging.getLogger(__name__)

TAKEN = 75
"""Exit status of a worker whose run another process works on (EX_TEMPFAIL of sysexits.h: try again later)."""

PARENT = "--with-parent="
TRUST = "--trust="

BEAT = 1.0
"""Seconds between two heartbeats, and so until a worker notices that it should stop."""


def main(argv: Sequence[str]) -> int:
    """Execute the resolved config in a file, in this process.

    `--with-parent=PID`: end when that parent is gone. `--trust=NAME,NAME`: what the file may name beyond restorelab's
    own classes.
    """
    for argument in argv:
        if argument.startswith(TRUST):
            trust.trust(argument.removeprefix(TRUST).split(","))
    parents = [int(argument.removeprefix(PARENT)) for argument in argv if argument.startswith(PARENT)]
    orphaned = (lambda: os.getppid() != parents[0]) if parents else None
    return execute(Path(argv[0]), orphaned)


def arguments(file: Path, named: Sequence[str]) -> list[str]:
    """The command of a new interpreter that executes the config in a file, which may name `named`.

    -P: without the current folder before everything else, where a torch.py may lie.
    """
    return [sys.executable, "-P", "-m", __name__, str(file), *([f"{TRUST}{','.join(named)}"] if named else [])]


def child(file: str, environment: Mapping[str, str], named: Sequence[str] = ()) -> None:
    """What a forked process does: leave the terminal's group, set its environment, send its output to the run's log.

    environment: such as CUDA_VISIBLE_DEVICES; set before anything asks for a device. named: see `Job`.
    """
    with contextlib.suppress(PermissionError):  # the process leads its group already
        os.setsid()  # Ctrl-C is for the sweep, which asks its runs to stop; a hard stop reaches a run's own children
    os.environ.update(environment)
    trust.trust(named)
    parent = multiprocessing.parent_process()
    assert parent is not None
    sentinel = parent.sentinel
    sys.exit(execute(Path(file), lambda: bool(wait([sentinel], timeout=0))))


def execute(file: Path, orphaned: Callable[[], bool] | None = None) -> int:
    """Execute SWEEP/queue/ID.json unless another process does; return the exit status.

    The run goes on from its last checkpoint where its folder has one. orphaned: whether nobody waits for this process
    any more; then the run saves a checkpoint and ends.
    """
    _stoppable()
    settings = json.loads(file.read_text())
    follow_moves(settings)
    ledger = Ledger(file.parents[1] / "ledger")
    folder = RunFolder(Path(settings["run_dir"]))
    if folder.done:  # another sweep was faster
        return 0
    try:
        claim = ledger.claim(file.stem)
        if claim is None:
            return TAKEN
        try:
            folder.path.mkdir(parents=True, exist_ok=True)
            with (folder.path / "log.txt").open("a") as stream, _output(stream):
                return _execute(_settled(settings, folder), claim, orphaned)
        except (Interrupted, KeyboardInterrupt):
            return _interrupted(claim, {})
    except OSError as error:  # the message to print may not fit on the disk either
        print(f"{file.stem}: {error}", file=sys.stderr)
        return 1


def _settled(settings: dict[str, Any], folder: RunFolder) -> dict[str, Any]:
    """The config to execute: a run that was begun goes on, with as many threads as before, for the sake of its bits."""
    settings = {**settings, "resume": folder.config.is_file()}
    try:
        return {**settings, "threads": int(read_config(folder.path)["threads"])}
    except (UserError, ValueError, KeyError, TypeError, yaml.YAMLError):
        # the run was not begun, or its config is damaged: it is written anew
        return settings


def _execute(settings: Mapping[str, Any], claim: ClaimedRun, orphaned: Callable[[], bool] | None) -> int:
    logs.set_up(logging.DEBUG)  # log.txt has the details
    tqdm.set_lock(threading.RLock())  # its own one is a semaphore of the system's, which a kill would leave behind
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        log.info("CUDA_VISIBLE_DEVICES=%s", os.environ["CUDA_VISIBLE_DEVICES"])
    watch = RunStatus()
    heart = _Heart(claim, watch, orphaned or (lambda: False))
    try:
        with heart:
            from restorelab.training import execute

            outcome = execute.execute(settings, watch)
    except (Interrupted, KeyboardInterrupt):
        return _interrupted(claim, watch.facts())
    except BaseException as error:
        traceback.print_exc()
        claim.end("failed", 1, watch.facts(), f"{type(error).__name__}: {error}")
        return 1
    if outcome.trace:
        print(outcome.trace, file=sys.stderr)
    print(outcome.message, flush=True)
    state = outcome.status
    reason = "" if state == "done" else outcome.message
    claim.end(state, outcome.exit_status, watch.facts(), reason, repeats=outcome.repeats)
    return outcome.exit_status


def _interrupted(claim: ClaimedRun, progress: Mapping[str, Any]) -> int:
    """Record that the run was asked to stop before it could save, or twice."""
    claim.end("interrupted", 143, progress, "interrupted before anything new was saved")
    return 143


class _Heart(threading.Thread):
    """Writes the ledger's file every second, and notices requests to stop while the run computes."""

    def __init__(self, claim: ClaimedRun, watch: RunStatus, orphaned: Callable[[], bool]) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self.claim, self.watch, self.orphaned = claim, watch, orphaned
        self._over = threading.Event()
        self._asked = False

    def __enter__(self) -> "_Heart":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):  # what is left to do is to say how it ended
            signal.signal(number, signal.SIG_IGN)
        self._over.set()
        self.join()

    def run(self) -> None:
        """Write heartbeats until the run has ended."""
        ledger, attempt = self.claim.ledger, self.claim.attempt
        while not self._over.wait(BEAT):
            if ledger.superseded(attempt):
                # this process stood still for so long that another process took over the run
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                self.claim.beat(self.watch.facts())
            except OSError as error:
                log.warning("heartbeat: %s", error)
            if not self._asked and (self.orphaned() or ledger.asked_to_stop(attempt)):
                self._asked = True
                os.kill(os.getpid(), signal.SIGTERM)


def _stoppable() -> None:
    """Turn SIGTERM and Ctrl-C from now on into an exception that the worker can record in the ledger."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Interrupted

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


@contextlib.contextmanager
def _output(stream: IO[str]) -> Iterator[None]:
    """Redirect the output of this process and its libraries to a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    descriptors = os.dup(1), os.dup(2)
    try:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, descriptor in enumerate(descriptors, start=1):
            os.dup2(descriptor, number)
            os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
