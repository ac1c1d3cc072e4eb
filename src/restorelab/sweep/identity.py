"""What makes a run this run and no other: a hash of what is scientific in its resolved config."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

UNSCIENTIFIC = (
    "name", "run_dir", "runs_dir", "data_dir", "resume", "threads", "max_time", "logger", "callbacks.panels",
    "data.root", "data.residency", "data.eval_batch_size", "trainer.bar", "trainer.log_every",
    "trainer.checkpoint_every", "trainer.keep_memory", "trainer.accelerator", "trainer.deterministic",
    "choices", "short", "length",
)  # fmt: skip
"""What does not change what a run finds out: places, how it is shown, how it is computed."""


def identity(settings: Mapping[str, Any]) -> str:
    """Eight hexadecimal digits that change with anything scientific in a resolved config, and with nothing else.

    A path to weights counts by the name of their run's folder, which holds that run's own identity.
    """
    plain = scientific(settings)
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:8]


def scientific(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a resolved config without what is unscientific in it."""
    plain: dict[str, Any] = json.loads(json.dumps(settings))
    for key in UNSCIENTIFIC:
        *path, last = key.split(".")
        node = plain
        for part in path:
            node = node.get(part) or {}
        node.pop(last, None)
    for weights in ("ckpt", "transfer"):
        if plain.get(weights):
            plain[weights] = Path(plain[weights]).name
    if plain.get("loss", {}).get("ckpt"):
        plain["loss"]["ckpt"] = Path(plain["loss"]["ckpt"]).name
    return plain
