"""Evaluating a checkpoint: network, training degradation and channels are those of the run that it comes from."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from restorelab.config.overrides import parse
from restorelab.config.requested import Said
from restorelab.config.run_config import CONFIG, read_config
from restorelab.config.schema import require_whole

GROUPS = ("model", "blur", "downsample", "noise")
"""The groups that an evaluated checkpoint takes from its run."""


Planned = Mapping[str, Mapping[str, Any]]
"""Configs of runs that are still to be done, by the absolute path of their folder."""


def run_of(ckpt: str | None, planned: Planned | None = None) -> Mapping[str, Any] | None:
    """The config of the run that a checkpoint belongs to; None for weights from elsewhere.

    ckpt: a run's folder, or a file of its `checkpoints/`.
    """
    if not ckpt:
        return None
    path = Path(ckpt).expanduser()
    for folder in (path, path.parent.parent if path.parent.name == "checkpoints" else path):
        if planned and str(folder.absolute()) in planned:
            return planned[str(folder.absolute())]
        if (folder / CONFIG).is_file():
            config = read_config(folder)
            if not isinstance(config.get("model"), dict) or "_target_" not in config["model"]:
                return None  # a file of another program
            require_whole(config, folder / CONFIG)
            return config
    return None


def choices(
    overrides: Sequence[str], said: Said, options: Mapping[str, Sequence[str]], planned: Planned | None = None
) -> list[str]:
    """The options that the run of an evaluated checkpoint chose, as overrides to stand before all others.

    options: the names that each of `GROUPS` offers.
    """
    values = {one.key_or_group: one for one in parse(overrides)}
    train, ckpt = values.get("train"), values.get("ckpt")
    if train is None or ckpt is None or train.value() is not False or ckpt.is_sweep_override():
        return []
    chosen = (run_of(str(ckpt.value()), planned) or {}).get("choices") or {}
    return [f"{group}={chosen[group]}" for group in GROUPS
            if group not in said.groups and chosen.get(group) in options[group]]  # fmt: skip


def take(settings: dict[str, Any], overrides: Sequence[str], said: Said, planned: Planned | None = None) -> None:
    """Put in what an evaluated checkpoint's run says, where nobody asked for another option; changes `settings`.

    The run's folder may be somebody else's: its config is taken as plain data, behind everything that is composed.

    settings: resolved, with the choices. overrides: their values of single keys count before the run's.
    """
    if settings["train"] is not False or not settings["ckpt"]:
        return
    run = run_of(settings["ckpt"], planned)
    if run is None:
        if "noise" not in said.groups:  # a default is nothing that the weights were trained on
            settings["choices"].pop("noise", None)
        return
    before, chosen = run.get("choices") or {}, settings["choices"]
    composed = copy.deepcopy(settings)
    for group in GROUPS:
        node, option = run.get(group), before.get(group)
        if isinstance(node, dict) and (group not in said.groups or said.groups[group] == option):
            settings[group] = copy.deepcopy(node)
            chosen |= {group: option} if option else {}
            for one in parse(overrides):
                if one.key_or_group.startswith(f"{group}."):
                    _repeat(one.key_or_group.split("."), composed, settings, delete=one.is_delete())
    channels = (run.get("data") or {}).get("channels")
    if channels is not None and "data.channels" not in said and "channels" in settings["data"]:
        settings["data"]["channels"] = channels


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
    """The node of the noise that a run's weights are trained on: its own; of an evaluated checkpoint, its run's.

    None where that is not known: weights from elsewhere.
    """
    evaluated = settings.get("ckpt") and not settings.get("train", True)
    config = run_of(settings["ckpt"]) if evaluated else settings
    noise = (config or {}).get("noise")
    return dict(noise) if isinstance(noise, Mapping) else None


def lines(settings: Mapping[str, Any]) -> Iterator[str]:
    """Where the parts of an evaluation of a checkpoint come from, for the log."""
    if settings["train"] or not settings["ckpt"]:
        return
    run = run_of(settings["ckpt"])
    if run is None:
        yield f"ckpt: {settings['ckpt']} lies in no run folder, so what it was trained on is not known"
        return
    pairs = {group: (settings[group], run.get(group)) for group in GROUPS}
    pairs["data.channels"] = (settings["data"].get("channels"), (run.get("data") or {}).get("channels"))
    same = [key for key, (ours, theirs) in pairs.items() if ours == theirs]
    other = [key for key in pairs if key not in same]
    yield f"ckpt: {', '.join(same)} as in the run that trained it"
    if other:
        yield f"ckpt: {', '.join(other)} as asked for here, and not as in the run that trained it"
