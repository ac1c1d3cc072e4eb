"""`model._target_=my_package.MyNet` on the command line: a part's file keeps what the new target takes, and no more."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

from restorelab.config import signatures, trainer_arguments
from restorelab.config.foreign_signatures import parameters_of
from restorelab.config.schema import GROUPS, HYDRA_KEYS, TIMING
from restorelab.errors import ConfigError


def additions(overrides: Sequence[str]) -> list[str]:
    """Overrides with which Hydra takes keys of a new target that the file of the old one does not have."""
    groups = [group for group in GROUPS if any(one.startswith(f"{group}._target_=") for one in overrides)]
    begun = tuple(f"{group}." for group in groups)
    return [f"++{one}" if one.startswith(begun) or _of_lightning(one) else one for one in overrides]


def _of_lightning(override: str) -> bool:
    """Whether it gives an argument of Lightning's Trainer that conf/trainer does not list."""
    group, _, name = override.partition("=")[0].partition(".")
    own = signatures.from_source(trainer_arguments.GROUP) or {}
    return group == "trainer" and name.split(".")[0] not in own and name.split(".")[0] in trainer_arguments.arguments()


def drop_left_over(settings: dict[str, Any], given: Set[str]) -> None:
    """Take out of the parts whose target was given what was not given and what that target does not take."""
    for group in GROUPS:
        node = settings.get(group)
        if f"{group}._target_" not in given or not isinstance(node, dict):
            continue
        takes = _parameters(group, str(node["_target_"]))
        if takes is None or signatures.ANY_KEY in takes:
            continue
        kept = HYDRA_KEYS | takes.keys() | (TIMING.keys() if group == "scheduler" else set())
        kept |= {key.split(".")[1] for key in given if key.startswith(f"{group}.")}
        settings[group] = {key: value for key, value in node.items() if key in kept}


def _parameters(group: str, target: str) -> Mapping[str, Any] | None:
    """What a target takes; None for one that is wrong, which the check of all parts will say."""
    try:
        takes = signatures.from_source(target)
        if takes is None and not target.startswith("restorelab."):  # of this package nothing has to be imported
            takes = parameters_of(f"{group}._target_", target)
    except ConfigError:
        return None
    return takes
