"""Checks that apply to every config, whatever its targets: finite numbers, and Hydra's keys only where they belong."""

import math
from collections.abc import Mapping
from typing import Any

from restorelab.config.signatures import describe, in_yaml
from restorelab.degradations.labels import STAGES
from restorelab.errors import ConfigError, nearest

GREATEST = 2**63 - 1
"""The greatest integer that torch accepts."""

PARTIAL = ("optimizer", "scheduler", "data.source")
"""Nodes with `_partial_: true`, whose targets the run calls with further arguments."""

HYDRA: dict[str, type] = {"_partial_": bool, "_recursive_": bool, "_args_": list, "_convert_": str}
"""Hydra's keys of a node, beside its target, and their types."""

CONVERSIONS = ("none", "partial", "object", "all")


def check(path: str, node: Any, *, theirs: bool = False) -> None:
    """Check every number and every key of Hydra in a config group.

    theirs: whether the node belongs to a class of another package than restorelab and torch, which may accept infinity.

    Raises:
        ConfigError: naming the key and what is allowed.
    """
    if isinstance(node, Mapping):
        if "_target_" in node:
            theirs = not str(node["_target_"]).startswith(("restorelab.", "torch."))
            _check_hydra(path, node, theirs=theirs)
        for key, value in sorted(node.items(), key=lambda item: isinstance(item[1], Mapping)):
            check(f"{path}.{key}", value, theirs=theirs)  # plain values before the mappings that interpolate them
    elif isinstance(node, list):
        for place, value in enumerate(node):
            check(f"{path}[{place}]", value, theirs=theirs)
    else:
        check_number(path, node, infinite=theirs)


def check_evaluation(path: str, entry: Mapping[str, Any]) -> None:
    """Raise ConfigError for an evaluation without stages or targets, which is what a misspelled name results in."""
    for stage in STAGES:
        if stage in entry and "_target_" not in entry[stage]:
            raise ConfigError(f"{path}.{stage}: expected a mapping with a _target_. Is the name of {path} misspelled?")
    if entry and not set(STAGES) & entry.keys():
        raise ConfigError(f"{path}: it has no {', '.join(STAGES[:-1])} or {STAGES[-1]}. Is its name misspelled?")


def check_number(path: str, value: Any, *, infinite: bool = False) -> None:
    """Raise ConfigError for NaN, for infinity unless it is allowed, and for integers beyond 64 bits."""
    if isinstance(value, float) and (math.isnan(value) or (math.isinf(value) and not infinite)):
        raise ConfigError(f"{path}: {value} does not fit; expected a finite number.")
    if isinstance(value, int) and abs(value) > GREATEST:
        raise ConfigError(f"{path}: {in_yaml(value)} does not fit; expected a whole number of at most {GREATEST}.")


def _check_hydra(path: str, node: Mapping[str, Any], *, theirs: bool) -> None:
    if path in PARTIAL and node.get("_partial_") is not True:
        value = in_yaml(node.get("_partial_"))
        raise ConfigError(f"{path}._partial_: {value} does not fit; expected true, because the run calls the target.")
    for key, kind in HYDRA.items():
        if key not in node or (key == "_partial_" and path.startswith(PARTIAL)):  # parts of a schedule may be partial
            continue
        value = node[key]
        if path in PARTIAL or not (theirs or str(node["_target_"]).startswith("torch.")):
            raise ConfigError(f"{path}.{key}: not supported for {node['_target_']}. Remove it: ~{path}.{key}")
        if not isinstance(value, kind):
            raise ConfigError(f"{path}.{key}: {in_yaml(value)} does not fit; expected {describe(kind)}.")
        if key == "_convert_" and value not in CONVERSIONS:
            raise ConfigError(f"{path}.{key}: {in_yaml(value)} does not fit. {nearest(str(value), CONVERSIONS)}")
    if node.get("_partial_") is True and path not in PARTIAL and "." not in path:
        raise ConfigError(f"{path}._partial_: the run does not call a partial here. Remove it: ~{path}._partial_")
