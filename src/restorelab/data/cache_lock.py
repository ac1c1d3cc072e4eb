"""One run at a time: a lock between processes that says when it waits. It dies with the process that holds it."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from restorelab.errors import DataError

log = logging.getLogger(__name__)


def lock_of(target: Path) -> FileLock:
    """The lock of a file or folder, kept in a hidden file beside it."""
    return FileLock(target.parent / f".{target.name}.lock")


@contextmanager
def alone_with(target: Path, refused: Callable[[Path, OSError], DataError] | None = None) -> Iterator[None]:
    """Hold the lock of `target`, whose folder is made where missing.

    Raises:
        DataError: where nothing can be written there. refused: makes it, of the folder and the reason.
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
        told = refused(target.parent, error) if refused else DataError(f"{target.parent} cannot be written: {error}")
        raise told from error
    try:
        yield
    finally:
        lock.release()
