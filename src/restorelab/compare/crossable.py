"""The evaluations for crossing a run: those of runs with the same test images that its network accepts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from restorelab.config import build
from restorelab.degradations.labels import STAGES, essences
from restorelab.errors import ConfigError
from restorelab.runs.run_identity import OF_TRAINING
from restorelab.training import checks

Entry = dict[str, Any]
"""An evaluation as in a config: the nodes of noise, blur, downsample and jpeg, each optional, and `of`."""


def filled(entry: Mapping[str, Any], config: Mapping[str, Any]) -> Entry:
    """Return an evaluation with every stage named; a stage that it leaves out is the run's own."""
    stages = {stage: entry.get(stage) or config[stage] for stage in STAGES}
    return stages | ({"of": entry["of"]} if entry.get("of") else {})


def content(entry: Mapping[str, Any]) -> str:
    """A filled entry's degradation and images as text: equal for equal evaluations, whatever their names."""
    return json.dumps([essences(entry), entry.get("of")], sort_keys=True)


def union(configs: Mapping[Path, Mapping[str, Any]]) -> dict[Path, dict[str, Entry]]:
    """The evaluations of all runs that share a run's test images, filled, by the run's folder.

    configs: of the runs. One name that stands for several degradations becomes several: `own@ae`, `own@dual_ae`.
    """
    families: dict[str, list[Path]] = {}
    for folder, config in configs.items():
        families.setdefault(_images(config), []).append(folder)
    by_folder: dict[Path, dict[str, Entry]] = {}
    for folders in families.values():
        evaluations = _together([configs[folder] for folder in folders])
        by_folder |= dict.fromkeys(folders, evaluations)
    return by_folder


def _images(config: Mapping[str, Any]) -> str:
    """Return what determines a run's test images and how they are measured."""
    training = [key for key in OF_TRAINING if key != "batch_size" or not config["debug"]]  # debug takes 4 batches
    data = {key: value for key, value in config["data"].items() if key not in training}
    rest = {key: config.get(key) for key in ("test", "split_seed", "eval_seed", "protocol", "debug")}
    return json.dumps([data, rest], sort_keys=True)


def _together(configs: Sequence[Mapping[str, Any]]) -> dict[str, Entry]:
    by_name: dict[str, dict[str, tuple[str, Entry]]] = {}
    for config in sorted(configs, key=lambda config: str(config["name"])):
        for name, entry in config["evaluation"].items():
            full = filled(entry, config)
            origin = str(config["name"]).rpartition("/")[2]
            by_name.setdefault(name, {}).setdefault(content(full), (origin, full))
    evaluations: dict[str, Entry] = {}
    for name, meanings in by_name.items():
        for origin, entry in meanings.values():
            base = label = name if len(meanings) == 1 else f"{name}@{origin}"
            number = 2
            while label in evaluations:
                label, number = f"{base}-{number}", number + 1
            evaluations[label] = entry
    return evaluations


def fitting(config: Mapping[str, Any], evaluations: Mapping[str, Entry]) -> tuple[dict[str, Entry], dict[str, str]]:
    """The evaluations that a run's network can be measured under, and for each other the reason why not."""
    accepted: dict[str, Entry] = {}
    refused: dict[str, str] = {}
    net = None
    for name, entry in evaluations.items():
        try:
            built = build.parts({**config, "evaluation": {name: entry}})
            if net is None:
                with torch.device("meta"):
                    net = built.net()
            checks.check_network(replace(built, degradation=built.evaluations[name].degradation), net)
            accepted[name] = entry
        except ConfigError as error:
            refused[name] = str(error)
    return accepted, refused
