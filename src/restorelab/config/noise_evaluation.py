"""The evaluation that goes with a training noise; it has the same strength if that is a single value.

A noise's config file names an evaluation, such as `gaussian_50`. Unless another one is requested, it follows the
settings of the training noise: `noise.sigma=25` is measured at 25, `noise.clip=false` without clipping. For a strength
that is a range or a list of levels, the value of the named evaluation is used. The names of evaluations follow their
values, also if a value was overridden; a name that states no values, such as `mine`, is kept.
"""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from restorelab.config.requested import Requested
from restorelab.degradations.labels import LEVELS, STAGES, STRENGTHS, corrected, essence, label
from restorelab.errors import ConfigError

log = logging.getLogger(__name__)

Node = dict[str, Any]

OWN = "own"
"""The evaluation under the run's own training degradation."""


def match(settings: dict[str, Any], requested: Requested) -> None:
    """Adapt the evaluations that the noise's file names to the run's noise; changes `settings`.

    requested: the keys that were requested; evaluations among them are not changed.
    """
    if "evaluation" in requested:
        return
    members = _members(settings["noise"])
    evaluations: dict[str, Any] = {}
    remaining = {} if requested.under("evaluation") else dict(members)
    for name, entry in settings["evaluation"].items():
        if requested.under(f"evaluation.{name}") or "noise" not in entry:
            remaining.clear()
            evaluations[name] = entry
            continue
        chosen = _member(name, entry, members)
        if chosen is not None:
            remaining.pop(chosen, None)
            evaluations |= _followed(name, entry, chosen, members[chosen])
        elif not isinstance(settings["noise"].get("noises"), Mapping):
            remaining.clear()
            evaluations[name] = entry
    for member, node in remaining.items():
        evaluations[label({"noise": node})] = {"noise": essence(node), "of": member}
    settings["evaluation"] = evaluations


def _members(noise: Mapping[str, Any]) -> dict[str, Node]:
    """Return the training noises by name: the members of a mixture, or the single noise under the name ''."""
    several = noise.get("noises")
    nodes = several if isinstance(several, Mapping) else {"": noise}
    return {str(name): dict(node) for name, node in nodes.items() if isinstance(node, Mapping)}


def _member(name: str, entry: Mapping[str, Any], members: Mapping[str, Node]) -> str | None:
    """Return the noise that an evaluation belongs to: by its `of`, its own name, or as the only one of its class."""
    target = entry["noise"].get("_target_")
    alike = [member for member, node in members.items() if node.get("_target_") == target]
    named = [member for member in (entry.get("of"), name) if member in alike]
    return next(iter(named or (alike if len(alike) == 1 else [])), None)


def _followed(name: str, entry: Node, member: str, noise: Mapping[str, Any]) -> dict[str, Node]:
    """Return an evaluation with the values of a noise, except those that are drawn, for which it keeps its own."""
    evaluated = essence(entry["noise"])
    values = {
        key: evaluated.get(key, value) if _several(value) else _single(value) for key, value in essence(noise).items()
    }
    if values == evaluated:
        return {name: entry}
    stages = {key: node for key, node in entry.items() if key != "of"}
    return {name: {**stages, "noise": values} | ({"of": member} if member else {})}


def _several(value: Any) -> bool:
    """Return whether a value is a range, or a list of levels, with more than one number."""
    return isinstance(value, list) and len({item for item in value if item != LEVELS}) > 1


def _single(value: Any) -> Any:
    return value[-1] if isinstance(value, list) and value else value


def relabel(settings: dict[str, Any]) -> None:
    """Correct the names of evaluations that state other values than they have; changes `settings`.

    Two evaluations of the same degradation get the name of the noise whose images they are measured on.

    Raises:
        ConfigError: for two evaluations that apply the same degradation to the same images.
    """
    variants = settings["noise"].get("noises") or {}
    evaluations: dict[str, Any] = {}
    for name, entry in settings["evaluation"].items():
        actual = corrected(name, {stage: entry.get(stage) or settings[stage] for stage in STAGES})
        evaluation = {"of": name, **entry} if actual != name and name in variants else entry
        if actual in evaluations and evaluation.get("of") in variants:
            actual = f"{actual}_{evaluation['of']}"
        if actual in evaluations:
            raise ConfigError(
                f"evaluation.{name}: it is the same as evaluation.{actual}. Remove one: ~evaluation.{name}"
            )
        evaluations[actual] = evaluation
    settings["evaluation"] = evaluations


def lines(settings: Mapping[str, Any], trained: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield log lines about evaluations that differ from the training noise.

    trained: the config of the noise that the weights were, or will be, trained on; None if not known.
    """
    members = _members(trained or {})
    for name, entry in settings["evaluation"].items():
        node = entry.get("noise") or settings["noise"]
        keys = STRENGTHS.get(str(node.get("_target_")).removeprefix("restorelab.degradations."), {})
        same = [other for other in members.values() if other.get("_target_") == node.get("_target_")]
        for key in keys:
            before = " and ".join(dict.fromkeys(_written(other.get(key)) for other in same))
            if same and before != _written(node.get(key)):
                shown = f"{key} {_written(node.get(key))}"
                yield f"evaluation {name}: test images have {shown}; the training noise has {key} {before}"
        if keys and trained is not None and not same:
            yield f"evaluation {name}: the network is not trained on this noise"


def _written(value: Any) -> str:
    if not isinstance(value, list):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return (" to " if len(value) == 2 else ", ").join(_written(item) for item in value if item != LEVELS)
