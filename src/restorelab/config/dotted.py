"""Dotted keys of a config: `optimizer.lr`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def within(key: str, keys: Iterable[str]) -> bool:
    """Return whether a key is one of `keys` or below one: `logger.name` is within `logger`."""
    return any(key == other or key.startswith(f"{other}.") for other in keys)


def leaves(node: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the dotted keys of nested mappings whose value is not a mapping, or an empty one."""
    for key, value in node.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}"
