"""Compose the config of a run from command line overrides, by Hydra, and resolve it."""

import os
from collections.abc import Mapping, Sequence, Set
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from restorelab import quoting
from restorelab.config import from_checkpoint, metric_names, noise_clipping, noise_evaluation, paths, retargeting, trust
from restorelab.config import schema as configs
from restorelab.config.conf_files import find, options, read_yaml, searched
from restorelab.config.hydra_errors import CAUGHT, explained
from restorelab.config.overrides import parse
from restorelab.config.requested import Requested
from restorelab.config.run_config import default_name
from restorelab.config.schema import GROUPS, conf_dir
from restorelab.errors import ConfigError, nearest

NO_SET = {"test=null": "test=[]", "val=null": "val=[]"}
"""How Hydra is told that no option of a group is chosen, in place of those of an experiment."""

EPOCHS = 40
"""Epochs of a training without any other limit."""


def compose(overrides: Sequence[str]) -> dict[str, Any]:
    """Compose the config of one run as train.py does, and resolve it.

    Raises:
        ConfigError: for any error in the overrides or in a config file.
    """
    overrides = quoting.paths(overrides)
    extra = searched()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        try:
            composed = hydra_compose("train", [*prepared(overrides), *extra], return_hydra_config=True)
            choices = composed.hydra.runtime.choices
            return resolve(composed, choices, overrides)
        except CAUGHT as error:
            raise explained(error, overrides) from error


def prepared(overrides: Sequence[str], planned: from_checkpoint.Planned | None = None) -> list[str]:
    """Return the overrides to pass to Hydra, with the options of an evaluated checkpoint's run, and an evaluation.

    A user's own noise file may name no evaluation; then the evaluation is `own`, or the one in the overrides.

    planned: configs of runs that do not exist yet, whose checkpoints the overrides may name.
    """
    try:
        requested = _requested(overrides)
    except CAUGHT as error:
        raise explained(error, overrides) from error
    available = {group: options(group) for group in from_checkpoint.GROUPS}
    extended = [*from_checkpoint.choices(overrides, requested, available, planned), *retargeting.additions(overrides)]
    extended = [NO_SET.get(override, override) for override in extended]
    noise = next((o.removeprefix("noise=") for o in reversed(extended) if o.startswith("noise=")), None)
    if noise not in available["noise"] or _names_evaluation(noise):
        return extended
    added = [f"+{override}" if override.startswith("evaluation=") else override for override in extended]
    return added if added != extended else [*extended, "+evaluation=own"]


def _names_evaluation(noise: str) -> bool:
    """Return whether the file of a noise, or a file in its defaults list, names the evaluation that goes with it."""
    entries = read_yaml(find("noise", noise)).get("defaults") or []
    keys = [(key, value) for entry in entries if isinstance(entry, Mapping) for key, value in entry.items()]
    if any("evaluation" in str(key) for key, _ in keys):
        return True
    others = [entry for entry in entries if isinstance(entry, str) and entry != "_self_"]
    return any(other in options("noise") and _names_evaluation(other) for other in others)


def _requested(overrides: Sequence[str]) -> Requested:
    """Return the keys that the overrides set, those of the experiment's file included."""
    chosen = Requested(overrides).groups.get("experiment")
    known = chosen in options("experiment") if chosen else False
    return Requested(overrides, read_yaml(find("experiment", chosen)) if chosen and known else None)


def resolve(
    composed: DictConfig,
    choices: Mapping[str, Any],
    overrides: Sequence[str],
    planned: from_checkpoint.Planned | None = None,
) -> dict[str, Any]:
    """Return the config as plain data, with interpolations resolved, names checked, and the groups' choices recorded.

    composed: by Hydra. choices: the option of each group. overrides: of the command line; the short variant of an
    experiment does not change keys that they set. planned: configs of runs that do not exist yet.

    Raises:
        ConfigError: for an interpolation that cannot be resolved, an unknown key or a wrong type.
    """
    masked = composed
    if "hydra" in composed:
        masked = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
    if masked.length not in ("full", "short"):
        raise ConfigError(f"length={masked.length}: {nearest(str(masked.length), ['full', 'short'])}")
    given = _given(overrides)
    if masked.length == "short":
        given |= _shorten(masked, given)
    _limit(masked, given)
    requested = _requested(overrides)
    try:
        plain = OmegaConf.to_container(masked, resolve=True, throw_on_missing=False)
    except OmegaConfBaseException as error:
        raise explained(error) from error
    assert isinstance(plain, dict)
    settings: dict[str, Any] = {str(key): value for key, value in plain.items()}
    retargeting.drop_left_over(settings, given)
    named = {group: _short(choices[group]) for group in (*GROUPS, "experiment") if choices.get(group)}
    if named:  # Hydra records no choice for a list of options
        named |= {group: _short(options) for group, options in _lists(overrides).items()}
    settings["choices"] = (named | _replaced(settings, named, requested)) if named else settings.get("choices", {})
    settings.setdefault("evaluation", {noise_evaluation.OWN: {}})
    for group in ("test", "val", "logger", "callbacks"):  # test=null, logger=[]
        settings.setdefault(group, {})
    _note(settings if named else None, overrides)  # before anything is read from a run's folder
    if choices.get("model"):  # composed here from its groups, not the config of an existing run
        from_checkpoint.take(settings, overrides, requested, planned)
    noise_clipping.apply(settings, requested)
    settings["metrics"] = metric_names.whole(settings.get("metrics"))
    configs.check_names(settings)
    if choices.get("model"):
        noise_evaluation.match(settings, requested)
    noise_evaluation.relabel(settings)
    settings["sessions"] = []  # those of a resumed run are in its folder
    chosen = settings["choices"]
    if settings["name"] is None:
        name = chosen["experiment"].replace("/", "-") if chosen.get("experiment") else default_name(chosen)
        settings["name"] = name + ("-short" if settings["length"] == "short" else "")
    if settings["threads"] is None:
        settings["threads"] = available_threads()
    paths.make_absolute(settings)
    return settings


