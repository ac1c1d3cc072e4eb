"""A key, and what lies below it."""

import pytest

from restorelab.config.dotted import within


@pytest.mark.parametrize(
    ("key", "there"),
    [("logger", True), ("logger.name", True), ("data.root", True), ("loggers", False), ("data", False), ("x", False)],
)
def test_a_key_or_below_it(key: str, there: bool) -> None:
    assert within(key, ("logger", "data.root")) is there
    assert not within(key, ())
