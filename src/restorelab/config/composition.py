"""From argv to resolved configs, by Hydra."""

import os
from collections.abc import Mapping, Sequence, Set
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from restorelab import quoting
from restorelab.config import from_checkpoint, metric_names, noise_evaluation, paths, retargeting, trust
from restorelab.config import schema as configs
from restorelab.config.conf_files import find, options, read_yaml, searched
from restorelab.config.hydra_errors import CAUGHT, explained
from restorelab.config.overrides import parse
from restorelab.config.requested import Said
from restorelab.config.schema import GROUPS, conf_dir
from restorelab.errors import ConfigError, nearest

EPOCHS = 40
"""Epochs of a training that nothing else limits."""


def compose(overrides: Sequence[str]) -> dict[str, Any]:
    """Compose one run's config as train.py does, and resolve it.

    Raises:
        ConfigError: for anything that is wrong in the overrides or in a file.
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
    """Overrides as Hydra takes them: with the options of an evaluated checkpoint's run, and an evaluation.

    A noise's file of one's own may name no evaluation; then `own` is measured, or what the overrides name.

    planned: runs that are still to be done, whose checkpoints the overrides may name.
    """
    try:
        said = _said(overrides)
    except CAUGHT as error:
        raise explained(error, overrides) from error
    offered = {group: options(group) for group in from_checkpoint.GROUPS}
    whole = [*from_checkpoint.choices(overrides, said, offered, planned), *retargeting.additions(overrides)]
    noise = next((one.removeprefix("noise=") for one in reversed(whole) if one.startswith("noise=")), None)
    if noise not in offered["noise"] or _names_evaluation(noise):
        return whole
    given = [f"+{one}" if one.startswith("evaluation=") else one for one in whole]
    return given if given != whole else [*whole, "+evaluation=own"]


def _names_evaluation(noise: str) -> bool:
    """Whether the file of a noise, or one that it takes over, names the evaluation that goes with it."""
    entries = read_yaml(find("noise", noise)).get("defaults") or []
    keys = [(key, value) for entry in entries if isinstance(entry, Mapping) for key, value in entry.items()]
    if any("evaluation" in str(key) for key, _ in keys):
        return True
    others = [entry for entry in entries if isinstance(entry, str) and entry != "_self_"]
    return any(other in options("noise") and _names_evaluation(other) for other in others)


def _said(overrides: Sequence[str]) -> Said:
    """What was asked for by name, the experiment's file included."""
    chosen = Said(overrides).groups.get("experiment")
    known = chosen in options("experiment") if chosen else False
    return Said(overrides, read_yaml(find("experiment", chosen)) if chosen and known else None)


def resolve(
    composed: DictConfig,
    choices: Mapping[str, Any],
    overrides: Sequence[str],
    planned: from_checkpoint.Planned | None = None,
) -> dict[str, Any]:
    """Plain data with every interpolation filled in, every name checked, and the choices of the groups kept.

    overrides: what was said on the command line; the short variant of an experiment does not change those. planned:
    runs that are still to be done.

    Raises:
        ConfigError: for an interpolation that leads nowhere, an unknown key or a wrong type.
    """
    masked = composed
    if "hydra" in composed:
        masked = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
    if masked.length not in ("full", "short"):
        msg = f"length={masked.length}: {nearest(str(masked.length), ['full', 'short'])}"
        raise ConfigError(msg)
    given = _given(overrides)
    if masked.length == "short":
        given |= _shorten(masked, given)
    _limit(masked, given)
    said = _said(overrides)
    try:
        plain = OmegaConf.to_container(masked, resolve=True, throw_on_missing=False)
    except OmegaConfBaseException as error:
        raise explained(error) from error
    assert isinstance(plain, dict)
    settings: dict[str, Any] = {str(key): value for key, value in plain.items()}
    retargeting.drop_left_over(settings, given)
    named = {group: _short(choices[group]) for group in (*GROUPS, "experiment") if choices.get(group)}
    settings["choices"] = (named | _replaced(settings, named, said)) if named else settings.get("choices", {})
    settings.setdefault("evaluation", {noise_evaluation.OWN: {}})
    settings.setdefault("logger", {})  # logger=[]
    _note(settings if named else None, overrides)  # before anything is taken from a run's folder
    if choices.get("model"):  # composed here from its groups, and not a run's config that is composed again
        from_checkpoint.take(settings, overrides, said, planned)
    settings["metrics"] = metric_names.whole(settings.get("metrics"))
    configs.check_names(settings)
    if choices.get("model"):
        noise_evaluation.match(settings, said)
    noise_evaluation.relabel(settings)
    settings["sessions"] = []  # of a run that is gone on with, its folder says them
    chosen = settings["choices"]
    if settings["name"] is None:
        parts = [chosen.get("experiment", "").replace("/", "-")] if chosen.get("experiment") else [
            chosen[group] for group in ("model", "data", "noise") if group in chosen
        ]  # fmt: skip
        settings["name"] = ("-".join(parts) or "run") + ("-short" if settings["length"] == "short" else "")
    if settings["threads"] is None:
        settings["threads"] = available_threads()
    paths.make_absolute(settings)
    return settings


