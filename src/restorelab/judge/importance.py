"""The importance of the keys that vary between runs, by each run's best validation metric; test images are not used.

On a full grid it is the share of variance (`anova`); in a search it is how the best quarter differs (`divergence`).
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from restorelab.config.run_config import read_config
from restorelab.degradations.labels import STAGES
from restorelab.errors import UserError
from restorelab.judge import anova, divergence
from restorelab.runs import config_differences, history, naming
from restorelab.runs.metric import LOWER
from restorelab.runs.record import Runs
from restorelab.runs.run_folder import RunFolder
from restorelab.runs.run_identity import OF_TRAINING

CONFIGS = 20
"""The least number of configs of a search; a quarter of them is five."""


@dataclass(frozen=True)
class Point:
    """One run.

    Attributes:
        config: the flat config.
        name: the same for runs that differ only in their seed.
        value: the best value of its validation curve.
        pruned: whether the search ended it early, so that `value` is its best until then.
    """

    config: dict[str, Any]
    name: str
    value: float
    pruned: bool = False


@dataclass(frozen=True)
class GridImportance:
    """Runs that form a full grid.

    Attributes:
        keys: the keys that vary.
        levels: the values of each key.
        cells: the results of each combination's seeds, (combinations,) object, in C order.
        shares: of the variance.
    """

    keys: list[str]
    levels: list[list[Any]]
    cells: np.ndarray
    shares: anova.Decomposition


@dataclass(frozen=True)
class SearchImportance:
    """Configs that do not form a full grid, as those of a search.

    Attributes:
        points: one per config, with the mean over its seeds.
        best: (points,) bool, the best quarter.
        divergences: of each key that varies.
    """

    points: list[Point]
    best: np.ndarray
    divergences: dict[str, divergence.Divergence]


def importance(runs: Runs, metric: str, pruned: Sequence[Path] = ()) -> GridImportance | SearchImportance | str:
    """Return the importance of the keys that vary between runs validated on the same images, or why there is none.

    pruned: folders of runs that a search ended early. They count with their best value in a search; in a grid, only
    runs that were trained to their end count.
    """
    points = _on_same_images(runs, metric, pruned)
    configs = _by_config(points)
    if len(configs) < 2:
        return f"No two trained runs with {metric} on the same validation images differ in a key."
    finished = [point for point in points if not point.pruned]
    keys = _keys(finished)
    if keys and (grid := _grid(finished, keys)) is not None:
        cells, levels = grid
        shares = anova.decompose(cells, [len(values) for values in levels])
        if shares.total == 0:
            return f"All runs have the same {metric} on the validation images."
        return GridImportance(keys, levels, cells, shares)
    keys = _keys(points)
    if not keys:
        return "The runs differ only in their seeds."
    if len(configs) >= CONFIGS:
        return _search(configs, keys, metric)
    shown = ", ".join(naming.label(key, keys) for key in keys)
    return f"{len(configs)} combinations of {shown}: they are not a full grid, and a search needs at least {CONFIGS}."


def _keys(points: Sequence[Point]) -> list[str]:
    """Return the keys that vary between the configs."""
    return factors([point.config for point in _by_config(points)])


def _on_same_images(runs: Runs, metric: str, pruned: Sequence[Path]) -> list[Point]:
    """Return the runs that were validated on the same images; of several such sets, the one with the most configs."""
    sets: dict[str, list[Point]] = defaultdict(list)
    for name in runs:
        for record in runs[name]:
            try:
                _, values = record.curve(f"val/{metric}")
            except UserError:
                continue
            sets[_validated(record.shown_config)].append(
                Point(naming.flat(record.shown_config), name, _best(values, metric))
            )
    for path in pruned:
        try:
            config = config_differences.like(
                read_config(path), path, [record for name in runs for record in runs[name]]
            )
            column = history.read(RunFolder(path).metrics)[f"val/{metric}"]
        except (OSError, KeyError, ValueError, UserError):
            continue
        values = np.array(column)
        if np.isfinite(values).any():
            best = _best(values[np.isfinite(values)], metric)
            point = Point(naming.flat(config), path.name, best, pruned=True)
            sets[_validated(config)].append(point)
    return max(sets.values(), key=lambda points: len({point.name for point in points}), default=[])


def _best(values: np.ndarray, metric: str) -> float:
    return float(values.min() if metric in LOWER else values.max())


def _validated(config: Mapping[str, Any]) -> str:
    """Return a key that is equal for runs with the same validation images, degradations and protocol."""
    data = {key: value for key, value in (config.get("data") or {}).items() if key not in OF_TRAINING}
    evaluation = config.get("evaluation") or {}
    training_stages = {stage: config.get(stage) for stage in STAGES
           if not all(isinstance(entry, Mapping) and entry.get(stage) for entry in evaluation.values())}  # fmt: skip
    rest = [config.get(key) for key in ("split_seed", "eval_seed", "protocol")]
    return json.dumps([data, evaluation, training_stages, rest], sort_keys=True, default=str)


def factors(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the keys that vary, in the configs' order, without those that another one determines.

    `experiment` is left out, because it stands for many keys. A key of a group's option (`model.depth` if `model`
    varies) counts only if it varies under one option. Of two keys that always change together, the first counts.
    """
    kept: list[str] = []
    for key in dict.fromkeys(key for config in configs for key in config if key != "experiment"):
        values = [json.dumps(config.get(key, naming.ABSENT), default=str) for config in configs]
        if len(set(values)) == 1:
            continue
        others = [[json.dumps(config.get(other, naming.ABSENT), default=str) for config in configs] for other in kept]
        groups = [other for other, name in zip(others, kept, strict=True) if "." not in name]
        coarse = [other for other in others if len(set(other)) <= len(configs) // 2]
        if values in others or any(_decides(other, values) for other in coarse):
            continue
        if groups and _decides([str(each) for each in zip(*groups, strict=True)], values) and "." in key:
            continue
        kept.append(key)
    return kept


def _decides(first: Sequence[str], other: Sequence[str]) -> bool:
    """Return whether the first determines the second."""
    return len(set(zip(first, other, strict=True))) == len(set(first))


def _by_config(points: Sequence[Point]) -> list[Point]:
    """Return one point per config, with the mean value of its seeds."""
    by: dict[str, list[Point]] = defaultdict(list)
    for point in points:
        by[point.name].append(point)
    return [replace(alike[0], value=float(np.mean([point.value for point in alike]))) for alike in by.values()]


def _levels(points: Sequence[Point], key: str) -> list[Any]:
    """Return the different values of a key, in ascending order if they are numbers."""
    by_text = {json.dumps(value, default=str): value for point in points
             for value in [point.config.get(key, naming.ABSENT)]}  # fmt: skip
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in by_text.values())
    return sorted(by_text.values()) if numbers else list(by_text.values())


