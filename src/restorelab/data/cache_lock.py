"""A lock between processes, which logs when it has to wait and is released when the process that holds it ends."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from restorelab.errors import DataError

log = logging.getLogger(__name__)


def lock_of(target: Path) -> FileLock:
    """Return the lock of a file or folder: a hidden file beside it."""
    return FileLock(target.parent / f".{target.name}.lock")


@contextmanager
def alone_with(target: Path, refused: Callable[[Path, OSError], DataError] | None = None) -> Iterator[None]:
    """Hold the lock of `target`; its parent folder is created if it does not exist.

    Raises:
        DataError: if the lock cannot be written; made by `refused`, if given, from the folder and the OSError.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = lock_of(target)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            log.info("another run is preparing %s; waiting for it", target)
            lock.acquire()
    except OSError as error:
        if refused:
            raise refused(target.parent, error) from error
        raise DataError(f"{target.parent} cannot be written: {error}") from error
    try:
        yield
    finally:
        lock.release()
