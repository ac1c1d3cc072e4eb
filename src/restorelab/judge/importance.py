"""Which of the varied keys made the difference, by the best validation metric of each run; test images have no say.

On a full grid: shares of variance (`anova`). In a search: what the best quarter has in common (`divergence`).
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from restorelab.compare.crossable import OF_TRAINING
from restorelab.errors import UserError
from restorelab.judge import anova, divergence
from restorelab.report.charts.data import Bar, Bars
from restorelab.report.table import Cell, Table
from restorelab.runs import differences, naming
from restorelab.runs.record import Runs
from restorelab.runs.run_folder import RunFolder, read_config
from restorelab.study import measured
from restorelab.study.measured import LOWER, NAMES
from restorelab.training.callbacks import history

CONFIGS = 20
"""Configs from which on a search says something: a quarter of them is five."""


@dataclass(frozen=True)
class Point:
    """One run: its config, flat; which of them are alike but for the seed; the best of its validation curve.

    pruned: the search ended it early, so that the value is its best so far.
    """

    config: dict[str, Any]
    name: str
    value: float
    pruned: bool = False


@dataclass(frozen=True)
class Importance:
    """What came out: a chart and a table, or sentences that say why not."""

    charts: list[Bars]
    tables: list[Table]
    text: list[str]


def importance(runs: Runs, metric: str, pruned: Sequence[Path] = ()) -> Importance:
    """Find the keys that vary among runs validated on the same images, and how much each matters.

    pruned: folders of runs that a search ended early: their best so far counts in a search, and in a grid nothing does
    that was not trained to its end.
    """
    points = _alike(runs, metric, pruned)
    configs = _one_each(points)
    if len(configs) < 2:
        return _none(f"No two runs that learn differ in a key and have {metric} on the same validation images.")
    finished = [point for point in points if not point.pruned]
    keys = _keys(finished)
    if keys and (grid := _grid(finished, keys)) is not None:
        return _of_grid(*grid, keys, metric)
    keys = _keys(points)
    if not keys:
        return _none("The runs differ in their seed only.")
    if len(configs) >= CONFIGS:
        return _of_search(configs, keys, metric)
    shown = ", ".join(naming.label(key, keys) for key in keys)
    return _none(
        f"{len(configs)} combinations of {shown}: not all of a grid, and fewer than the {CONFIGS} from which on a "
        "search tells."
    )


def _keys(points: Sequence[Point]) -> list[str]:
    """The keys that vary among the configs."""
    return factors([point.config for point in _one_each(points)])


def _none(reason: str) -> Importance:
    return Importance([], [], [reason])


def _alike(runs: Runs, metric: str, pruned: Sequence[Path]) -> list[Point]:
    """The runs by what they were validated on: the set with the most configs."""
    sets: dict[str, list[Point]] = defaultdict(list)
    for name in runs:
        for record in runs[name]:
            try:
                _, values = record.curve(f"val/{metric}")
            except UserError:
                continue
            sets[_validated(record.told)].append(Point(naming.flat(record.told), name, _best(values, metric)))
    for path in pruned:
        try:
            config = differences.like(read_config(path), path, [record for name in runs for record in runs[name]])
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
    """What decides the validation images and how they are measured."""
    data = {key: value for key, value in (config.get("data") or {}).items() if key not in OF_TRAINING}
    evaluation = config.get("evaluation") or {}
    own = {stage: config.get(stage) for stage in ("blur", "downsample", "noise")
           if not all(isinstance(entry, Mapping) and entry.get(stage) for entry in evaluation.values())}  # fmt: skip
    rest = [config.get(key) for key in ("split_seed", "eval_seed", "protocol")]
    return json.dumps([data, evaluation, own, rest], sort_keys=True, default=str)


def factors(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys that vary, groups first, without those that another one decides; an experiment is no key but many.

    What belongs to a group's option (`model.depth` where `model` differs) counts only where it varies under one option;
    of two keys that are always equal the first counts, and so it does of two that always change together.
    """
    kept: list[str] = []
    for key in dict.fromkeys(key for config in configs for key in config if key != "experiment"):
        own = [json.dumps(config.get(key, naming.ABSENT), default=str) for config in configs]
        if len(set(own)) == 1:
            continue
        others = [[json.dumps(config.get(other, naming.ABSENT), default=str) for config in configs] for other in kept]
        groups = [other for other, name in zip(others, kept, strict=True) if "." not in name]
        coarse = [other for other in others if len(set(other)) <= len(configs) // 2]
        if own in others or any(_decides(other, own) for other in coarse):
            continue
        if groups and _decides([str(each) for each in zip(*groups, strict=True)], own) and "." in key:
            continue
        kept.append(key)
    return kept


def _decides(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether the first tells the second."""
    return len(set(zip(one, other, strict=True))) == len(set(one))


def _one_each(points: Sequence[Point]) -> list[Point]:
    """A point a config, with the mean over its seeds: seeds of one config are no further tries."""
    by: dict[str, list[Point]] = defaultdict(list)
    for point in points:
        by[point.name].append(point)
    return [replace(own[0], value=float(np.mean([point.value for point in own]))) for own in by.values()]


def _levels(points: Sequence[Point], key: str) -> list[Any]:
    """The values of a key, each once, in ascending order where they are numbers."""
    found = {json.dumps(value, default=str): value for point in points
             for value in [point.config.get(key, naming.ABSENT)]}  # fmt: skip
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in found.values())
    return sorted(found.values()) if numbers else list(found.values())


def _grid(points: Sequence[Point], keys: Sequence[str]) -> tuple[np.ndarray, list[list[Any]]] | None:
    """The values by combination in C order, and each key's values; None where a combination is missing."""
    levels = [_levels(points, key) for key in keys]
    if np.prod([len(own) for own in levels]) > len(points):
        return None
    by: dict[str, list[float]] = defaultdict(list)
    for point in points:
        by[json.dumps([point.config.get(key, naming.ABSENT) for key in keys], default=str)].append(point.value)
    wanted = [json.dumps(list(combination), default=str) for combination in product(*levels)]
    if any(one not in by for one in wanted):
        return None
    cells = np.empty(len(wanted), dtype=object)
    for place, one in enumerate(wanted):
        cells[place] = by[one]
    return cells, levels


def _of_grid(cells: np.ndarray, levels: list[list[Any]], keys: Sequence[str], metric: str) -> Importance:
    found = anova.decompose(cells, [len(own) for own in levels])
    if found.total == 0:
        return _none(f"All runs have the same {metric} on the validation images.")
    labels = [naming.label(key, keys) for key in keys]
    shares = {" x ".join(labels[axis] for axis in effect.axes): effect.share for effect in found.effects}
    shares |= {"three keys or more": found.higher} if len(keys) > 2 else {}
    repeated = max(len(cell) for cell in cells) > 1
    shares |= {"seed": found.seeds} if repeated else {}
    bars = [Bar(label, 100 * share) for label, share in sorted(shares.items(), key=lambda one: -one[1])]
    said = (
        f"How much of the variance of the best val/{metric} each key explains, on a full grid of {cells.size} "
        f"combinations and {sum(map(len, cells))} runs (functional ANOVA, exact)."
    )
    said += " a x b: what two keys do together beyond each." if len(keys) > 1 else ""
    rows = []
    means = np.array([np.mean(cell) for cell in cells]).reshape([len(own) for own in levels])
    for effect in found.effects:
        if len(effect.axes) > 1:
            continue
        axis = effect.axes[0]
        own = means.mean(axis=tuple(other for other in range(means.ndim) if other != axis))
        first = int(own.argmin() if metric in LOWER else own.argmax())
        rows.append([Cell(labels[axis]), _share(effect.share), _p(effect.p), Cell(naming.text(levels[axis][first])),
                     Cell(measured.written(metric, float(own[first])), value=float(own[first])),
                     Cell(measured.written(metric, float(np.ptp(own))), value=float(np.ptp(own)))])  # fmt: skip
    head = ["key", "explains", "p", "best value", f"mean {NAMES.get(metric, metric)} there", "best to worst"]
    notes = [f"{said} p: F test against the seeds, not corrected." if repeated else
             f"{said} One seed each: what the seed alone does is not known and counts to the keys."]  # fmt: skip
    title = "Which keys mattered"
    return Importance(
        [Bars(title, "share of the variance (%)", bars, caption=said)], [Table(title, head, rows, notes)], []
    )


def _of_search(points: Sequence[Point], keys: Sequence[str], metric: str) -> Importance:
    values = np.array([point.value for point in points])
    order = np.argsort(values if metric in LOWER else -values, kind="stable")
    best = np.zeros(len(points), dtype=bool)
    best[order[: round(divergence.BEST * len(points))]] = True
    found = {}
    for key in keys:
        held = [point.config.get(key, naming.ABSENT) for point in points]
        found[key] = (divergence.divergence(held, best), [value for value, one in zip(held, best, strict=True) if one])
    total = sum(one.value for one, _ in found.values())
    said = (
        f"By how much the values among the best quarter ({best.sum()} of {len(points)} configs by their best "
        f"val/{metric}) differ from those of all: PED-ANOVA on ranks, with what chance alone does taken off."
    )
    pruned = sum(point.pruned for point in points)
    said += f" {pruned} of them were pruned; their best so far counts." if pruned else ""
    ranked = sorted(found, key=lambda key: -found[key][0].value)
    labels = {key: naming.label(key, keys) for key in keys}
    rows = [[Cell(labels[key]), _share(found[key][0].value / total) if total else Cell("-"), _p(found[key][0].p),
             Cell(_range(found[key][1]))] for key in ranked]  # fmt: skip
    title = "Which keys mattered"
    notes = [f"{said} p: the best quarter drawn at random among all, not corrected. A search that looked more where it "
             "was good makes p a little too small."]  # fmt: skip
    tables = [Table(title, ["key", "importance", "p", "among the best"], rows, notes)]
    if not total:
        return Importance([], tables, ["No key's values differ among the best quarter more than by chance."])
    bars = [Bar(labels[key], 100 * found[key][0].value / total) for key in ranked]
    return Importance([Bars(title, "share of the divergence (%)", bars, caption=said)], tables, [])


def _range(values: Sequence[Any]) -> str:
    """The middle half of numbers; how often each other value is there."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values) and len(set(values)) > 3:
        low, high = np.quantile(np.array(values, dtype=float), (0.25, 0.75))
        return f"{low:.3g} to {high:.3g}"
    said = [naming.text(value) for value in values]
    return ", ".join(f"{one} ({said.count(one)})" for one in sorted(set(said), key=lambda one: -said.count(one)))


def _share(value: float) -> Cell:
    return Cell(f"{value:.1%}", value=value)


def _p(value: float | None) -> Cell:
    if value is None:
        return Cell("")
    return Cell("< 0.001" if value < 0.001 else f"{value:.3f}", value=value)
