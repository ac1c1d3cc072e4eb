"""The journal of a search: Optuna's, one line per event, repaired before it is opened."""

import json
import logging
from pathlib import Path

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from restorelab.errors import DataError
from restorelab.sweep.search.journal_lock import OwnedLock

log = logging.getLogger(__name__)

NAME = "optuna.journal"


def open_journal(file: Path) -> JournalStorage:
    """Open a journal, or begin one.

    Raises:
        DataError: where a line in the middle cannot be read.
    """
    lock = OwnedLock(file)
    lock.acquire()
    try:
        lock.sweep_out()
        mend(file)
    finally:
        lock.release()
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
