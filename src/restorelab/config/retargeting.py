"""Overrides such as `model._target_=my_package.MyNet`: keys that the new target does not accept are removed."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

from restorelab.config import signatures, trainer_arguments
from restorelab.config.foreign_signatures import parameters_of
from restorelab.config.schema import GROUPS, HYDRA_KEYS, TIMING
from restorelab.errors import ConfigError


def additions(overrides: Sequence[str]) -> list[str]:
    """Return the overrides in a form in which Hydra accepts keys that the file of the old target does not have."""
    groups = [group for group in GROUPS if any(override.startswith(f"{group}._target_=") for override in overrides)]
    prefixes = tuple(f"{group}." for group in groups)
    return [f"++{o}" if o.startswith(prefixes) or _of_lightning(o) else o for o in overrides]


def _of_lightning(override: str) -> bool:
    """Return whether an override sets an argument of Lightning's Trainer that conf/trainer does not list."""
    group, _, name = override.partition("=")[0].partition(".")
    listed = signatures.from_source(trainer_arguments.GROUP) or {}
    return (
        group == "trainer" and name.split(".")[0] not in listed and name.split(".")[0] in trainer_arguments.arguments()
    )


def drop_left_over(settings: dict[str, Any], given: Set[str]) -> None:
    """Remove, from groups whose target was given, the keys that were not given and that the target does not accept."""
    for group in GROUPS:
        node = settings.get(group)
        if f"{group}._target_" not in given or not isinstance(node, dict):
            continue
        parameters = _parameters(group, str(node["_target_"]))
        if parameters is None or signatures.ANY_KEY in parameters:
            continue
        kept = HYDRA_KEYS | parameters.keys() | (TIMING.keys() if group == "scheduler" else set())
        kept |= {key.split(".")[1] for key in given if key.startswith(f"{group}.")}
        settings[group] = {key: value for key, value in node.items() if key in kept}


def _parameters(group: str, target: str) -> Mapping[str, Any] | None:
    """Return the parameters of a target; None for an invalid one, which a later check reports."""
    try:
        parameters = signatures.from_source(target)
        if parameters is None and not target.startswith("restorelab."):
            parameters = parameters_of(f"{group}._target_", target)
    except ConfigError:
        return None
    return parameters
