"""Which of the varied keys explains the differences: `judge.importance` as a chart and a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from restorelab.judge.importance import GridImportance, SearchImportance, importance
from restorelab.report.charts.data import Bar, Bars
from restorelab.report.table import Cell, Table
from restorelab.report.table_cells import p_value, written
from restorelab.runs import naming
from restorelab.runs.metric import LOWER, heading
from restorelab.runs.record import Runs


@dataclass(frozen=True)
class Importance:
    """The result: a chart and a table, or sentences why there are none."""

    charts: list[Bars]
    tables: list[Table]
    text: list[str]


def shown(runs: Runs, metric: str, pruned: Sequence[Path] = ()) -> Importance:
    """Estimate how much each key that varies among the runs matters. pruned: as in `importance`."""
    result = importance(runs, metric, pruned)
    if isinstance(result, str):
        return Importance([], [], [result])
    return _of_grid(result, metric) if isinstance(result, GridImportance) else _of_search(result, metric)


def _of_grid(grid: GridImportance, metric: str) -> Importance:
    keys, levels, cells, shares_of = grid.keys, grid.levels, grid.cells, grid.shares
    labels = [naming.label(key, keys) for key in keys]
    shares = {" x ".join(labels[axis] for axis in effect.axes): effect.share for effect in shares_of.effects}
    shares |= {"three keys or more": shares_of.higher} if len(keys) > 2 else {}
    repeated = max(len(cell) for cell in cells) > 1
    shares |= {"seed": shares_of.seeds} if repeated else {}
    bars = [Bar(label, 100 * share) for label, share in sorted(shares.items(), key=lambda item: -item[1])]
    caption = (
        f"How much of the variance of the best val/{metric} each key explains, on a full grid of {cells.size} "
        f"combinations and {sum(map(len, cells))} runs (functional ANOVA, exact)."
    )
    caption += " a x b: the effect of two keys together beyond that of each." if len(keys) > 1 else ""
    rows = []
    means = np.array([np.mean(cell) for cell in cells]).reshape([len(marginal) for marginal in levels])
    for effect in shares_of.effects:
        if len(effect.axes) > 1:
            continue
        axis = effect.axes[0]
        marginal = means.mean(axis=tuple(other for other in range(means.ndim) if other != axis))
        best_level = int(marginal.argmin() if metric in LOWER else marginal.argmax())
        at_best, spread = float(marginal[best_level]), float(np.ptp(marginal))
        rows.append([
            Cell(labels[axis]), _share(effect.share), p_value(effect.p), Cell(naming.text(levels[axis][best_level])),
            Cell(written(metric, at_best), value=at_best), Cell(written(metric, spread), value=spread),
        ])  # fmt: skip
    head = ["key", "explains", "p", "best value", f"mean {heading(metric)} there", "best to worst"]
    notes = [f"{caption} p: F test against the seeds, not corrected." if repeated else
             f"{caption} One seed each: the unknown effect of the seed is attributed to the keys."]  # fmt: skip
    title = "Which keys mattered"
    return Importance(
        [Bars(title, "share of the variance (%)", bars, caption=caption)], [Table(title, head, rows, notes)], []
    )


def _of_search(search: SearchImportance, metric: str) -> Importance:
    keys, best, points = list(search.divergences), search.best, search.points
    leaders = [point.config for point, leads in zip(points, best, strict=True) if leads]
    total = sum(divergence.value for divergence in search.divergences.values())
    caption = (
        f"By how much the values among the best quarter ({best.sum()} of {len(points)} configs by their best "
        f"val/{metric}) differ from those of all: PED-ANOVA on ranks, less what chance alone gives."
    )
    pruned = sum(point.pruned for point in points)
    caption += f" {pruned} of them were pruned; their best so far counts." if pruned else ""
    ranked = sorted(search.divergences.items(), key=lambda item: -item[1].value)
    labels = {key: naming.label(key, keys) for key in keys}
    rows = []
    for key, divergence in ranked:
        share = _share(divergence.value / total) if total else Cell("-")
        among_best = _range([config.get(key, naming.ABSENT) for config in leaders])
        rows.append([Cell(labels[key]), share, p_value(divergence.p), Cell(among_best)])
    title = "Which keys mattered"
    notes = [f"{caption} p: against best quarters drawn at random, not corrected. A search that samples good regions "
             "more often makes p a little too small."]  # fmt: skip
    tables = [Table(title, ["key", "importance", "p", "among the best"], rows, notes)]
    if not total:
        return Importance([], tables, ["No key's values differ among the best quarter more than by chance."])
    bars = [Bar(labels[key], 100 * divergence.value / total) for key, divergence in ranked]
    return Importance([Bars(title, "share of the divergence (%)", bars, caption=caption)], tables, [])


def _range(values: Sequence[Any]) -> str:
    """Return the middle half of numbers; for other values, how often each occurs."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values) and len(set(values)) > 3:
        low, high = np.quantile(np.array(values, dtype=float), (0.25, 0.75))
        return f"{low:.3g} to {high:.3g}"
    texts = [naming.text(value) for value in values]
    return ", ".join(
        f"{text} ({texts.count(text)})" for text in sorted(set(texts), key=lambda text: -texts.count(text))
    )


def _share(value: float) -> Cell:
    return Cell(f"{value:.1%}", value=value)
