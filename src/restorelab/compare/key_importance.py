"""Which of the varied keys made the difference: `judge.importance` as a chart and a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from restorelab.judge.importance import Grid, Search, importance
from restorelab.report.charts.data import Bar, Bars
from restorelab.report.table import Cell, Table
from restorelab.report.table_cells import NAMES, p_value, written
from restorelab.runs import naming
from restorelab.runs.metric import LOWER
from restorelab.runs.record import Runs


@dataclass(frozen=True)
class Importance:
    """What came out: a chart and a table, or sentences that say why not."""

    charts: list[Bars]
    tables: list[Table]
    text: list[str]


def shown(runs: Runs, metric: str, pruned: Sequence[Path] = ()) -> Importance:
    """How much each key that varies among the runs matters. pruned: as in `importance`."""
    found = importance(runs, metric, pruned)
    if isinstance(found, str):
        return Importance([], [], [found])
    return _of_grid(found, metric) if isinstance(found, Grid) else _of_search(found, metric)


def _of_grid(grid: Grid, metric: str) -> Importance:
    keys, levels, cells, shares_of = grid.keys, grid.levels, grid.cells, grid.shares
    labels = [naming.label(key, keys) for key in keys]
    shares = {" x ".join(labels[axis] for axis in effect.axes): effect.share for effect in shares_of.effects}
    shares |= {"three keys or more": shares_of.higher} if len(keys) > 2 else {}
    repeated = max(len(cell) for cell in cells) > 1
    shares |= {"seed": shares_of.seeds} if repeated else {}
    bars = [Bar(label, 100 * share) for label, share in sorted(shares.items(), key=lambda one: -one[1])]
    said = (
        f"How much of the variance of the best val/{metric} each key explains, on a full grid of {cells.size} "
        f"combinations and {sum(map(len, cells))} runs (functional ANOVA, exact)."
    )
    said += " a x b: what two keys do together beyond each." if len(keys) > 1 else ""
    rows = []
    means = np.array([np.mean(cell) for cell in cells]).reshape([len(own) for own in levels])
    for effect in shares_of.effects:
        if len(effect.axes) > 1:
            continue
        axis = effect.axes[0]
        own = means.mean(axis=tuple(other for other in range(means.ndim) if other != axis))
        first = int(own.argmin() if metric in LOWER else own.argmax())
        at_best, spread = float(own[first]), float(np.ptp(own))
        rows.append([
            Cell(labels[axis]), _share(effect.share), p_value(effect.p), Cell(naming.text(levels[axis][first])),
            Cell(written(metric, at_best), value=at_best), Cell(written(metric, spread), value=spread),
        ])  # fmt: skip
    head = ["key", "explains", "p", "best value", f"mean {NAMES.get(metric, metric)} there", "best to worst"]
    notes = [f"{said} p: F test against the seeds, not corrected." if repeated else
             f"{said} One seed each: what the seed alone does is not known and counts to the keys."]  # fmt: skip
    title = "Which keys mattered"
    return Importance(
        [Bars(title, "share of the variance (%)", bars, caption=said)], [Table(title, head, rows, notes)], []
    )


def _of_search(search: Search, metric: str) -> Importance:
    keys, best, points = list(search.divergences), search.best, search.points
    leaders = [point.config for point, leads in zip(points, best, strict=True) if leads]
    found = {key: (one, [config.get(key, naming.ABSENT) for config in leaders])
             for key, one in search.divergences.items()}  # fmt: skip
    total = sum(one.value for one, _ in found.values())
    said = (
        f"By how much the values among the best quarter ({best.sum()} of {len(points)} configs by their best "
        f"val/{metric}) differ from those of all: PED-ANOVA on ranks, with what chance alone does taken off."
    )
    pruned = sum(point.pruned for point in points)
    said += f" {pruned} of them were pruned; their best so far counts." if pruned else ""
    ranked = sorted(found, key=lambda key: -found[key][0].value)
    labels = {key: naming.label(key, keys) for key in keys}
    rows = [[Cell(labels[key]), _share(found[key][0].value / total) if total else Cell("-"), p_value(found[key][0].p),
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
