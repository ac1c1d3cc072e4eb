"""Keep the values that were made last, so that several images of one file share the work of reading it."""

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from restorelab.errors import DataError

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Latest(Generic[Key, Value]):
    """The values of the last `most` keys, each made once, by the first thread that asks for it."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._lock = threading.Lock()
        self._entries: dict[Key, tuple[threading.Lock, list[Value | DataError]]] = {}

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """Return the value of a key; make it, or wait for the thread that does.

        Raises:
            DataError: the error of making it, to every caller.
        """
        with self._lock:
            lock, results = self._entries.setdefault(key, (threading.Lock(), []))
            for oldest in list(self._entries)[: -self.most]:  # freed before the next one is made
                del self._entries[oldest]
        with lock:
            if not results:
                try:
                    results.append(make())
                except DataError as error:
                    results.append(error)
        if isinstance(results[0], DataError):
            raise results[0]
        return results[0]

    def forget(self) -> None:
        """Free the memory of all values."""
        with self._lock:
            self._entries.clear()
