"""What makes a run this run and no other: a hash of what is scientific in its resolved config."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

UNSCIENTIFIC = (
    "name", "run_dir", "runs_dir", "data_dir", "resume", "threads", "logger", "callbacks.panels",
    "data.root", "data.residency", "data.eval_batch_size", "trainer.bar", "trainer.log_every",
    "trainer.checkpoint_every", "trainer.keep", "trainer.keep_every", "trainer.keep_memory", "trainer.accelerator",
    "trainer.deterministic", "choices", "short", "length",
)  # fmt: skip
"""What does not change what a run finds out: places, how it is shown, how it is computed."""

OWN_IMAGES = ("restorelab.data.sources.folder.Folder", "restorelab.data.sources.pairs.Pairs")
"""Sources of which only `data.root` says what the images are."""


def identity(settings: Mapping[str, Any]) -> str:
    """Eight hexadecimal digits that change with anything scientific in a resolved config, and with nothing else.

    A path to weights counts by the name of their run's folder, which holds that run's own identity, and a folder of
    images of one's own by its last name: both may be moved.
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
    for node, key in ((plain, "ckpt"), (plain, "transfer"), (plain.get("loss", {}), "ckpt")):
        if node.get(key):
            node[key] = _weights(Path(node[key]))
    if plain.get("max_time", "") is None:
        del plain["max_time"]
    if root := own_images(settings):
        plain["data"]["root"] = Path(root).name
    return plain


def own_images(settings: Mapping[str, Any]) -> str | None:
    """The folder of images that only its path tells apart from others; None for a dataset that everybody knows."""
    data = settings.get("data") or {}
    return data.get("root") if (data.get("source") or {}).get("_target_") in OWN_IMAGES else None


def _weights(path: Path) -> str:
    """A run's name, whose best weights they are, or the run's and the file's."""
    if path.parent.name != "checkpoints":
        return path.name
    run = path.parents[1].name
    return run if path.name == "best.ckpt" else f"{run}/{path.name}"
