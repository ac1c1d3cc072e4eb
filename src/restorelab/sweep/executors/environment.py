"""Environment variables that are set for a limited time, for processes that are started meanwhile."""

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping

_changing = threading.Lock()


@contextlib.contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables of this process's environment and restore the previous values at the end."""
    with _changing:
        before = {name: os.environ.get(name) for name in values}
        os.environ.update(values)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
