"""What every run of a sweep is doing and has done: one small file an attempt, no locks, so that a shared disk will do.

An attempt at a run is `<id>.<number>.json`. To begin one is to create the file of the next number, which the file
system lets only one process do; from then on only that process writes it, by rename. Nothing is ever removed, so what
was seen stays true: the highest number is the current attempt, and who finds that a higher one exists has lost the run.

A process that works on a run writes its file anew every second, with a count: the heartbeat. A process of this machine
is also looked up by number. For another machine's, the count must stand still for `PATIENCE` seconds of the observer's
own clock: clocks of two machines are never compared.
"""

import errno
import json
import logging
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from restorelab.errors import ConfigError
from restorelab.runs.process_id import Owner
from restorelab.runs.run_folder import plain

log = logging.getLogger(__name__)

State = Literal["queued", "running", "lost", "interrupted", "failed", "pruned", "done"]
"""`lost`: the process ended without recording a result. `interrupted`: it was asked to stop and saved a checkpoint."""

UNFINISHED = ("queued", "lost", "interrupted")
"""States that a sweep always continues; whether a `failed` run is repeated depends on `retries`."""

NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)
"""Error numbers of file systems without hard links."""

LOST = 3
"""How many times reading is repeated when a file is replaced meanwhile."""

PATIENCE = 90.0
"""Seconds without a heartbeat after which another machine's process is lost; network disks show changes late."""


@dataclass(frozen=True)
class Attempt:
    """One attempt at a run, as its file tells.

    Attributes:
        id: of the run: its folder's name.
        number: of the attempt, from 1.
        state: as far as the file goes; `Ledger.state` also asks whether the process is still there.
        owner: whose it is.
        began, ended: seconds since 1970, by the owner's clock.
        beats: how often the file was written.
        status: exit status, None while it runs.
        reason: why it failed or stopped, in a sentence.
        repeats: whether the next attempt would end the same way (a diverged loss, a bad value).
        progress: how far it is, for people: `epoch`, `step`, `steps`, `rate`, `metric`, `value`, `phase`.
    """

    id: str
    number: int
    state: State
    owner: Owner
    began: float
    ended: float | None = None
    beats: int = 0
    status: int | None = None
    reason: str = ""
    repeats: bool = False
    progress: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Return the duration in seconds, so far if it has not ended (then by the clocks of both machines)."""
        return (self.ended if self.ended is not None else time.time()) - self.began


class Ledger:
    """The ledger of one sweep's folder. Any number of processes may use it at once."""

    def __init__(self, folder: Path, patience: float = PATIENCE) -> None:
        self.folder, self.patience = folder, patience
        folder.mkdir(parents=True, exist_ok=True)
        self._seen: dict[tuple[str, int], tuple[int, float]] = {}

    def last(self, run: str) -> Attempt | None:
        """The current attempt at a run; None where there is none yet."""
        number = 1
        while self._file(run, number).exists():
            number += 1
        return self._read(run, number - 1) if number > 1 else None

    def attempts(self) -> dict[str, Attempt]:
        """Return the current attempt of every run that has one, from one listing of the folder."""
        highest: dict[str, int] = {}
        with os.scandir(self.folder) as entries:
            for entry in entries:
                run, _, number = entry.name.removesuffix(".json").rpartition(".")
                if run and number.isdigit() and entry.name.endswith(".json"):
                    highest[run] = max(highest.get(run, 0), int(number))
        return {run: self._read(run, number) for run, number in highest.items()}

    def state(self, attempt: Attempt | None) -> State:
        """Return the actual state: an attempt that is recorded as running is `lost` if its process is gone."""
        if attempt is None:
            return "queued"
        if attempt.state != "running":
            return attempt.state
        alive = attempt.owner.alive()
        if alive is None:
            key, now = (attempt.id, attempt.number), time.monotonic()
            beats, since = self._seen.setdefault(key, (attempt.beats, now))
            if beats != attempt.beats:
                self._seen[key] = (attempt.beats, now)
            alive = beats != attempt.beats or now - since < self.patience
        return "running" if alive else "lost"

    def claim(self, run: str) -> "ClaimedRun | None":
        """Begin the next attempt at a run; None if another process works on it or has just begun it."""
        before = self.last(run)
        if before is not None and self.state(before) == "running":
            return None
        number = before.number + 1 if before else 1
        attempt = Attempt(run, number, "running", Owner.me(), time.time())
        temporary = self._temporary(run)
        try:
            temporary.write_text(_text(attempt))
            os.link(temporary, self._file(run, number))  # fails where the name exists, over the network too
        except FileExistsError:
            if temporary.stat().st_nlink != 2:
                # otherwise a network file system has created the link, although it reports that the name existed
                return None
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            msg = f"sweep_dir: {self.folder} cannot hold a ledger ({error.strerror}): its disk has no hard links."
            raise ConfigError(msg) from error
        finally:
            temporary.unlink(missing_ok=True)
        return ClaimedRun(self, attempt)

    def settle(self, attempt: Attempt, state: State, reason: str, *, repeats: bool = False) -> Attempt:
        """Record how another process's attempt ended, where that process cannot do so because it is gone."""
        ended = replace(attempt, state=state, reason=reason, repeats=repeats, ended=attempt.ended or time.time())
        try:
            self.write(ended)
        except OSError as error:
            # a full disk ends runs but must not end the sweep; a later session finds the attempt lost
            log.error("%s is %s (%s), which cannot be recorded: %s", attempt.id, state, reason, error)
        return ended

    def ask_to_stop(self, attempt: Attempt) -> None:
        """Ask the process that works on a run, on any machine, to stop; it checks at each heartbeat."""
        try:
            self._stop_file(attempt).touch()
        except OSError as error:
            log.error("%s cannot be asked to stop: %s", attempt.id, error)

    def asked_to_stop(self, attempt: Attempt) -> bool:
        """Return whether the process was asked to stop."""
        return self._stop_file(attempt).exists()

    def superseded(self, attempt: Attempt) -> bool:
        """Return whether another process has taken over the run; then this attempt must not write any more."""
        return self._file(attempt.id, attempt.number + 1).exists()

    def write(self, attempt: Attempt) -> None:
        """Write an attempt's file as a whole, by rename."""
        temporary = self._temporary(attempt.id)
        try:
            temporary.write_text(_text(attempt))
            temporary.replace(self._file(attempt.id, attempt.number))
        finally:
            temporary.unlink(missing_ok=True)

    def _file(self, run: str, number: int) -> Path:
        return self.folder / f"{run}.{number}.json"

    def _stop_file(self, attempt: Attempt) -> Path:
        return self.folder / f"{attempt.id}.{attempt.number}.stop"

    def _temporary(self, run: str) -> Path:
        return self.folder / f".{run}.{os.getpid()}.{time.monotonic_ns()}.tmp"

    def _read(self, run: str, number: int) -> Attempt:
        try:
            content = json.loads(_text_of(self._file(run, number)))
            return Attempt(**{**content, "owner": Owner(**content["owner"])})
        except (ValueError, KeyError, TypeError):  # the machine lost power before the file was on its disk
            return Attempt(run, number, "lost", Owner("?", "?", 0, ""), 0.0, 0.0, reason="its file is damaged")