def _lists(overrides: Sequence[str]) -> dict[str, list[Any]]:
    """Return the groups of loggers, callbacks and metrics for which overrides choose several options."""
    values = ((override.key_or_group, override.value()) for override in parse(overrides))
    lists = {group: value for group, value in values if isinstance(value, list) and value}
    return {group: lists[group] for group in ("logger", "callbacks", "metrics") if group in lists}


def _note(composed: Mapping[str, Any] | None, overrides: Sequence[str]) -> None:
    """Mark as trusted the targets that are composed here from the config groups, and those in the overrides.

    composed: None for the config of an existing run, which may come from someone else: neither its targets nor its
    `trust` key are trusted.
    """
    typed = {override.key_or_group: override.value() for override in parse(overrides)}
    trust.note([composed, *typed.values()])
    trust.note([{"_target_": value} for key, value in typed.items() if key.endswith("._target_")])
    packages = typed.get("trust") if composed is None else composed.get("trust")
    trust.trust([str(name) for name in (packages if isinstance(packages, list) else [packages] if packages else [])])


def _replaced(settings: Mapping[str, Any], named: Mapping[str, str], requested: Requested) -> dict[str, str]:
    """Return the groups whose target is not that of the chosen option, with the name of the new class or function."""
    replaced = {}
    for group in GROUPS:
        node = settings.get(group)
        node = node.get("source") if group == "data" and isinstance(node, Mapping) else node
        target = str(node.get("_target_") or "") if isinstance(node, Mapping) else ""
        option = named.get(group)
        if not target or not any(key != group or group not in requested.groups for key in requested.under(group)):
            continue
        own = _target(group, option) if option and option in options(group) else None
        if own != target and (own or not option):
            replaced[group] = target.rpartition(".")[2]
    return replaced


def _target(group: str, option: str) -> str | None:
    """Return the target in the file of an option or in the last file of its defaults list; for data, the source's."""
    content = read_yaml(find(group, option))
    node = content.get("source", {}) if group == "data" else content
    if isinstance(node, Mapping) and node.get("_target_"):
        return str(node["_target_"])
    others = [entry for entry in content.get("defaults") or [] if isinstance(entry, str) and entry != "_self_"]
    return _target(group, others[-1]) if others and others[-1] in options(group) else None


def _given(overrides: Sequence[str]) -> set[str]:
    """Return the keys and groups that overrides set."""
    return {override.key_or_group for override in parse(overrides)}


def _limit(composed: DictConfig, given: Set[str]) -> None:
    """Remove the epochs of a config file if `max_steps` is given, unless epochs are given as well."""
    if "max_steps" in given and composed.max_steps is not None and "trainer.max_epochs" not in given:
        composed.trainer.max_epochs = None
    elif composed.max_steps is None and composed.trainer.max_epochs is None:
        composed.trainer.max_epochs = EPOCHS


def _shorten(composed: DictConfig, given: Set[str]) -> set[str]:
    """Apply the short variant of the experiment, except to keys that the user gave; return the variant's keys."""
    if not composed.short:
        raise ConfigError("length=short: this experiment has no short variant. Set max_steps=N.")
    for override in parse(composed.short):
        if override.key_or_group not in given:
            OmegaConf.update(composed, override.key_or_group, override.value())
    return _given(composed.short)


def _short(choice: Any) -> str:
    return ",".join(map(str, choice)) if isinstance(choice, list) else str(choice).removesuffix(".yaml")


def available_threads() -> int:
    """Return the number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
