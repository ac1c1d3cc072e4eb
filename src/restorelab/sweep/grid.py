"""Expand overrides with several values to one list of overrides per run, in Hydra's grammar and order."""

import hashlib
import itertools
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from hydra.core.override_parser.types import Glob, Override, Transformer

from restorelab.config import conf_files, hydra_errors
from restorelab.config import overrides as grammar
from restorelab.errors import ConfigError, nearest

LONGEST = 80
"""The most characters of a label; with seed and hash appended it is still a readable folder name."""

UNSAFE = re.compile(r"[^\w.+-]+", re.ASCII)
"""Characters that a label must not have, because it is part of a path and is typed in shells."""

ONE_RUN = {
    "run_dir": "it is one run's. The folder of a sweep is sweep_dir=FOLDER.",
    "runs_dir": "a sweep lies in one place: expected one value.",
}
"""Keys that several runs cannot take, with the reason."""


@dataclass(frozen=True)
class Combination:
    """One point of the grid.

    Attributes:
        overrides: for one run, as on the command line of train.py.
        swept: by key, the values that differ between the combinations; the seed is not among them.
        label: of these values, for people and for a file's name: `ae-gaussian-lr_0.001`. At most 80 characters, equal
            for equal values only; empty where nothing but the seed is swept.
    """

    overrides: list[str]
    swept: dict[str, Any] = field(default_factory=dict)
    label: str = ""


def expand(overrides: Sequence[str]) -> list[Combination]:
    """Every combination, in the order of `train.py -m`: the last key moves fastest.

    overrides: `a,b`, `choice(a,b)`, `range(3)`, `glob(dual_*)`, `sort(...)`, `shuffle(...)`, and plain ones.

    Raises:
        ConfigError: for what Hydra cannot read, a range or glob that gives nothing, and an interval.
    """
    lines: dict[str, list[str]] = {}
    swept: dict[str, list[Any]] = {}
    for override in parse(overrides):
        key = override.get_key_element()
        if not override.is_sweep_override():
            lines[key] = [f"{key}={override.get_value_element_as_str()}"]
            swept.pop(key, None)
            continue
        lines[key] = [f"{key}={value}" for value in values(override)]
        swept[key] = [parsed.value() for parsed in parse(lines[key])]
    swept = {key: swept[key] for key in lines if key in swept}  # a key that is given twice keeps its first position
    if "run_dir" in lines:
        msg = f"{lines['run_dir'][0]}: {ONE_RUN['run_dir']}"
        raise ConfigError(msg)
    points = [dict(zip(swept, point, strict=True)) for point in itertools.product(*swept.values())]
    swept_points = [{_bare(key): value for key, value in point.items() if _bare(key) != "seed"} for point in points]
    return [
        Combination(list(together), point, label)
        for together, point, label in zip(
            itertools.product(*lines.values()), swept_points, labels(swept_points), strict=True
        )
    ]


def dimensions(overrides: Sequence[str]) -> dict[str, Override]:
    """Return by key the overrides that give several values or an interval; the last override of a key counts."""
    last = {override.get_key_element(): override for override in parse(overrides)}
    return {_bare(key): override for key, override in last.items() if override.is_sweep_override()}


def parse(overrides: Sequence[str]) -> list[Override]:
    """Read overrides as Hydra does. Raises ConfigError naming the one that cannot be read."""
    try:
        parsed = grammar.parse(overrides)
    except hydra_errors.CAUGHT as error:
        raise hydra_errors.explained(error, overrides) from error
    for override in parsed:
        if override.is_sweep_override() and override.key_or_group in ONE_RUN:
            msg = f"{override.input_line}: {ONE_RUN[override.key_or_group]}"
            raise ConfigError(msg)
        if override.is_sweep_override() and override.is_hydra_override():
            msg = f"{override.input_line}: Hydra's own keys take one value."
            raise ConfigError(msg)
    return parsed


def values(override: Override) -> list[str]:
    """The values of an override with several, each as it would be written for one run.

    Raises:
        ConfigError: where there is none, and for an interval, which is no list.
    """
    line = override.input_line
    if override.is_interval_sweep():
        msg = f"{line}: an interval has no end of values. Name some, a,b, or let search=tpe choose."
        raise ConfigError(msg)
    glob = override.value()
    if isinstance(glob, Glob):
        offered = conf_files.options(override.key_or_group)
        if not (options := glob.filter(offered)):
            pattern = ",".join(glob.include)
            why = nearest(pattern, offered) if offered else f"{override.key_or_group} is not a config group."
            msg = f"{line}: nothing matches. {why}"
            raise ConfigError(msg)
        return options
    options = [str(value) for value in override.sweep_iterator(Transformer.str)]
    if not options:
        msg = f"{line}: it is empty, and so would the sweep be."
        raise ConfigError(msg)
    return options


def labels(points: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a readable name for each point, safe as a file name, unique for each set of values."""
    # the option of a config group needs no key before it
    prefixes = {
        keys: ["" if conf_files.is_group(key) else f"{short_key(key, keys)}_" for key in keys]
        for keys in set(map(tuple, points))
    }
    keys = dict.fromkeys(key for point in points for key in point)
    ends = {
        key: {} if conf_files.is_group(key) else _ends([point[key] for point in points if key in point]) for key in keys
    }
    texts = []
    for point in points:
        shown = [_text(ends[key].get(value, value) if ends[key] else value) for key, value in point.items()]
        parts = map("".join, zip(prefixes[tuple(point)], shown, strict=True))
        texts.append(UNSAFE.sub("-", "-".join(parts)).strip("-."))
    marks = [json.dumps(point, sort_keys=True, default=str) for point in points]
    by_text: dict[str, set[str]] = defaultdict(set)
    for text, mark in zip(texts, marks, strict=True):
        by_text[text].add(mark)
    return [
        text
        if len(text) <= LONGEST and len(by_text[text]) == 1
        else f"{text[: LONGEST - 7].rstrip('-.')}-{hashlib.sha256(mark.encode()).hexdigest()[:6]}"
        for text, mark in zip(texts, marks, strict=True)
    ]


def _ends(values: Sequence[Any]) -> dict[str, str]:
    """Return for each path the fewest last parts that distinguish it. Empty if not all values are paths."""
    paths = {value: PurePath(value).parts for value in values if isinstance(value, str) and "/" in value}
    if len(paths) < len({str(value) for value in values}):
        return {}
    for count in range(1, max(map(len, paths.values()), default=0) + 1):
        ends = {value: UNSAFE.sub("-", "/".join(parts[-count:])).strip("-.") for value, parts in paths.items()}
        if len(set(ends.values())) == len(ends) and all(ends.values()):
            return ends
    return {}


def short_key(key: str, keys: Sequence[str]) -> str:
    """Return the shortest suffix of a dotted key that is unique: `lr`, or `optimizer.lr` beside `scheduler.lr`."""
    words = key.split(".")
    for count in range(1, len(words)):
        tail = ".".join(words[-count:])
        if not any(other != key and f".{other}".endswith(f".{tail}") for other in keys):
            return tail
    return key


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "x".join(map(_text, value))
    if isinstance(value, float) and len(str(value)) > 8:
        return f"{value:.4g}"  # a key of a search; a name need not contain all of it
    return json.dumps(value) if value is None or isinstance(value, bool | dict) else str(value)


def _bare(key: str) -> str:
    return key.lstrip("+~")
