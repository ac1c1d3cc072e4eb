"""Find the keys in which configs differ, and make names of them: `dual_ae-impulse`, `lr=0.001`."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from restorelab.config.dotted import within
from restorelab.config.run_config import default_name
from restorelab.config.schema import GROUPS
from restorelab.errors import ConfigError, nearest
from restorelab.runs.run_identity import NOT_IDENTITY

BARE = ("none", "default", "own", "constant", "standard")
"""Options whose names say nothing without the name of their group."""

ABSENT = "\N{EN DASH}"
"""Stands for the value of a key that a config does not have."""


def flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The scientific values of a config by dotted key, without the seed; the groups' options stand first, by group.

    {"model": "ae", "noise": "gaussian", "optimizer.lr": 0.001, ...}
    """
    chosen = settings.get("choices") or {}
    values = {group: chosen[group] for group in (*GROUPS, "experiment") if group in chosen}
    for key, value in settings.items():
        if key not in ("choices", "seed"):
            _walk(key, value, values)
    return {key: value for key, value in values.items() if not within(key, NOT_IDENTITY)}


def _walk(path: str, value: Any, values: dict[str, Any]) -> None:
    if isinstance(value, Mapping) and value:
        for key, below in value.items():
            _walk(f"{path}.{key}", below, values)
    else:
        values[path] = value


def differing(configs: Mapping[Hashable, Mapping[str, Any]]) -> list[str]:
    """The keys that distinguish the (flat) configs, in order, groups first, without those that follow from others.

    A key follows from those before it if all configs that agree in those have one value of it: the settings that
    `model=ae` brings along distinguish no more than `model=ae` does.
    """
    keys = list(dict.fromkeys(key for config in configs.values() for key in config))
    kept: list[str] = []
    cells: list[list[Hashable]] = [list(configs)]
    for key in keys:
        if len({_plain(configs[name].get(key, ABSENT)) for name in configs}) == 1:
            continue
        split = [_parted(cell, key, configs) for cell in cells]
        if any(len(parts) > 1 for parts in split):
            kept.append(key)
            cells = [part for parts in split for part in parts]
    return kept


def _parted(cell: Sequence[Hashable], key: str, configs: Mapping[Hashable, Mapping[str, Any]]) -> list[list[Hashable]]:
    parts: dict[str, list[Hashable]] = defaultdict(list)
    for name in cell:
        parts[_plain(configs[name].get(key, ABSENT))].append(name)
    return list(parts.values())


def _plain(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def label(key: str, keys: Sequence[str]) -> str:
    """Return the shortest suffix of a dotted key that no other key has: `lr` of `optimizer.lr`."""
    parts = key.split(".")
    for count in range(1, len(parts) + 1):
        end = ".".join(parts[-count:])
        if sum(other == end or other.endswith(f".{end}") for other in keys) == 1:
            return end
    return key


def text(value: Any) -> str:
    """Format a value for a name: 0.001, true, [25,75], the last part of a dotted path."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str):
        dotted = value.count(".") > 1 and re.fullmatch(r"[\w.]+", value)
        return value.rpartition(".")[2] if dotted else value
    return json.dumps(value, separators=(",", ":"), default=str)


def counted(number: int, what: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def names(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """A name for each config, by any key of theirs; no two are equal.

    A name that a sweep, a study or a person gave is kept, where only one config has it; the others are named after
    the keys in which they differ.
    """
    own_names = {key: _own_name(config) for key, config in settings.items()}
    unnamed = [key for key, name in own_names.items() if name is None]
    named = {key: name for key, name in own_names.items() if name is not None}
    named |= _from_differences({key: settings[key] for key in unnamed})
    for name, count in Counter(named.values()).items():
        if count > 1:
            duplicates = {key: settings[key] for key in named if named[key] == name}
            named |= {
                key: f"{name} {suffix}" if suffix != name else name
                for key, suffix in _from_differences(duplicates).items()
            }
    return _unique(named)


def _own_name(config: Mapping[str, Any]) -> str | None:
    """Return the name that a user, a study or a sweep gave a run; None for the default name."""
    name = config.get("name")
    if not name:
        return None
    if config.get("external"):
        return str(name)
    chosen = config.get("choices") or {}
    if str(name).removesuffix("-short") in (default_name(chosen), str(chosen.get("experiment", "")).replace("/", "-")):
        return None
    return str(name).rpartition("/")[2]


def _from_differences(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Names from the keys that differ; for a single config its own name."""
    if len(settings) == 1:
        return {case: str(config.get("name") or "run").rpartition("/")[2] for case, config in settings.items()}
    configs: dict[Hashable, dict[str, Any]] = {case: flat(config) for case, config in settings.items()}
    keys = differing(configs)
    words_of: dict[str, list[str]] = {case: [] for case in settings}
    cells: list[list[Hashable]] = [list(configs)]
    for key in keys:
        shown = label(key, keys)
        split = [_parted(cell, key, configs) for cell in cells]
        for part in (part for several in split if len(several) > 1 for part in several):
            for case in part:
                words_of[str(case)].append(_part(key, shown, configs[case].get(key, ABSENT)))
        cells = [part for several in split for part in several]
    return {case: _joined(words) or str(settings[case].get("name") or "run") for case, words in words_of.items()}


def _part(key: str, shown: str, value: Any) -> str:
    bare = "." not in key and key in (*GROUPS, "experiment") and value not in (*BARE, ABSENT)
    return text(value).replace("/", "-") if bare else f"{shown}={text(value)}"


def _joined(parts: Sequence[str]) -> str:
    """Join the options of groups with hyphens, and values with spaces."""
    groups = [part for part in parts if "=" not in part]
    return " ".join(["-".join(groups), *(part for part in parts if "=" in part)]).strip()


def _unique(named: Mapping[str, str]) -> dict[str, str]:
    """Add numbers to names that occur more than once."""
    seen: Counter[str] = Counter()
    used = set(named.values())
    unique = {}
    for key, name in named.items():
        seen[name] += 1
        chosen = name
        number = seen[name]
        while number > 1 and (chosen := f"{name} ({number})") in used:
            number += 1
        used.add(chosen)
        unique[key] = chosen
    return unique


def chosen(name: str, allowed: Sequence[str], key: str) -> str:
    """The run of a name, or the only one whose name begins so.

    Raises:
        ConfigError: for a name that is not there.
    """
    if name in allowed:
        return name
    matching = [other for other in allowed if other.startswith(name)]
    if len(matching) == 1 and name:
        return matching[0]
    msg = f"{key}={name}: there is no such run. {nearest(name, allowed)}"
    raise ConfigError(msg)
