"""Resume a run: its own config applies, except for keys that may change, such as the learning rate or the length."""

import copy
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from restorelab import quoting
from restorelab.config.dotted import within
from restorelab.config.run_config import read_config
from restorelab.config.schema import require_whole
from restorelab.duration import seconds
from restorelab.errors import ConfigError
from restorelab.runs.run_folder import RunFolder
from restorelab.training import run_progress
from restorelab.training.run_progress import RunProgress

log = logging.getLogger(__name__)

FREE = (
    "run_dir", "runs_dir", "data_dir", "resume", "trust", "threads", "logger", "callbacks.panels", "data.residency",
    "data.eval_batch_size", "trainer.bar", "trainer.log_every", "trainer.checkpoint_every", "trainer.keep",
    "trainer.keep_every", "trainer.keep_memory", "trainer.steps_per_call", "trainer.graph", "trainer.profiler",
    "trainer.detect_anomaly", "trainer.inference_mode", "trainer.enable_autolog_hparams", "data.root", "ckpt",
    "transfer", "loss.ckpt", "pictures", "verbose",
)  # fmt: skip
"""Keys that may be changed without a word: where, how it is shown, what is kept. `threads` may change the last bits.

Images and weights may lie elsewhere; `keeping` checks that they are the same.
"""

LENGTH = ("max_steps", "trainer.max_epochs", "max_time")
"""Keys that say how long a run is."""

POLICY = (
    *LENGTH, "optimizer", "scheduler", "clip", "accumulate", "callbacks", "trainer.validate_every",
    "trainer.validate_steps", "trainer.precision", "trainer.accelerator", "trainer.compile", "trainer.channels_last",
    "trainer.deterministic", "trainer.matmul_precision", "trainer.benchmark", "trainer.gradient_clip_algorithm",
    "trainer.limit_val_batches", "trainer.min_steps", "trainer.min_epochs",
)  # fmt: skip
"""Keys that may change for the rest of a training; config.yaml records the change under `sessions`.

Everything else (network, data, degradation, loss, seeds, devices) defines the run.
"""

UNCOMPARED = ("choices", "name", "experiment", "length", "short", "sessions", *FREE)
"""Values that count as equal in two configs."""


def settings(new: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """The config to go on with: the folder's own, with what `overrides` may change put in.

    A folder without a config.yaml, which a kill may leave, is started afresh.

    Raises:
        ConfigError: without run_dir, or for overrides that would make another run of it.
    """
    if new["run_dir"] is None:
        msg = "resume=true: say which run, run_dir=..."
        raise ConfigError(msg)
    folder = RunFolder(Path(new["run_dir"]))
    if not folder.config.is_file():
        log.info("%s holds no run yet: starting it", folder.path)
        return new
    old = read_config(folder.path)
    require_whole(old, folder.config)
    keys = dict.fromkeys(override.lstrip("+~").split("=")[0] for override in overrides)
    # A group whose option is the one of before: its defaults do not replace what was changed then.
    same = [key for key in keys if key in old["choices"] and old["choices"][key] == new["choices"].get(key)]
    chosen = [key for key in keys if key not in same]
    _refuse_others(old, new, chosen, folder)
    merged = copy.deepcopy(old)
    for key in (key for key in chosen if within(key, (*FREE, *POLICY))):
        _put(merged, new, key)
    done = run_progress.read(folder.last)
    _lift_limits(merged, chosen, done)
    changes = {key: [before, after] for key, before, after in _differences(old, merged)}
    if changes and done is not None:
        merged["sessions"] = _sessions(old, done.steps, changes)
        shown = "; ".join(f"{key}: {before} -> {after}" for key, (before, after) in changes.items())
        log.info("resume: settings changed from step %d on: %s", done.steps, shown)
    return {**merged, "trust": new["trust"]}  # trusted packages are never taken from a folder


def _refuse_others(old: Mapping[str, Any], new: Mapping[str, Any], keys: Sequence[str], folder: RunFolder) -> None:
    """Raise ConfigError for keys that would change what the run is; one that is as it was is no change."""
    refused = {}
    for key in keys:
        if key in ("experiment", "length"):  # it stands for many keys
            options = [config["choices"].get(key) if key == "experiment" else config[key] for config in (old, new)]
            changes = [] if options[0] == options[1] else [(key, *options)]
        elif within(key, (*FREE, *POLICY)):
            continue
        else:
            changes = list(_differences(_at(old, key), _at(new, key), key))
        if changes:
            refused[key] = ", ".join(f"{name}: {_shown(a)} -> {_shown(b)}" for name, a, b in changes[:3])
    if refused:
        msg = (
            f"resume=true: {folder.path} was begun with other values: {'; '.join(refused.values())}. What a run learns "
            f"cannot be changed on the way; leave out {', '.join(refused)}, or start a new run from its weights: "
            f"{quoting.argument('ckpt', folder.best)}."
        )
        raise ConfigError(msg)


def _lift_limits(merged: dict[str, Any], keys: Sequence[str], done: RunProgress | None) -> None:
    """Adjust the limits: of steps and epochs a new one replaces the other, and a time that has run out is removed."""
    steps, epochs = "max_steps" in keys, "trainer.max_epochs" in keys
    if steps and not epochs and merged["max_steps"] is not None:
        merged["trainer"]["max_epochs"] = None
    if epochs and not steps and merged["trainer"]["max_epochs"] is not None:
        merged["max_steps"] = None
    spent = done is not None and merged["max_time"] is not None and done.seconds >= seconds(merged["max_time"])
    if (steps or epochs) and spent and "max_time" not in keys:
        merged["max_time"] = None


def _sessions(old: Mapping[str, Any], step: int, changes: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    """The sessions so far and the one that begins; one that began at this very step and saved nothing is part of it."""
    before = list(old.get("sessions", []))
    if before and before[-1]["step"] == step:
        earlier = before.pop()["changes"]
        both = earlier | {key: [earlier.get(key, change)[0], change[1]] for key, change in changes.items()}
        changes = {key: change for key, change in both.items() if change[0] != change[1]}
    return [*before, {"step": step, "changes": dict(changes)}] if changes else before


def _differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Keys that differ with both values; None where one side has no such key."""
    if within(path, UNCOMPARED):
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys([*old, *new]):
            yield from _differences(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
    elif old != new:
        yield path, old, new


def _at(config: Any, key: str) -> Any:
    """The value of a dotted key, None where there is none."""
    for part in key.split("."):
        config = config.get(part) if isinstance(config, Mapping) else None
    return config


def _put(target: dict[str, Any], source: Mapping[str, Any], key: str) -> None:
    """Bring the value of a dotted key, or its absence, and the option that was chosen for a group from `source`."""
    *path, last = key.split(".")
    group = path[0] if path else last
    if last in (group, "_target_") and group in source["choices"]:
        target["choices"] = {**target["choices"], group: source["choices"][group]}
    for part in path:
        target, source = target.setdefault(part, {}), source.get(part, {})
    if last in source:
        target[last] = copy.deepcopy(source[last])
    else:
        target.pop(last, None)


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