class ClaimedRun:
    """A run that this process works on. Not thread-safe, except that one other thread may call `beat`."""

    def __init__(self, ledger: Ledger, attempt: Attempt) -> None:
        self.ledger, self.attempt = ledger, attempt

    def beat(self, progress: Mapping[str, Any]) -> None:
        """Record that the process is alive, and its progress."""
        self.attempt = replace(self.attempt, beats=self.attempt.beats + 1, progress=dict(progress))
        self.ledger.write(self.attempt)

    def end(
        self, state: State, status: int, progress: Mapping[str, Any], reason: str = "", *, repeats: bool = False
    ) -> None:
        """Record how the attempt ended; this is the last write."""
        self.attempt = replace(
            self.attempt,
            state=state,
            status=status,
            progress=dict(progress),
            reason=reason,
            repeats=repeats,
            ended=time.time(),
        )
        self.ledger.write(self.attempt)


def count(states: Iterable[State]) -> dict[State, int]:
    """Count the attempts in each state, in the order of a run's life."""
    listed = list(states)
    order: tuple[State, ...] = ("done", "running", "queued", "interrupted", "lost", "pruned", "failed")
    return {state: listed.count(state) for state in order if state in listed}


def _text_of(file: Path) -> str:
    """Read a file that another machine may replace meanwhile, after which a network disk lacks the opened version."""
    for _ in range(LOST):
        try:
            return file.read_text()
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
    return file.read_text()


def _text(attempt: Attempt) -> str:
    return json.dumps(plain(asdict(attempt)), ensure_ascii=False) + "\n"
