"""The keys of a config that were requested, on the command line or in the experiment's file."""

from collections.abc import Mapping, Sequence
from typing import Any

from restorelab.config.dotted import leaves, within
from restorelab.config.overrides import parse


class Requested:
    """The keys and groups that the overrides set, or the experiment that they choose.

    groups: the requested option of each group. keys: the dotted keys and groups that are set.
    """

    def __init__(self, overrides: Sequence[str], experiment: Mapping[str, Any] | None = None) -> None:
        """experiment: the content of its file; None without an experiment."""
        self.keys: set[str] = set()
        self.groups: dict[str, str] = {}
        body = dict(experiment or {})
        for entry in body.pop("defaults", None) or []:
            for key, option in entry.items() if isinstance(entry, Mapping) else ():
                self._add(str(key).removeprefix("override ").lstrip("/").partition("@")[0], option)
        self.keys |= set(leaves(body))
        for override in parse(overrides):
            self._add(override.key_or_group, None if override.is_delete() else override.value())

    def _add(self, key: str, value: Any) -> None:
        self.keys.add(key)
        if isinstance(value, str) and "." not in key:
            self.groups[key] = value

    def __contains__(self, key: str) -> bool:
        """Return whether a key, or a mapping that holds it, was requested."""
        return within(key, self.keys)

    def under(self, key: str) -> list[str]:
        """Return the requested keys among a key and those below it."""
        return [other for other in self.keys if within(other, [key])]
