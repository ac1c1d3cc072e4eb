"""The config that a run left in its folder, read as data: bounded, with today's names, its paths where they are now."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from restorelab.config import paths
from restorelab.degradations.labels import NO_JPEG
from restorelab.errors import ConfigError

CONFIG = "config.yaml"
"""Its name in the run's folder."""

ADDED = {"jpeg": NO_JPEG, "test": {}, "val": {}, "verbose": False}
"""Keys at the root that configs of earlier versions do not have, with what these did."""

LARGEST = 100_000
"""Values of a config that is read; those of this package have some hundred."""

DEEPEST = 100
"""Levels of a config that is read; those of this package have less than ten."""

_TRAINING = "restorelab.training"
MOVED = {
    "restorelab.engine.Engine": f"{_TRAINING}.trainer_config.TrainerConfig",
    f"{_TRAINING}.trainer_config.Engine": f"{_TRAINING}.trainer_config.TrainerConfig",
    "restorelab.metrics.Protocol": "restorelab.metrics.protocol.Protocol",
    "restorelab.exchange.absent.network": "restorelab.exchange.no_network.network",
    "restorelab.callbacks.ema.EMA": f"{_TRAINING}.callbacks.ema.EMA",
    "restorelab.callbacks.panels.Panels": f"{_TRAINING}.callbacks.panels.Panels",
    "restorelab.tracking.wandb.WandB": f"{_TRAINING}.loggers.wandb.WandB",
    **{
        f"restorelab.schedulers.{name}": f"{_TRAINING}.schedulers.{name}"
        for name in ("constant", "cosine", "multistep")
    },
}
"""Targets in the configs of runs that version 0.1 made, and where they are now."""


def read_config(folder: Path) -> dict[str, Any]:
    """The resolved config that a run left; its paths lead where what it reads lies now, see `paths.relocate`."""
    file = folder / CONFIG
    if not file.is_file():
        runs_below = sorted(p.parent.name for p in folder.glob("*/config.yaml")) if folder.is_dir() else []
        hint = f" It holds the runs {', '.join(runs_below[:5])}." if runs_below else ""
        msg = f"{folder} is not a run folder: it has no config.yaml.{hint}"
        raise ConfigError(msg)
    content = read_file(file)
    paths.relocate(content, folder)
    return content


def read_file(file: Path) -> dict[str, Any]:
    """The resolved config in a YAML file, as `accepted` gives it."""
    try:
        content = yaml.load(file.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        msg = f"{file} is damaged: it is not YAML ({' '.join(str(error).split())[:200]})."
        raise ConfigError(msg) from error
    return accepted(content, file)


def accepted(content: Any, file: Path) -> dict[str, Any]:
    """A config that was read from a file, in today's form. Raises ConfigError where it is not one, or is too large."""
    if not isinstance(content, dict):
        msg = f"{file} is damaged: it holds a {type(content).__name__}, not keys and values."
        raise ConfigError(msg)
    if not _bounded(content):
        msg = (
            f"{file} is damaged: it is nested more than {DEEPEST} levels deep, or its aliases stand for more than "
            f"{LARGEST:,} values, or for themselves."
        )
        raise ConfigError(msg)
    follow_moves(content)
    return content


def follow_moves(config: dict[str, Any]) -> None:
    """Bring a config that an earlier version wrote into today's form, in place.

    In version 0.1 `logger` was one object, under `logger=csv` too; now it holds loggers by name. A degradation had no
    `jpeg`. Up to version 0.2.0 a run had neither `test`, `val` nor `verbose`.
    """
    if "noise" in config:
        for key, value in ADDED.items():
            config.setdefault(key, copy.copy(value))
    if isinstance(config.get("choices"), dict) and "noise" in config["choices"]:
        config["choices"].setdefault("jpeg", "none")
    logger = config.get("logger")
    target = str(logger.get("_target_", "")) if isinstance(logger, dict) else ""
    if target:
        config["logger"] = {} if target.endswith(".CsvOnly") else {"wandb": logger}
    _follow_moves(config)


def default_name(choices: Mapping[str, Any]) -> str:
    """Return the default name of a run: `dncnn-photos-gaussian`, `dncnn-photos-jpeg`; `run` without choices.

    choices: the option of each group.
    """
    parts = [str(choices[group]) for group in ("model", "data", "noise") if group in choices]
    if choices.get("jpeg", "none") != "none":
        parts = [*(parts[:-1] if choices.get("noise") == "none" else parts), "jpeg"]
    return "-".join(parts) or "run"


def _follow_moves(node: Any) -> None:
    """Give the targets in a config that an earlier version wrote the names that they have now."""
    if isinstance(node, dict):
        target = node.get("_target_")
        node |= {"_target_": MOVED[target]} if isinstance(target, str) and target in MOVED else {}
        for value in node.values():
            _follow_moves(value)
    elif isinstance(node, list):
        for value in node:
            _follow_moves(value)


def _bounded(content: Any) -> bool:
    """Whether a config, with what its YAML aliases stand for, is of a size that whatever walks through it can bear."""
    waiting, seen = [(content, 1)], 0
    while waiting and seen <= LARGEST:
        node, level = waiting.pop()
        if level > DEEPEST:
            return False
        seen += 1
        below = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        waiting += [(value, level + 1) for value in below]
    return seen <= LARGEST