def _note(composed: Mapping[str, Any] | None, overrides: Sequence[str]) -> None:
    """Take for the user's own what is composed from the groups here, and what is typed.

    composed: None for a run's config that is composed again: it may be somebody else's, and whom it trusts is nobody's
    word.
    """
    typed = {one.key_or_group: one.value() for one in parse(overrides)}
    trust.note([composed, *typed.values()])
    trust.note([{"_target_": value} for key, value in typed.items() if key.endswith("._target_")])
    packages = typed.get("trust") if composed is None else composed.get("trust")
    trust.trust([str(name) for name in (packages if isinstance(packages, list) else [packages] if packages else [])])


def _replaced(settings: Mapping[str, Any], named: Mapping[str, str], said: Said) -> dict[str, str]:
    """The groups whose target is not that of the chosen option, by the name of the class or function in its place."""
    found = {}
    for group in GROUPS:
        node = settings.get(group)
        node = node.get("source") if group == "data" and isinstance(node, Mapping) else node
        target = str(node.get("_target_") or "") if isinstance(node, Mapping) else ""
        option = named.get(group)
        if not target or not any(key != group or group not in said.groups for key in said.under(group)):
            continue
        own = _target(group, option) if option and option in options(group) else None
        if own != target and (own or not option):
            found[group] = target.rpartition(".")[2]
    return found


def _target(group: str, option: str) -> str | None:
    """The target that the file of an option, or the last that it takes over, names; of data that of its source."""
    content = read_yaml(find(group, option))
    node = content.get("source", {}) if group == "data" else content
    if isinstance(node, Mapping) and node.get("_target_"):
        return str(node["_target_"])
    others = [entry for entry in content.get("defaults") or [] if isinstance(entry, str) and entry != "_self_"]
    return _target(group, others[-1]) if others and others[-1] in options(group) else None


def _given(overrides: Sequence[str]) -> set[str]:
    """The keys and groups that overrides give a value."""
    return {override.key_or_group for override in parse(overrides)}


def _limit(composed: DictConfig, said: Set[str]) -> None:
    """Steps that are asked for are done: they replace the epochs of a file, unless epochs are asked for as well."""
    if "max_steps" in said and composed.max_steps is not None and "trainer.max_epochs" not in said:
        composed.trainer.max_epochs = None
    elif composed.max_steps is None and composed.trainer.max_epochs is None:
        composed.trainer.max_epochs = EPOCHS


def _shorten(composed: DictConfig, said: Set[str]) -> set[str]:
    """Apply what the experiment says of its short variant, but for the keys that the user gave; returns its keys."""
    if not composed.short:
        msg = "length=short: this experiment states no short variant. Set max_steps=N."
        raise ConfigError(msg)
    for override in parse(composed.short):
        if override.key_or_group not in said:
            OmegaConf.update(composed, override.key_or_group, override.value())
    return _given(composed.short)


def _short(choice: Any) -> str:
    return ",".join(map(str, choice)) if isinstance(choice, list) else str(choice).removesuffix(".yaml")


def available_threads() -> int:
    """The CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
