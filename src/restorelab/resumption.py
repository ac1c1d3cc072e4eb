"""Going on with a run: its own config counts, and only what cannot change its science may be given anew."""

import copy
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from restorelab.dotted import within
from restorelab.errors import ConfigError
from restorelab.run_folder import RunFolder, read_config

log = logging.getLogger(__name__)

FREE = (
    "run_dir", "runs_dir", "data_dir", "resume", "threads", "max_steps", "max_time", "logger",
    "trainer.max_epochs", "trainer.bar", "trainer.checkpoint_every",
)  # fmt: skip
"""Keys that a resumed run may change: where, how long, how it is shown. `threads` may change the last bits."""


def settings(new: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """The config to go on with: the folder's own, with the free keys of `overrides` put in.

    A folder without a config.yaml, which a kill may leave, is started afresh.

    Raises:
        ConfigError: without run_dir, or where other keys than the free ones differ from the folder's.
    """
    if new["run_dir"] is None:
        msg = "resume=true: say which run, run_dir=..."
        raise ConfigError(msg)
    folder = RunFolder(Path(new["run_dir"]))
    if not folder.config.is_file():
        log.info("%s holds no run yet: starting it", folder.path)
        return new
    old = read_config(folder.path)
    given = [override.lstrip("+~").split("=")[0] for override in overrides]
    fixed = [key for key in given if not within(key, FREE)]
    if fixed:
        changed = sorted(_differences(old, new))
        if changed:
            msg = (
                f"resume=true: {folder.path} was begun with another configuration; these differ: "
                f"{', '.join(changed[:6])}. Say only run_dir=... resume=true, or start a new run."
            )
            raise ConfigError(msg)
    merged = copy.deepcopy(old)
    for key in (key for key in given if within(key, FREE)):
        _put(merged, new, key.split("."))
    return merged


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], path: str = "") -> list[str]:
    found = []
    for key in old.keys() | new.keys():
        full = f"{path}.{key}" if path else str(key)
        if within(full, FREE) or full in ("choices", "name"):
            continue
        a, b = old.get(key), new.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found += _differences(a, b, full)
        elif a != b:
            found.append(full)
    return found


def _put(target: dict[str, Any], source: Mapping[str, Any], path: Sequence[str]) -> None:
    for part in path[:-1]:
        target, source = target[part], source[part]
    target[path[-1]] = copy.deepcopy(source[path[-1]])
