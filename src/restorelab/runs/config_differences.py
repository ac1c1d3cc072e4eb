"""Differences between runs: their configs, with datasets and weights by content instead of path.

Seeds that start from the weights of their own seed are one config nevertheless: weights of a run count by the config
of that run without its seed. Names show the path: the fewest last parts that distinguish it.
"""

import contextlib
import copy
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from restorelab.config import paths
from restorelab.config.run_config import read_config
from restorelab.data.content import digest
from restorelab.errors import UserError
from restorelab.runs import inputs
from restorelab.runs.inputs import Inputs
from restorelab.runs.record import Record
from restorelab.runs.run_folder import RunFolder
from restorelab.runs.run_identity import scientific

IMAGES = "images"
"""The key below `data` that stands for the content of the dataset, in place of its root."""


def seedless(config: Mapping[str, Any], path: Path) -> str:
    """Return a hash that is equal for runs that differ in the seed only. path: of the run's folder."""
    plain = scientific({key: value for key, value in config.items() if key != "seed"})
    recorded = inputs.read(RunFolder(path))
    if isinstance(plain.get("data"), dict):
        plain["data"][IMAGES] = recorded.get("data")
    for node, key, dotted in list(paths.weights(plain)):
        node[key] = _weights(Path(node[key]), recorded.get("weights", {}).get(dotted))
    return digest(plain)


def _weights(path: Path, recorded: str | None) -> str:
    """Return a text that identifies weights: for a run its config without seeds, otherwise the content."""
    run = paths.run_of(path)
    file = path.name if run != path and path.name != "best.ckpt" else ""
    with contextlib.suppress(UserError, OSError, ValueError, AttributeError, yaml.YAMLError):
        # the run that the weights come from may have been removed
        return f"{seedless(read_config(run), run)} {file}"
    if short(run) != run.name:
        return f"{short(run)} {file}"
    return recorded or Inputs().weights(str(path))


def short(path: Path) -> str:
    """Return the name of a run's folder without its seed and hash."""
    return re.sub(r"-s\d+-[0-9a-f]{8}$", "", path.name)


def contents(record: Record) -> dict[str, str]:
    """Return the hash of each file of weights that a run started from or learned by, by the key of the config."""
    recorded = inputs.read(record.folder).get("weights", {})
    current = Inputs()
    return {
        dotted: recorded.get(dotted) or current.weights(node[key]) for node, key, dotted in paths.weights(record.config)
    }


def label(records: Mapping[str, Sequence[Record]]) -> None:
    """Give each record its `shown_config`, in which datasets and weights have the labels of their content."""
    labels: dict[str, dict[str, str]] = {same: {} for same in records}
    for key, places in _places(records).items():
        for same, name in _labels(places).items():
            labels[same][key] = name
    for same, own_records in records.items():
        for record in own_records:
            record.shown_config = _with_labels(record.config, labels[same])


def _places(records: Mapping[str, Sequence[Record]]) -> dict[str, dict[str, tuple[str, Path]]]:
    """By key of the config and by identity of the runs: the content, and a path where it lies."""
    places: dict[str, dict[str, tuple[str, Path]]] = {}
    for same, (record, *_) in records.items():
        recorded = inputs.read(record.folder)
        root = (record.config.get("data") or {}).get("root")
        if "data" in recorded and root:
            places.setdefault(f"data.{IMAGES}", {})[same] = (recorded["data"], Path(root))
        for node, key, dotted in paths.weights(record.config):
            path = Path(node[key])
            content = _weights(path, recorded.get("weights", {}).get(dotted))
            apart = same if " " in same else ""  # runs of one config that differ in the content of their weights
            places.setdefault(dotted, {})[same] = (content + apart, path)
    return places


def _labels(places: Mapping[str, tuple[str, Path]]) -> dict[str, str]:
    """Return for each path the fewest last parts that distinguish its content, or a part of the content's hash."""
    first: dict[str, Path] = {}
    for content, path in places.values():
        first.setdefault(content, path)
    most = max(len(path.parts) for path in first.values())
    for strip in (True, False):
        for count in range(1, most + 1):
            tails = {content: _tail(path, count, strip=strip) for content, path in first.items()}
            if len(set(tails.values())) == len(tails):
                return {same: tails[content] for same, (content, _) in places.items()}
    marks = {content: digest(content) if " " in content else content for content in first}
    return {same: f"{first[content].name}#{marks[content][:6]}" for same, (content, _) in places.items()}


def _tail(path: Path, count: int, *, strip: bool) -> str:
    """The last parts of a path. strip: as people name it, without the files inside a run's folder, seed and hash."""
    if not strip:
        return "/".join(path.parts[-count:]).lstrip("/")
    run = paths.run_of(path)
    inside = [path.name] if run != path and path.name != "best.ckpt" else []
    parts = [short(Path(part)) for part in run.parts if part != "/"]
    return "/".join([*parts[-count:], *inside])


def _with_labels(config: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    labeled = copy.deepcopy(dict(config))
    for dotted, label in labels.items():
        *groups, last = dotted.split(".")
        node: Any = labeled
        for group in groups:
            node = node[int(group)] if isinstance(node, list) else node[group]
        node[last] = label
    return labeled


def like(config: Mapping[str, Any], path: Path, records: Sequence[Record]) -> dict[str, Any]:
    """The config of a run that is not finished, with the labels that finished ones have for the same content."""
    recorded = inputs.read(RunFolder(path))
    labels: dict[str, str] = {}
    for record in records:
        if "data" in recorded and inputs.read(record.folder).get("data") == recorded["data"]:
            labels |= {f"data.{IMAGES}": value for value in [record.shown_config["data"].get(IMAGES)] if value}
        known = {node[key]: dotted for node, key, dotted in paths.weights(record.config)}
        shown = {dotted: node[key] for node, key, dotted in paths.weights(record.shown_config)}
        for node, key, dotted in paths.weights(config):
            if known.get(node[key]) == dotted:
                labels[dotted] = shown[dotted]
    return _with_labels(config, labels)
