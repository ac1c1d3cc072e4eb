"""Values that several images share are made once, also by threads at the same time."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from restorelab.data.latest import Latest
from restorelab.errors import DataError


def test_a_value_is_made_once_by_threads_at_the_same_time() -> None:
    latest, made, together = Latest[str, int](2), [], threading.Barrier(4)

    def ask(_: int) -> int:
        together.wait()
        return latest.get("a", lambda: made.append(1) or len(made))

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(4))) == [1, 1, 1, 1]


def test_the_oldest_is_freed_and_made_anew() -> None:
    latest, made = Latest[str, str](2), []
    for key in "abacab":
        assert latest.get(key, lambda key=key: made.append(key) or key) == key
    assert made == ["a", "b", "c", "a", "b"]


def test_an_error_is_everybodys() -> None:
    latest, asked = Latest[str, int](2), []

    def fails() -> int:
        asked.append(1)
        raise DataError("damaged")

    for _ in range(2):
        with pytest.raises(DataError, match="damaged"):
            latest.get("a", fails)
    assert len(asked) == 1
    latest.forget()
    assert latest.get("a", lambda: 5) == 5
