"""The lock of a search's journal, which a killed process cannot leave shut.

Unlike Optuna's own two, which know nothing of who holds them, so that everybody waits 30 s for a dead process (and for
ever, at full load, with `JournalFileSymlinkLock` and a relative path: the link then leads nowhere, and its time of
change is asked for again and again): this one names its owner. A dead process of this machine has lost it at once,
another machine's after `PATIENCE`. It is the same file, so that Optuna's dashboard and this lock exclude each other.
"""

import contextlib
import json
import logging
import os
import time
import uuid
from dataclasses import asdict
from pathlib import Path

from optuna.storages.journal import JournalFileOpenLock

from restorelab.errors import UserError
from restorelab.runs.process_id import Owner

log = logging.getLogger(__name__)

PATIENCE = 20.0
"""Seconds that a lock of an unknown owner may stand unchanged. It is held for one write, some milliseconds."""

AT_ONCE = 1.0
"""Seconds after which an empty ticket counts as left behind by a process that was killed before writing it."""

LONGEST = 120.0
"""Seconds after which waiting for a live process is given up: the process was stopped, or its disk hangs."""


class OwnedLock(JournalFileOpenLock):
    """Excludes other processes from a journal; not other threads. The disk needs hard links, as the ledger does.

    journal: the file that is protected. patience: see `PATIENCE`.
    """

    def __init__(self, journal: Path, patience: float = PATIENCE) -> None:
        super().__init__(str(journal))
        self.file = journal.with_name(f"{journal.name}.lock")  # the name that Optuna gives it
        self.patience = patience
        self._mine = ""

    def acquire(self) -> bool:
        """Wait until the lock is this process's.

        Raises:
            UserError: when a process that is alive keeps it for `LONGEST` seconds.
        """
        self._mine = json.dumps({**asdict(Owner.me()), "token": uuid.uuid4().hex})
        ticket = self.file.with_name(f"{self.file.name}.{uuid.uuid4().hex}")
        ticket.write_text(self._mine)
        try:
            self._wait_for(ticket)
        finally:
            ticket.unlink()
        return True

    def release(self) -> None:
        """Release the lock, unless another process has taken it over as abandoned."""
        if _content(self.file) == self._mine:
            self.file.unlink()

    def sweep_out(self) -> None:
        """Remove the tickets of processes that were killed while waiting. For the owner of the lock only."""
        for ticket in self.file.parent.glob(f"{self.file.name}.*"):
            content, age = _content(ticket), _written(self.file) - _written(ticket)  # by one clock, the disk's
            if _alive(content) is False or (not content and age > AT_ONCE):
                ticket.unlink(missing_ok=True)

    def _wait_for(self, ticket: Path) -> None:
        began = since = time.monotonic()
        seen: tuple[int, int] | None = None
        while not _linked(ticket, self.file):
            found, content = _mark(self.file), _content(self.file)
            if found is None:
                continue  # the lock is being released at this moment
            if found != seen:
                seen, since = found, time.monotonic()
            alive = _alive(content)
            if alive is False or (alive is None and time.monotonic() - since > self.patience):
                log.info("%s: the process that held it is gone; going on without it", self.file)
                self._break(found)
            elif time.monotonic() - began > LONGEST:
                msg = (
                    f"{self.file}: held for {LONGEST:.0f} s by a process that is alive: {content}. Does it stand still?"
                )
                raise UserError(msg)
            else:
                time.sleep(0.005)

    def _break(self, found: tuple[int, int]) -> None:
        """Remove an abandoned lock. Two may try at once: who moves away what a third has just taken puts it back."""
        aside = self.file.with_name(f"{self.file.name}.{uuid.uuid4().hex}")
        with contextlib.suppress(FileNotFoundError):
            self.file.rename(aside)
            if _mark(aside) != found:
                with contextlib.suppress(FileExistsError):
                    os.link(aside, self.file, follow_symlinks=False)
            aside.unlink()


def _linked(ticket: Path, file: Path) -> bool:
    try:
        os.link(ticket, file)
    except FileExistsError:
        # Over NFS a repeated request may be refused because the first one succeeded.
        return ticket.stat().st_nlink == 2
    return True


def _mark(file: Path) -> tuple[int, int] | None:
    """Return what changes when a lock gets another owner; the link count must not."""
    try:
        stat = file.lstat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_mtime_ns


def _written(file: Path) -> float:
    found = _mark(file)
    return found[1] / 1e9 if found else 0.0


def _content(file: Path) -> str:
    """Return the owner that the lock names; "" for Optuna's own lock, a link or an empty file."""
    try:
        return "" if file.is_symlink() else file.read_text()
    except OSError:
        return ""


def _alive(content: str) -> bool | None:
    """Return whether the owner still runs; None where that cannot be known."""
    try:
        told = json.loads(content)
        return Owner(told["host"], told["machine"], told["pid"], told["born"]).alive()
    except (ValueError, TypeError, KeyError):
        return None
