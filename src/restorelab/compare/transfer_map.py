"""Training noise by test noise: under which noises does a network stop working?"""

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from restorelab.compare.levels import stages, trained_on
from restorelab.degradations.strength import stretches
from restorelab.report import table_cells
from restorelab.report.charts.data import HeatMap
from restorelab.report.table import Cell, Mark, Table
from restorelab.report.table_cells import DIGITS
from restorelab.runs import naming, seed_values
from restorelab.runs.board import Board, Column
from restorelab.runs.find import learning
from restorelab.runs.metric import LOWER, METRICS, heading
from restorelab.runs.record import Record, Runs
from restorelab.runs.seed_values import SeedValues

TRAINED = "\N{BULLET}"
"""The mark of a number whose evaluation lies within the training's noise."""

LISTED = 8
"""The most cases that a sentence lists."""


def families(runs: Runs, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Networks that differ in their training noise only: by the network's name, the runs' names by their noise."""
    alike: dict[str, list[str]] = defaultdict(list)
    settings: dict[str, dict[str, Any]] = {}
    for name in names:
        rest = _without_noise(runs[name][0])
        key = json.dumps(naming.flat(rest), sort_keys=True, default=str)
        alike[key].append(name)
        settings.setdefault(key, rest)
    titles = naming.names(settings)
    labels = _noises({name: runs[name][0] for name in names})
    return {titles[key]: {labels[name]: name for name in members} for key, members in alike.items()}


def _without_noise(record: Record) -> dict[str, Any]:
    config = {key: value for key, value in learning(record).items() if key not in ("noise", "evaluation", "name")}
    if record.external:
        config["name"] = record.name
    choices = {group: option for group, option in (config.get("choices") or {}).items()
               if group not in ("noise", "evaluation", "experiment")}  # fmt: skip
    return {**config, "choices": choices} if choices else config


def _noises(records: Mapping[str, Record]) -> dict[str, str]:
    """Name each run's training noise: the option's name, with the difference where options are equal."""
    nodes: dict[str, dict[str, Any]] = {}
    which = {}
    for name, record in records.items():
        node = record.config.get("noise") or {}
        noise = node if record.external else record.trained_noise or {}
        option = (record.config.get("choices") or {}).get("noise") if noise == node else None
        option = option or str(noise.get("_target_", "not known")).rpartition(".")[2]
        which[name] = json.dumps([option, noise], sort_keys=True, default=str)
        nodes[which[name]] = {"name": f"/{option}", "noise": noise}
    labels = naming.names(nodes)
    return {name: labels[key] for name, key in which.items()}


def charts(board: Board) -> list[HeatMap]:
    """A map a network with several training noises; one of all runs where there is none, and only if columns differ."""
    if len(board.columns) < 2:
        return []
    by_network = families(board.runs, board.names)
    several = {title: runs for title, runs in by_network.items() if len(runs) > 1}
    if not several:
        return [_map(board, "", {name: name for name in board.names}, "run")]
    maps = [_map(board, title, runs, "trained on") for title, runs in several.items()]
    rest = {name: name for runs in by_network.values() if len(runs) == 1 for name in runs.values()}
    return [*maps, _map(board, "", rest, "run")] if rest else maps


def _most(board: Board) -> float | None:
    """Return the largest difference to the degraded input of any run: the full color in all maps of a board."""
    gaps = [abs(measured.mean - board.degraded_input(column, board.metric).mean) for column in board.columns
            for name in board.names if (measured := board.measured(name, column, board.metric)).values]  # fmt: skip
    return max((gap for gap in gaps if math.isfinite(gap)), default=None)


def _map(board: Board, title: str, rows: Mapping[str, str], row_label: str) -> HeatMap:
    metric = heading(board.metric)
    degraded = [_value(board.degraded_input(column, board.metric)) for column in board.columns]
    values = [
        [_value(board.measured(name, column, board.metric)) for column in board.columns] for name in rows.values()
    ]
    marks = [[TRAINED if within(board, name, column) else "" for column in board.columns] for name in rows.values()]
    known = any(value is not None for value in degraded)
    most = _most(board)
    caption = f"Color: better or worse than the degraded input's own {metric.partition(' ')[0]}" if known else ""
    caption += f", full at {table_cells.written(board.metric, most)}. " if known and most else ". " if known else ""
    if any(mark for row in marks for mark in row):
        caption += f"{TRAINED} the evaluation's noise lies within the run's training noise."
    chart_title = f"{title}: {metric} by training and test noise" if title else f"{metric} by run and evaluation"
    return HeatMap(
        chart_title + board.suffix, row_label,
        "measured under", list(rows), [column.label for column in board.columns], values,
        metric.partition("(")[2].rstrip(")"), [degraded] * len(values) if known else None, marks, caption.strip(),
        lower=board.metric in LOWER, most=most, digits=DIGITS.get(board.metric, 3),
    )  # fmt: skip


def _value(values: SeedValues) -> float | None:
    return float(f"{values.mean:.6g}") if values.values else None


def within(board: Board, name: str, column: Column) -> bool:
    """Return whether a run learned, from a noise that includes the column's."""
    nodes = stages(board, column)
    if board.classical(name) or not nodes or "noise" not in nodes:
        return False
    noise = nodes["noise"]
    for node in trained_on(board.runs[name][0].trained_noise, str(noise.get("_target_"))):
        strengths = {key: ranges for key, value in noise.items() if (ranges := stretches(value))}
        if all(_covered(measured_at, stretches(node.get(key))) for key, measured_at in strengths.items()):
            return True
    return False


def _covered(inner: Sequence[tuple[float, float]], outer: Sequence[tuple[float, float]]) -> bool:
    """Whether each stretch of strengths lies within one of the others."""
    return all(any(low <= start and end <= high for low, high in outer) for start, end in inner)


def fails(board: Board) -> list[str]:
    """Where a run does worse than the degraded input itself, the worst first: a sentence, or none."""
    worse = []
    for column in board.columns:
        degraded = board.degraded_input(column, board.metric)
        for name in board.names:
            measured = board.measured(name, column, board.metric)
            if _loses(board, measured, degraded):
                worse.append((abs(measured.mean - degraded.mean), name, column.label, measured.mean - degraded.mean))
    if not worse:
        return []
    worse.sort(reverse=True)
    listed = [f"{name} under {label} ({table_cells.written(board.metric, gap, sign=True)})"
              for _, name, label, gap in worse[:LISTED]]  # fmt: skip
    more = f", and {len(worse) - LISTED} more" if len(worse) > LISTED else ""
    return [f"Worse than the degraded input itself: {', '.join(listed)}{more}."]


def skipped(board: Board) -> list[str]:
    """Evaluations that crossing could not measure a run under, with the reason; a sentence each reason."""
    reasons: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in board.names:
        beside = board.runs[name][0].crossed
        for evaluation, why in (beside.result.get("skipped") or {}).items() if beside is not None else ():
            reasons[evaluation, why].append(name)
    return [f"{', '.join(names[:4])}{' and others' if len(names) > 4 else ''} under {evaluation}: {why.rstrip('.')}."
            for (evaluation, why), names in reasons.items()]  # fmt: skip


def table(board: Board) -> Table | None:
    """Tabulate the map: each run under each evaluation, and its gain over the degraded input."""
    if len(board.columns) < 2:
        return None
    metric = heading(board.metric)
    trained = _noises({name: board.runs[name][0] for name in board.names})
    rows = []
    for name in board.names:
        cells = [_gain(board, name, column) for column in board.columns]
        rows.append([Cell(name), Cell("" if board.classical(name) else trained[name]), *cells])
    digits = DIGITS.get(board.metric, 3)
    note = (
        f"In small: the gain over the degraded input, to {digits} decimals. Red: worse than the input with every seed, "
        "on average by at least the threshold."
    )
    return Table(
        f"{metric} under every evaluation", ["", "trained on", *(c.label for c in board.columns)], rows, [note]
    )


def _gain(board: Board, name: str, column: Column) -> Cell:
    measured, degraded = board.measured(name, column, board.metric), board.degraded_input(column, board.metric)
    if not measured.values:
        return Cell("-", note=measured.why)
    gap = measured.mean - degraded.mean
    aside = table_cells.written(board.metric, gap, sign=True) if degraded.values else ""
    mark: Mark = "worse" if _loses(board, measured, degraded) else ""
    return Cell(table_cells.written(board.metric, measured.mean), aside, measured.mean, mark=mark)


def _loses(board: Board, measured: SeedValues, degraded: SeedValues) -> bool:
    """Whether a run is worse than the degraded input with every seed, and on average not by less than the threshold."""
    worse = [seed_values.better(board.metric, degraded.mean, value) for value in measured.values if degraded.values]
    if not worse or not all(worse):
        return False
    kind = METRICS[board.metric]
    gap = measured.mean / degraded.mean - 1 if kind.relative and degraded.mean else measured.mean - degraded.mean
    return abs(gap) >= kind.threshold
