"""Dotted keys of a config: `optimizer.lr`."""

from collections.abc import Iterable


def within(key: str, keys: Iterable[str]) -> bool:
    """Whether a key is one of `keys` or lies below one: `logger.name` within `logger`."""
    return any(key == other or key.startswith(f"{other}.") for other in keys)
