"""The evaluation that goes with a training noise: at the training's strength where that is one value.

A noise's file names an evaluation, such as `gaussian_50`. Where nobody asked for another one, it follows what the run
says of its noise: `noise.sigma=25` is measured at 25, `noise.clip=false` unclipped. A strength that is a range or a
list of levels is measured at the value that the named evaluation has. Labels follow what is measured, also where
somebody changed an evaluation by hand; a name that claims nothing (`mine`) is kept.
"""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from restorelab.config.requested import Said
from restorelab.degradations.labels import LEVELS, STAGES, STRENGTHS, corrected, essence, label
from restorelab.errors import ConfigError

log = logging.getLogger(__name__)

Node = dict[str, Any]

OWN = "own"
"""The evaluation that is the run's own degradation."""


def match(settings: dict[str, Any], said: Said) -> None:
    """Let the evaluations that the noise's file named follow the run's noise; changes `settings`.

    said: what was asked for by name; an evaluation of it is left as it is.
    """
    if "evaluation" in said:
        return
    members = _members(settings["noise"])
    found: dict[str, Any] = {}
    left = {} if said.under("evaluation") else dict(members)
    for name, entry in settings["evaluation"].items():
        if said.under(f"evaluation.{name}") or "noise" not in entry:
            left.clear()
            found[name] = entry
            continue
        chosen = _member(name, entry, members)
        if chosen is not None:
            left.pop(chosen, None)
            found |= _followed(name, entry, chosen, members[chosen])
        elif not isinstance(settings["noise"].get("noises"), Mapping):
            left.clear()
            found[name] = entry
    for member, node in left.items():
        found[label({"noise": node})] = {"noise": essence(node), "of": member}
    settings["evaluation"] = found


def _members(noise: Mapping[str, Any]) -> dict[str, Node]:
    """The training's noises by name: the members of a mixture, or the one noise by the name ''."""
    several = noise.get("noises")
    nodes = several if isinstance(several, Mapping) else {"": noise}
    return {str(name): dict(node) for name, node in nodes.items() if isinstance(node, Mapping)}


def _member(name: str, entry: Mapping[str, Any], members: Mapping[str, Node]) -> str | None:
    """The noise that an evaluation belongs to: that of its `of`, of its own name, or else the only one of its class."""
    target = entry["noise"].get("_target_")
    alike = [member for member, node in members.items() if node.get("_target_") == target]
    named = [member for member in (entry.get("of"), name) if member in alike]
    return next(iter(named or (alike if len(alike) == 1 else [])), None)


def _followed(name: str, entry: Node, member: str, noise: Mapping[str, Any]) -> dict[str, Node]:
    """An evaluation at the values of a noise, with its own for those that are drawn from several."""
    own = essence(entry["noise"])
    values = {key: own.get(key, value) if _several(value) else _single(value) for key, value in essence(noise).items()}
    if values == own:
        return {name: entry}
    stages = {key: node for key, node in entry.items() if key != "of"}
    return {name: {**stages, "noise": values} | ({"of": member} if member else {})}


def _several(value: Any) -> bool:
    """Whether a value is a range, or a list of levels, that holds more than one number."""
    return isinstance(value, list) and len({item for item in value if item != LEVELS}) > 1


def _single(value: Any) -> Any:
    return value[-1] if isinstance(value, list) and value else value


def relabel(settings: dict[str, Any]) -> None:
    """Give each evaluation whose name claims a degradation the name of the one that it is; changes `settings`.

    Two evaluations of one degradation are told apart by the noise whose images they are measured on.

    Raises:
        ConfigError: for two evaluations that do the same to the same images.
    """
    variants = settings["noise"].get("noises") or {}
    found: dict[str, Any] = {}
    for name, entry in settings["evaluation"].items():
        right = corrected(name, {stage: entry.get(stage) or settings[stage] for stage in STAGES})
        whole = {"of": name, **entry} if right != name and name in variants else entry
        if right in found and whole.get("of") in variants:
            right = f"{right}_{whole['of']}"
        if right in found:
            msg = f"evaluation.{name}: it is {right}, which is measured already. Remove one: ~evaluation.{name}"
            raise ConfigError(msg)
        found[right] = whole
    settings["evaluation"] = found


def lines(settings: Mapping[str, Any], trained: Mapping[str, Any] | None) -> Iterator[str]:
    """What each evaluation measures beside what was trained on, for the log.

    trained: the node of the noise that the weights were, or will be, trained on; None where that is not known.
    """
    members = _members(trained or {})
    for name, entry in settings["evaluation"].items():
        node = entry.get("noise") or settings["noise"]
        keys = STRENGTHS.get(str(node.get("_target_")).removeprefix("restorelab.degradations."), {})
        same = [other for other in members.values() if other.get("_target_") == node.get("_target_")]
        for key in keys:
            before = " and ".join(dict.fromkeys(_written(other.get(key)) for other in same))
            if same and before != _written(node.get(key)):
                yield f"evaluation {name}: {key} {_written(node.get(key))}; the training noise has {key} {before}"
        if keys and trained is not None and not same:
            yield f"evaluation {name}: the network is not trained on this noise"


def _written(value: Any) -> str:
    if not isinstance(value, list):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return (" to " if len(value) == 2 else ", ").join(_written(item) for item in value if item != LEVELS)
