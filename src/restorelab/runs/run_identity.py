"""The identity of a run: a hash of what is scientific in its resolved config, and of the contents of what it reads."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from restorelab.config import metric_names, paths
from restorelab.degradations.labels import NO_JPEG
from restorelab.runs.inputs import Inputs

NOT_IDENTITY = (
    "name", "run_dir", "runs_dir", "data_dir", "resume", "threads", "logger", "callbacks.panels",
    "data.root", "data.residency", "data.eval_batch_size", "trainer.bar", "trainer.log_every",
    "trainer.checkpoint_every", "trainer.keep", "trainer.keep_every", "trainer.keep_memory", "trainer.accelerator",
    "trainer.deterministic", "trainer.steps_per_call", "trainer.graph", "trainer.profiler", "trainer.detect_anomaly",
    "trainer.inference_mode", "trainer.enable_autolog_hparams", "trainer.benchmark", "choices", "short", "length",
    "trust", "pictures", "verbose", "metrics",
)  # fmt: skip
"""Keys that do not change the results of a run: paths, display, how things are computed, additional metrics."""

OF_TRAINING = ("root", "residency", "batch_size", "eval_batch_size", "crop", "augment", "turns", "small")
"""Keys of `data` that do not change the test images."""


def identity(settings: Mapping[str, Any], inputs: Inputs | None = None) -> str:
    """Eight hexadecimal digits that change with anything scientific in a resolved config, and with nothing else.

    Datasets and weights count by their content, wherever they lie. inputs: to be used again for other configs.
    """
    inputs = inputs or Inputs()
    plain = scientific(settings)
    for node, key, _ in list(paths.weights(plain)):
        node[key] = inputs.weights(node[key])
    if "source" in settings.get("data", {}):
        plain["data"]["root"] = inputs.data(settings["data"])
    for group in ("test", "val"):
        if plain.get(group):
            plain[group] = {name: inputs.image_set(f"{group}.{name}", node) for name, node in settings[group].items()}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:8]


def scientific(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a resolved config without the keys that do not change results."""
    plain: dict[str, Any] = json.loads(json.dumps(settings))
    for key in NOT_IDENTITY:
        *path, last = key.split(".")
        node = plain
        for part in path:
            node = node.get(part) or {}
        node.pop(last, None)
    if monitored := _monitored(settings):
        plain["metrics"] = monitored
    if plain.get("jpeg") == NO_JPEG:  # as in configs from before that stage
        del plain["jpeg"]
    for group in ("test", "val"):  # as in configs from before there were such sets
        if not plain.get(group, True):
            del plain[group]
    if plain.get("max_time", "") is None:
        del plain["max_time"]
    return plain


def _monitored(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the added metrics that a schedule or a callback monitors: they influence the training."""
    heeding = [settings.get("scheduler"), *(settings.get("callbacks") or {}).values()]
    heard = [str(node.get("monitor")).split("/") for node in heeding if isinstance(node, Mapping)]
    named = {parts[1] for parts in heard if len(parts) > 1} - metric_names.PROTOCOL.keys()
    return {name: node for name, node in (settings.get("metrics") or {}).items() if name in named}
