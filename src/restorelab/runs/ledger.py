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
"""`lost`: its process is gone without a word. `interrupted`: it was asked to stop and saved where it stood."""

UNFINISHED = ("queued", "lost", "interrupted")
"""States that a sweep goes on with as a matter of course; `failed` is a matter of `retries`."""

NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)
"""What a file system answers that knows no hard links."""

LOST = 3
"""Times that a file may be replaced while it is being read."""

PATIENCE = 90.0
"""Seconds that the heartbeat of another machine's process may pause. Disks shared by network show changes late."""


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
        """How long it took, or has taken so far; of another machine's that has not ended, by both clocks."""
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
        """The current attempt at every run that has one, from one look at the folder."""
        highest: dict[str, int] = {}
        with os.scandir(self.folder) as entries:
            for entry in entries:
                run, _, number = entry.name.removesuffix(".json").rpartition(".")
                if run and number.isdigit() and entry.name.endswith(".json"):
                    highest[run] = max(highest.get(run, 0), int(number))
        return {run: self._read(run, number) for run, number in highest.items()}

    def state(self, attempt: Attempt | None) -> State:
        """What an attempt is in truth: one that says it runs is `lost` if its process is gone."""
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

    def claim(self, run: str) -> "Claim | None":
        """Begin the next attempt at a run; None where another process has it, or just took it."""
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
                return None  # else it is ours: a network's disk did it, and was asked again before it answered
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            msg = f"sweep_dir: {self.folder} cannot hold a ledger ({error.strerror}): its disk has no hard links."
            raise ConfigError(msg) from error
        finally:
            temporary.unlink(missing_ok=True)
        return Claim(self, attempt)

    def settle(self, attempt: Attempt, state: State, reason: str, *, repeats: bool = False) -> Attempt:
        """Say of another process's attempt how it ended: it is gone, or was told to stop, and cannot say so itself."""
        ended = replace(attempt, state=state, reason=reason, repeats=repeats, ended=attempt.ended or time.time())
        try:
            self.write(ended)
        except OSError as error:  # a full disk ends runs, and must not end the sweep; a later session finds it lost
            log.error("%s is %s (%s), which cannot be written down: %s", attempt.id, state, reason, error)
        return ended

    def ask_to_stop(self, attempt: Attempt) -> None:
        """Leave word for the process that works on it, wherever it runs; it looks at each heartbeat."""
        try:
            self._stop_file(attempt).touch()
        except OSError as error:
            log.error("%s cannot be told to stop: %s", attempt.id, error)

    def asked_to_stop(self, attempt: Attempt) -> bool:
        """Whether such word is there."""
        return self._stop_file(attempt).exists()

    def superseded(self, attempt: Attempt) -> bool:
        """Whether somebody took the run for lost and began it anew: then this attempt must not write any more."""
        return self._file(attempt.id, attempt.number + 1).exists()

    def write(self, attempt: Attempt) -> None:
        """Put an attempt's file in place, whole."""
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


class Claim:
    """A run that this process has taken. Not for two threads at once, but for `beat`, which one other may call."""

    def __init__(self, ledger: Ledger, attempt: Attempt) -> None:
        self.ledger, self.attempt = ledger, attempt

    def beat(self, progress: Mapping[str, Any]) -> None:
        """Show that the process lives, and how far it is."""
        self.attempt = replace(self.attempt, beats=self.attempt.beats + 1, progress=dict(progress))
        self.ledger.write(self.attempt)

    def end(
        self, state: State, status: int, progress: Mapping[str, Any], reason: str = "", *, repeats: bool = False
    ) -> None:
        """Say how it ended; the last thing that is written."""
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
    """How many there are of each, in the order of a run's life."""
    listed = list(states)
    order: tuple[State, ...] = ("done", "running", "queued", "interrupted", "lost", "pruned", "failed")
    return {state: listed.count(state) for state in order if state in listed}


def _text_of(file: Path) -> str:
    """A file that another machine may be replacing: then a network's disk has lost the one that was opened."""
    for _ in range(LOST):
        try:
            return file.read_text()
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
    return file.read_text()


def _text(attempt: Attempt) -> str:
    return json.dumps(plain(asdict(attempt)), ensure_ascii=False) + "\n"
