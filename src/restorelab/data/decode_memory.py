"""Limit the memory that decoding takes at once, whatever the number of threads."""

import threading
from collections import Counter

from restorelab.data import memory
from restorelab.errors import DataError

SHARE = 0.5
"""Share of the memory available when decoding begins that the images being decoded may take together."""

SMALL = 1 << 26
"""Bytes up to which the available memory is not queried: the query takes longer than decoding a small image."""


class Gate:
    """Admits tasks until `total` bytes are taken; the oldest unfinished task is always admitted.

    Tasks are numbered in the order in which their results are fetched. Without that exception, a task waiting for a
    later one to finish would deadlock.
    """

    def __init__(self, total: int | None = None) -> None:
        self.total = int(SHARE * memory.available()) if total is None else total
        self._taken: Counter[int] = Counter()
        self._oldest = 0
        self._changed = threading.Condition()

    def take(self, task: int, size: int) -> None:
        """Wait until a task may hold `size` bytes in total."""
        with self._changed:
            self._changed.wait_for(lambda: task <= self._oldest or self._fits(task, size))
            self._taken[task] = size
            self._changed.notify_all()

    def done(self, task: int) -> None:
        """Release a task's memory once its results were fetched and written; the next task becomes the oldest."""
        with self._changed:
            self._taken.pop(task, None)
            self._oldest = task + 1
            self._changed.notify_all()

    def close(self) -> None:
        """Admit every task from now on."""
        with self._changed:
            self.total = 1 << 62
            self._changed.notify_all()

    def _fits(self, task: int, size: int) -> bool:
        return sum(self._taken.values()) - self._taken[task] + size <= self.total


def require(size: int, what: str, advice: str = "") -> None:
    """Raise DataError if `size` bytes are not available. The file is not at fault, so this is not a BadImage.

    what: is decoded. advice: what can be done beside freeing memory and splitting the image, "or ...".
    """
    free = memory.available() if size > SMALL else size
    if size > free:
        raise DataError(
            f"{what}: decoding it takes about {size / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are available. "
            f"Free some memory, or split the image{advice}."
        )
