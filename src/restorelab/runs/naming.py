"""What differs between configs, and names made of it: `dual_ae-impulse`, `lr=0.001`."""

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
"""Options that say nothing without the name of their group."""

ABSENT = "\N{EN DASH}"
"""The value of a key that a config does not have."""


def flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The scientific values of a config by dotted key, without the seed; the groups' options stand first, by group.

    {"model": "ae", "noise": "gaussian", "optimizer.lr": 0.001, ...}
    """
    chosen = settings.get("choices") or {}
    found = {group: chosen[group] for group in (*GROUPS, "experiment") if group in chosen}
    for key, value in settings.items():
        if key not in ("choices", "seed"):
            _walk(key, value, found)
    return {key: value for key, value in found.items() if not within(key, NOT_IDENTITY)}


def _walk(path: str, value: Any, found: dict[str, Any]) -> None:
    if isinstance(value, Mapping) and value:
        for key, below in value.items():
            _walk(f"{path}.{key}", below, found)
    else:
        found[path] = value


def differing(configs: Mapping[Hashable, Mapping[str, Any]]) -> list[str]:
    """Keys that tell the (flat) configs apart, in order: groups first, and nothing that those before it explain.

    A key is explained where it has one value among all configs that agree in the keys before it: what `model=ae` brings
    along tells no more than `model=ae` does.
    """
    keys = list(dict.fromkeys(key for config in configs.values() for key in config))
    kept: list[str] = []
    cells: list[list[Hashable]] = [list(configs)]
    for key in keys:
        if len({_plain(configs[one].get(key, ABSENT)) for one in configs}) == 1:
            continue
        split = [_parted(cell, key, configs) for cell in cells]
        if any(len(parts) > 1 for parts in split):
            kept.append(key)
            cells = [part for parts in split for part in parts]
    return kept


def _parted(cell: Sequence[Hashable], key: str, configs: Mapping[Hashable, Mapping[str, Any]]) -> list[list[Hashable]]:
    parts: dict[str, list[Hashable]] = defaultdict(list)
    for one in cell:
        parts[_plain(configs[one].get(key, ABSENT))].append(one)
    return list(parts.values())


def _plain(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def label(key: str, keys: Sequence[str]) -> str:
    """The shortest end of a dotted key that no other of the keys has: `lr` of `optimizer.lr`."""
    parts = key.split(".")
    for count in range(1, len(parts) + 1):
        end = ".".join(parts[-count:])
        if sum(other == end or other.endswith(f".{end}") for other in keys) == 1:
            return end
    return key


def text(value: Any) -> str:
    """A value as a name holds it: 0.001, true, [25,75], the last part of a dotted path."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str):
        dotted = value.count(".") > 1 and re.fullmatch(r"[\w.]+", value)
        return value.rpartition(".")[2] if dotted else value
    return json.dumps(value, separators=(",", ":"), default=str)


def counted(number: int, what: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names in a sentence, of which at most `most` are written out."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def names(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """A name for each config, by any key of theirs; no two are equal.

    What a sweep, a study or a person called a run stands, where only one config has that name; the others are named
    after what differs between them.
    """
    given = {one: _given(config) for one, config in settings.items()}
    nameless = [one for one, name in given.items() if name is None]
    found = {one: name for one, name in given.items() if name is not None}
    found |= _told({one: settings[one] for one in nameless})
    for name, count in Counter(found.values()).items():
        if count > 1:
            same = {one: settings[one] for one in found if found[one] == name}
            found |= {one: f"{name} {more}" if more != name else name for one, more in _told(same).items()}
    return _unique(found)


def _given(config: Mapping[str, Any]) -> str | None:
    """What a run was called; None for the name that it gets when nobody names it."""
    name = config.get("name")
    if not name:
        return None
    if config.get("external"):
        return str(name)
    chosen = config.get("choices") or {}
    if str(name).removesuffix("-short") in (default_name(chosen), str(chosen.get("experiment", "")).replace("/", "-")):
        return None
    return str(name).rpartition("/")[2]


def _told(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Names from what differs; of a single config its own name."""
    if len(settings) == 1:
        return {one: str(config.get("name") or "run").rpartition("/")[2] for one, config in settings.items()}
    configs: dict[Hashable, dict[str, Any]] = {one: flat(config) for one, config in settings.items()}
    keys = differing(configs)
    parts: dict[str, list[str]] = {one: [] for one in settings}
    cells: list[list[Hashable]] = [list(configs)]
    for key in keys:
        shown = label(key, keys)
        split = [_parted(cell, key, configs) for cell in cells]
        for part in (part for several in split if len(several) > 1 for part in several):
            for one in part:
                parts[str(one)].append(_part(key, shown, configs[one].get(key, ABSENT)))
        cells = [part for several in split for part in several]
    return {one: _joined(said) or str(settings[one].get("name") or "run") for one, said in parts.items()}


def _part(key: str, shown: str, value: Any) -> str:
    bare = "." not in key and key in (*GROUPS, "experiment") and value not in (*BARE, ABSENT)
    return text(value).replace("/", "-") if bare else f"{shown}={text(value)}"


def _joined(parts: Sequence[str]) -> str:
    """Groups with hyphens, then values with blanks between them."""
    groups = [part for part in parts if "=" not in part]
    return " ".join(["-".join(groups), *(part for part in parts if "=" in part)]).strip()


def _unique(found: Mapping[str, str]) -> dict[str, str]:
    """Number what still has the same name."""
    seen: Counter[str] = Counter()
    taken = set(found.values())
    unique = {}
    for one, name in found.items():
        seen[name] += 1
        chosen = name
        number = seen[name]
        while number > 1 and (chosen := f"{name} ({number})") in taken:
            number += 1
        taken.add(chosen)
        unique[one] = chosen
    return unique


def chosen(name: str, allowed: Sequence[str], key: str) -> str:
    """A run's name as a person gave it, or the only one that begins so.

    Raises:
        ConfigError: for a name that is not there.
    """
    if name in allowed:
        return name
    begun = [other for other in allowed if other.startswith(name)]
    if len(begun) == 1 and name:
        return begun[0]
    msg = f"{key}={name}: no run is called so. {nearest(name, allowed)}"
    raise ConfigError(msg)
