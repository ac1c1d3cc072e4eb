"""How much memory decoding takes at once, whatever the number of threads."""

import threading
from collections import Counter

from restorelab.data import memory
from restorelab.errors import DataError

SHARE = 0.5
"""Of the memory at hand when decoding begins: what images in flight may take together."""


SMALL = 1 << 26
"""Bytes up to which nobody asks how much memory there is: the question takes longer than a small image."""


class Gate:
    """Lets tasks take memory until its `total` bytes are taken; the oldest task that is not done always may.

    Tasks are numbered in the order in which their results are fetched: one that waited for a younger one to be fetched
    would wait for ever.
    """

    def __init__(self, total: int | None = None) -> None:
        self.total = int(SHARE * memory.available()) if total is None else total
        self._taken: Counter[int] = Counter()
        self._oldest = 0
        self._changed = threading.Condition()

    def take(self, task: int, size: int) -> None:
        """Wait until a task may hold `size` bytes in all."""
        with self._changed:
            self._changed.wait_for(lambda: task <= self._oldest or self._fits(task, size))
            self._taken[task] = size
            self._changed.notify_all()

    def done(self, task: int) -> None:
        """A task's results were fetched and written; the next one is the oldest."""
        with self._changed:
            self._taken.pop(task, None)
            self._oldest = task + 1
            self._changed.notify_all()

    def close(self) -> None:
        """Let everybody through: nothing is waited for any more."""
        with self._changed:
            self.total = 1 << 62
            self._changed.notify_all()

    def _fits(self, task: int, size: int) -> bool:
        return sum(self._taken.values()) - self._taken[task] + size <= self.total


def require(size: int, what: str) -> None:
    """Raise DataError where `size` bytes are more than there is: not the file's fault, so it is not a bad image."""
    free = memory.available() if size > SMALL else size
    if size > free:
        raise DataError(
            f"{what}: decoding it takes about {size / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are available. "
            "Free some, cut the image into parts, or leave images of that size out with data.max_megapixels."
        )
