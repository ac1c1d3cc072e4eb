"""The config of `restorelab evaluate`: that of the run whose weights are measured, with what the user asks for instead.

The network, its training degradation and the image channels come from the run, as for every evaluated checkpoint (see
`from_checkpoint`). So do, unless they are requested, the data with its split, the evaluations, the loss, the objective
and the protocol: without any override the run's own test is repeated.
"""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from restorelab.config import composition, from_checkpoint, packaged
from restorelab.config.conf_files import options
from restorelab.config.requested import Requested
from restorelab.config.run_config import read_config
from restorelab.errors import ConfigError, nearest

BASE = ("data", "loss", "objective", "protocol")
"""The config groups that come from the run in addition to those of every evaluated checkpoint."""

RECOGNIZED = "spandrel"
"""The model option that builds a network from the file of weights itself."""

SEEDS = ("split_seed", "eval_seed")

OF_TRAINING = (
    "train",
    "ckpt",
    "resume",
    "transfer",
    "max_steps",
    "max_time",
    "accumulate",
    "clip",
    "optimizer",
    "scheduler",
)
"""Keys that have no meaning where nothing is trained, or that the command sets."""


def compose(source: str | None, overrides: Sequence[str]) -> dict[str, Any]:
    """Return the resolved config that evaluates the weights of `source`.

    source: a run's folder, a checkpoint in one, the name of a packaged network, or any file of weights, which needs
    `model=` among the overrides. None for a classical baseline, which `model=` names.

    Raises:
        ConfigError: for a file of weights without a network, a key that belongs to training, and invalid overrides.
    """
    requested = Requested(overrides)
    for key in OF_TRAINING:
        if requested.under(key):
            raise ConfigError(f"evaluate: {key} does not apply, because nothing is trained. Leave it out.")
    source, run = (None, None) if source is None else trained_source(source)
    if source is not None and run is None and "model" not in requested.groups and not requested.under("model._target_"):
        if Path(source).is_dir():
            read_config(Path(source))  # raises, as it is no run
        raise ConfigError(
            f"{source} lies in no run folder, so nothing says which network its weights belong to. Name one, such as "
            "model=dncnn data.channels=3."
        )
    chosen = {} if run is None else _options(run, requested)
    root = (run or {}).get("data", {}).get("root") if "data" in chosen else None
    placed = [f"data.root={root}"] if root and not requested.under("data.root") else []
    added = [*(f"{group}={option}" for group, option in chosen.items()), *placed]
    weights = "model.ckpt" if requested.groups.get("model") == RECOGNIZED else "ckpt"
    settings = composition.compose([*added, *overrides, "train=false", *([f"{weights}={source}"] if source else [])])
    if run is not None:
        _take(settings, run, requested, overrides)
    if not same_data(settings, run) and not (requested.under("data.test") or requested.under("data.val")):
        _measure_whole(settings, requested)
    return settings


def trained_source(source: str) -> tuple[str, Mapping[str, Any] | None]:
    """Return the weights and the config of the run that trained them, also for the run of an evaluation of them.

    The config is None for weights from elsewhere.

    Raises:
        ConfigError: if there is no such file, folder or packaged network.
    """
    path = Path(source).expanduser()
    if not path.exists():
        if source in packaged.names():
            return trained_source(str(packaged.find(source).file))
        names = [*(p.name for p in path.parent.glob("*")), *(packaged.names() if len(path.parts) == 1 else ())]
        raise ConfigError(f"evaluate: there is no {source}. {nearest(path.name, names)}")
    run = from_checkpoint.run_of(str(path))
    evaluated = run.get("ckpt") if run is not None and path.is_dir() and not run.get("train", True) else None
    return trained_source(str(evaluated)) if evaluated else (str(path), run)


def _options(run: Mapping[str, Any], requested: Requested) -> dict[str, str]:
    """Return the options of `BASE` that the run chose and that were not requested, as far as they exist here."""
    chosen = run.get("choices") or {}
    return {group: chosen[group] for group in BASE
            if group not in requested.groups and chosen.get(group) in options(group)}  # fmt: skip


def _take(settings: dict[str, Any], run: Mapping[str, Any], requested: Requested, overrides: Sequence[str]) -> None:
    """Replace what was not requested by what the run has; changes `settings`."""
    with_data = "source" in (run.get("data") or {})  # a model card only knows the channels
    own_data = with_data and ("data" not in requested.groups or same_data(settings, run))
    groups = [group for group in BASE if group != "data" or own_data]
    from_checkpoint.take_groups(settings, run, groups, requested, overrides)
    if "data" in groups:
        settings |= {seed: run[seed] for seed in SEEDS if seed in run and not requested.under(seed)}
        for group in ("test", "val"):
            if group not in requested.groups and not requested.under(group):
                settings[group] = copy.deepcopy(run.get(group) or {})
    named = {"evaluation", "noise"} & requested.groups.keys() or requested.under("evaluation")
    if "evaluation" in run and not named:
        settings["evaluation"] = copy.deepcopy(run["evaluation"])


def same_data(settings: Mapping[str, Any], run: Mapping[str, Any] | None) -> bool:
    """Return whether a config reads the images that a run has read, from the same place and by the same source."""
    nodes = [config.get("data") or {} for config in (settings, run or {})]
    first, second = ((node.get("root"), (node.get("source") or {}).get("_target_")) for node in nodes)
    return first == second


def _measure_whole(settings: dict[str, Any], requested: Requested) -> None:
    """Set all images of a dataset without official parts to be measured, as none is trained on; changes `settings`.

    Raises:
        ConfigError: for a baseline whose parameters would be chosen on validation images, which there are none of then.
        DataError: if the dataset is missing.
    """
    from restorelab.config import build  # brings torch

    items = build.make("data", settings["data"]).make_source().items()
    if not any(item.split for item in items):
        limit = settings["data"]["limit"] if requested.under("data.limit") else None
        settings["data"] |= {"test": "all", "val": 0, "limit": limit}
        model = settings["model"]
        for name, values in (model.get("grid") or {}).items():
            if model.get(name) is None and not settings["val"]:
                raise ConfigError(
                    f"evaluate: model.{name}=null is chosen on validation images, and all of these are test images. "
                    f"Give a value, such as model.{name}={values[len(values) // 2]} (of {values}), or name validation "
                    "images, such as val=set12."
                )
