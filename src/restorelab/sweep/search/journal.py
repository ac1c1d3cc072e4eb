"""The journal of a search: Optuna's, one line per event, repaired before it is opened."""

import json
import logging
from pathlib import Path

from filelock import Timeout
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from restorelab.data.cache_lock import lock_of
from restorelab.errors import DataError, UserError

log = logging.getLogger(__name__)

NAME = "optuna.journal"

LONGEST = 120.0
"""Seconds after which waiting for a live process is given up. It holds the lock for one write, some milliseconds."""


class JournalLock(JournalFileOpenLock):
    """Excludes other processes from a journal, by a lock that the system releases when its process is killed.

    Optuna's own locks are files that a killed process leaves behind, so that the next one waits 30 s for it. What
    `optuna-dashboard` writes (notes of its user) is one append, and is not excluded.
    """

    def __init__(self, journal: Path) -> None:
        super().__init__(str(journal))
        self.lock = lock_of(journal)

    def acquire(self) -> bool:
        """Wait until the lock is this process's; UserError if a process that is alive keeps it for `LONGEST` s."""
        try:
            self.lock.acquire(timeout=LONGEST)
        except Timeout as error:
            msg = f"{self.lock.lock_file}: another process has held this lock for {LONGEST:g} s. Is it suspended?"
            raise UserError(msg) from error
        return True

    def release(self) -> None:
        """Give the lock back."""
        self.lock.release()


def open_journal(file: Path) -> JournalStorage:
    """Open a journal, or begin one.

    Raises:
        DataError: where a line in the middle cannot be read.
    """
    lock = JournalLock(file)
    with lock.lock:
        mend(file)
    return JournalStorage(JournalFileBackend(str(file), lock_obj=lock))


def mend(file: Path) -> None:
    """Cut off what a process wrote of its last line before it was killed. What was cut off was never said to be done.

    Optuna reads past such an end, but its next write would be glued to it, and that journal never be read again.

    Raises:
        DataError: where a line in the middle cannot be read.
    """
    if not file.exists():
        return
    content = file.read_bytes()
    whole = 0  # number of bytes that can be read
    for number, line in enumerate(content.splitlines(keepends=True), start=1):
        if not _readable(line):
            if whole + len(line) < len(content):
                msg = f"{file}: line {number} cannot be read. Something else wrote to it; remove that line to go on."
                raise DataError(msg)
            log.warning("%s: its last line was cut short by a kill; removing %d bytes", file, len(line))
            with file.open("r+b") as stream:
                stream.truncate(whole)
            return
        whole += len(line)


def _readable(line: bytes) -> bool:
    try:
        return line.endswith(b"\n") and isinstance(json.loads(line), dict)
    except ValueError:
        return False
