"""Evaluate a checkpoint with the network, training degradation and channels of the run that trained it."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from restorelab.config import packaged
from restorelab.config.overrides import parse
from restorelab.config.requested import Requested
from restorelab.config.run_config import CONFIG, read_config
from restorelab.config.schema import require_whole
from restorelab.degradations.labels import STAGES

GROUPS = ("model", *STAGES)
"""The config groups that the evaluation of a checkpoint takes from its run."""

Planned = Mapping[str, Mapping[str, Any]]
"""Configs of runs that do not exist yet, by the absolute path of their folder."""


def run_of(ckpt: str | None, planned: Planned | None = None) -> Mapping[str, Any] | None:
    """Return the config of the run that a checkpoint belongs to; None for weights from elsewhere.

    Of weights with a model card beside them, return what the card says.

    ckpt: a run's folder, a file in its `checkpoints/`, or a file of weights.
    """
    if not ckpt:
        return None
    path = Path(ckpt).expanduser()
    if packaged.has_card(path):
        return packaged.read(path).config
    for folder in (path, path.parent.parent if path.parent.name == "checkpoints" else path):
        if planned and str(folder.absolute()) in planned:
            return planned[str(folder.absolute())]
        if (folder / CONFIG).is_file():
            config = read_config(folder)
            if not isinstance(config.get("model"), dict) or "_target_" not in config["model"]:
                return None  # a config.yaml of another program
            require_whole(config, folder / CONFIG)
            return config
    return None


def choices(
    overrides: Sequence[str], requested: Requested, options: Mapping[str, Sequence[str]], planned: Planned | None = None
) -> list[str]:
    """Return the options that the run of an evaluated checkpoint chose, as overrides to be placed before all others.

    options: the existing options of each of `GROUPS`.
    """
    values = {override.key_or_group: override for override in parse(overrides)}
    train, ckpt = values.get("train"), values.get("ckpt")
    if train is None or ckpt is None or train.value() is not False or ckpt.is_sweep_override():
        return []
    chosen = (run_of(str(ckpt.value()), planned) or {}).get("choices") or {}
    return [f"{group}={chosen[group]}" for group in GROUPS
            if group not in requested.groups and chosen.get(group) in options[group]]  # fmt: skip


def take(
    settings: dict[str, Any], overrides: Sequence[str], requested: Requested, planned: Planned | None = None
) -> None:
    """Replace the groups that were not requested by those of the checkpoint's run; changes `settings`.

    The run's folder may come from someone else, so its config is used as plain data, after all composition.

    settings: resolved, with the choices. overrides: single keys that they set take precedence over the run's.
    """
    if settings["train"] is not False or not settings["ckpt"]:
        return
    run = run_of(settings["ckpt"], planned)
    if run is None:
        if "noise" not in requested.groups:  # the default noise is not what the weights were trained on
            settings["choices"].pop("noise", None)
        return
    take_groups(settings, run, GROUPS, requested, overrides)
    channels = (run.get("data") or {}).get("channels")
    if channels is not None and not requested.under("data.channels") and "channels" in settings["data"]:
        settings["data"]["channels"] = channels


def take_groups(
    settings: dict[str, Any],
    run: Mapping[str, Any],
    groups: Sequence[str],
    requested: Requested,
    overrides: Sequence[str],
) -> None:
    """Replace those of `groups` that were not requested by those of a run; changes `settings`, as `take` does."""
    before, chosen = run.get("choices") or {}, settings["choices"]
    composed = copy.deepcopy(settings)
    for group in groups:
        node, option = run.get(group), before.get(group)
        if isinstance(node, dict) and (group not in requested.groups or requested.groups[group] == option):
            settings[group] = copy.deepcopy(node)
            chosen |= {group: option} if option else {}
            for override in parse(overrides):
                if override.key_or_group.startswith(f"{group}."):
                    _repeat(override.key_or_group.split("."), composed, settings, delete=override.is_delete())


def _repeat(path: Sequence[str], source: Any, target: Any, *, delete: bool) -> None:
    """Copy the value at a path from one nested mapping to another, or delete it there."""
    for part in path[:-1]:
        source = source.get(part, {}) if isinstance(source, dict) else {}
        target = target.setdefault(part, {})
        if not isinstance(target, dict):
            return
    if delete:
        target.pop(path[-1], None)
    elif isinstance(source, dict) and path[-1] in source:
        target[path[-1]] = copy.deepcopy(source[path[-1]])


def trained_noise(settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the config of the noise that a run's weights are trained on; for an evaluated checkpoint, its run's.

    None for weights from elsewhere.
    """
    evaluated = settings.get("ckpt") and not settings.get("train", True)
    config = run_of(settings["ckpt"]) if evaluated else settings
    noise = (config or {}).get("noise")
    return dict(noise) if isinstance(noise, Mapping) else None


def lines(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield log lines that say which groups of an evaluation come from the checkpoint's run."""
    if settings["train"] or not settings["ckpt"]:
        return
    run = run_of(settings["ckpt"])
    if run is None:
        yield f"ckpt: {settings['ckpt']} has no run folder and no model card, so what it was trained on is not known"
        return
    pairs = {group: (settings[group], run.get(group)) for group in GROUPS}
    pairs["data.channels"] = (settings["data"].get("channels"), (run.get("data") or {}).get("channels"))
    same = [key for key, (ours, theirs) in pairs.items() if ours == theirs]
    other = [key for key in pairs if key not in same]
    yield f"ckpt: {', '.join(same)} as in the run that trained it"
    if other:
        yield f"ckpt: {', '.join(other)} as requested, and not as in the run that trained it"
