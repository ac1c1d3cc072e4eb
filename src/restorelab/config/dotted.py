"""Dotted keys of a config: `optimizer.lr`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def within(key: str, keys: Iterable[str]) -> bool:
    """Whether a key is one of `keys` or lies below one: `logger.name` within `logger`."""
    return any(key == other or key.startswith(f"{other}.") for other in keys)


def leaves(node: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """The keys of nested mappings that hold a value, or an empty mapping."""
    for key, value in node.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}"
