"""What no configuration may say, whatever its targets: numbers that are none, and Hydra's keys in the wrong places."""

import math
from collections.abc import Mapping
from typing import Any

from restorelab.config.signatures import describe, in_yaml
from restorelab.degradations.labels import STAGES
from restorelab.errors import ConfigError, nearest

GREATEST = 2**63 - 1
"""The greatest whole number that torch takes."""

PARTIAL = ("optimizer", "scheduler", "data.source")
"""Nodes that the run itself calls, with what it alone knows: `_partial_: true`, as their files say."""

HYDRA: dict[str, type] = {"_partial_": bool, "_recursive_": bool, "_args_": list, "_convert_": str}
"""Hydra's keys of a node, beside its target, and their types."""

CONVERSIONS = ("none", "partial", "object", "all")


def check(path: str, node: Any, *, theirs: bool = False) -> None:
    """Hold every number and every key of Hydra in a group of a config against what can be meant.

    theirs: whether the node belongs to a class of another package than restorelab and torch, for which infinity may
    mean something.

    Raises:
        ConfigError: naming the key and what is allowed.
    """
    if isinstance(node, Mapping):
        if "_target_" in node:
            theirs = not str(node["_target_"]).startswith(("restorelab.", "torch."))
            _check_hydra(path, node, theirs=theirs)
        for key, value in sorted(node.items(), key=lambda item: isinstance(item[1], Mapping)):
            check(f"{path}.{key}", value, theirs=theirs)  # a value before those that are made of it
    elif isinstance(node, list):
        for place, value in enumerate(node):
            check(f"{path}[{place}]", value, theirs=theirs)
    else:
        check_number(path, node, infinite=theirs)


def check_evaluation(path: str, entry: Mapping[str, Any]) -> None:
    """Raise ConfigError for a named evaluation whose stages build nothing, as a misspelt name leaves it."""
    for stage in STAGES:
        if stage in entry and "_target_" not in entry[stage]:
            msg = f"{path}.{stage}: expected a mapping with a _target_; nothing else names {path} before."
            raise ConfigError(msg)
    if entry and not set(STAGES) & entry.keys():
        msg = f"{path}: it states no {', '.join(STAGES[:-1])} or {STAGES[-1]}. Is it another's name, misspelt?"
        raise ConfigError(msg)


def check_number(path: str, value: Any, *, infinite: bool = False) -> None:
    """Raise ConfigError for NaN, for infinity unless it is allowed, and for whole numbers beyond 64 bits."""
    if isinstance(value, float) and (math.isnan(value) or (math.isinf(value) and not infinite)):
        msg = f"{path}: {value} does not fit; expected a finite number."
        raise ConfigError(msg)
    if isinstance(value, int) and abs(value) > GREATEST:
        msg = f"{path}: {in_yaml(value)} does not fit; expected a whole number of at most {GREATEST}."
        raise ConfigError(msg)


def _check_hydra(path: str, node: Mapping[str, Any], *, theirs: bool) -> None:
    if path in PARTIAL and node.get("_partial_") is not True:
        msg = f"{path}._partial_: {in_yaml(node.get('_partial_'))} does not fit; expected true: the run calls it."
        raise ConfigError(msg)
    for key, kind in HYDRA.items():
        if key not in node or (key == "_partial_" and path.startswith(PARTIAL)):  # parts of a schedule are, too
            continue
        value = node[key]
        if path in PARTIAL or not (theirs or str(node["_target_"]).startswith("torch.")):
            msg = f"{path}.{key}: {node['_target_']} is built whole, from named values. Remove it: ~{path}.{key}"
            raise ConfigError(msg)
        if not isinstance(value, kind):
            msg = f"{path}.{key}: {in_yaml(value)} does not fit; expected {describe(kind)}."
            raise ConfigError(msg)
        if key == "_convert_" and value not in CONVERSIONS:
            msg = f"{path}.{key}: {in_yaml(value)} does not fit. {nearest(str(value), CONVERSIONS)}"
            raise ConfigError(msg)
    if node.get("_partial_") is True and path not in PARTIAL and "." not in path:
        msg = f"{path}._partial_: nothing would call it, so that it is never built. Remove it: ~{path}._partial_"
        raise ConfigError(msg)