def _grid(points: Sequence[Point], keys: Sequence[str]) -> tuple[np.ndarray, list[list[Any]]] | None:
    """Return the values by combination in C order, and the values of each key; None if a combination is missing."""
    levels = [_levels(points, key) for key in keys]
    if np.prod([len(values_of_key) for values_of_key in levels]) > len(points):
        return None
    by: dict[str, list[float]] = defaultdict(list)
    for point in points:
        by[json.dumps([point.config.get(key, naming.ABSENT) for key in keys], default=str)].append(point.value)
    combinations = [json.dumps(list(combination), default=str) for combination in product(*levels)]
    if any(combination_key not in by for combination_key in combinations):
        return None
    cells = np.empty(len(combinations), dtype=object)
    for place, combination_key in enumerate(combinations):
        cells[place] = by[combination_key]
    return cells, levels


def _search(points: list[Point], keys: Sequence[str], metric: str) -> SearchImportance:
    values = np.array([point.value for point in points])
    order = np.argsort(values if metric in LOWER else -values, kind="stable")
    best = np.zeros(len(points), dtype=bool)
    best[order[: round(divergence.BEST * len(points))]] = True
    values_of = {key: [point.config.get(key, naming.ABSENT) for point in points] for key in keys}
    return SearchImportance(
        points, best, {key: divergence.divergence(values, best) for key, values in values_of.items()}
    )
