"""The leaderboard: models by evaluations, what they cost, and how each stands to the best; as tables and as plain data.

With one evaluation all metrics stand in one table, with more there is a table a metric; what the runs cost stands in a
table of its own: wider ones do not fit on a page.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from restorelab.compare.significance import Against, cell
from restorelab.report import table_cells
from restorelab.report.table import Cell, Table
from restorelab.report.table_cells import INPUT, NAMES, large
from restorelab.runs import seed_values
from restorelab.runs.comparable import OVERALL, Board, Column
from restorelab.runs.record import Record
from restorelab.runs.seed_values import SeedValues

COSTS = ("parameters", "MACs", "time (s)", "images/s", "ms/image", "memory (MiB)", "seeds")


def tables(board: Board, best: Against | None) -> list[Table]:
    """The tables of a board, the metric that ranks first. best: all runs against the leader."""
    title, notes = f"Leaderboard{board.suffix}", _notes(board)
    parts = [board.metrics] if len(board.columns) == 1 else [[metric] for metric in board.metrics]
    found = []
    for metrics in parts:
        columns = [(column, metric) for column in _groups(board) for metric in metrics]
        named = title if len(parts) == 1 else f"{title}: {NAMES.get(metrics[0], metrics[0])}"
        leads = board.metric in metrics
        found.append(_table(named, board, columns, best if leads else None, costs=False, notes=notes[:-1]))
    found.insert(1, _table(f"{title}: costs", board, [], None, costs=True, notes=notes[-1:]))
    return found


def _groups(board: Board) -> list[Column | None]:
    """The columns; None, in front of several, for the mean of those that are common to all runs."""
    several = len(board.columns) > 1 and len(board.common) > 1
    return [None, *board.columns] if several else list(board.columns)


def _table(
    title: str,
    board: Board,
    columns: Sequence[tuple[Column | None, str]],
    best: Against | None,
    *,
    costs: bool,
    notes: Sequence[str],
) -> Table:
    head = ["", *(f"{column.label if column else OVERALL}\n{NAMES.get(metric, metric)}" for column, metric in columns)]
    cells = [_column(board, column, metric) for column, metric in columns]
    held = [*([f"{board.decides}\nagainst {best.reference}"] if best else []), *(COSTS if costs else ())]
    rows = []
    if columns and any(column[INPUT].text for column in cells):
        rows.append([Cell(INPUT), *(column[INPUT] for column in cells), *[Cell("")] * len(held)])
    for name in board.names:
        row = [_name(board, name), *(column[name] for column in cells)]
        row += [_standing(best, name, board)] if best else []
        rows.append([*row, *(_costs(board, name) if costs else ())])
    return Table(title, [*head, *held], rows, list(notes))


def _name(board: Board, name: str) -> Cell:
    """The run's name, with what it is where it is no network trained here."""
    if board.external(name):
        note = "A method from elsewhere, measured on the outputs that were handed in."
        return Cell(name, "external", note=note)
    return Cell(name, "classical" if board.classical(name) else "")


def _column(board: Board, column: Column | None, metric: str) -> dict[str, Cell]:
    """Cells by row; the best of all is marked, and the best that learns nothing."""
    if column is None:
        found = {name: board.overall(name, metric) for name in board.names}
        parts = [board.given(one, metric) for one in board.common]
        whole = all(part.values for part in parts)
        given = SeedValues((float(np.mean([part.mean for part in parts])),)) if whole else SeedValues()
    else:
        found = {name: board.found(name, column, metric) for name in board.names}
        given = board.given(column, metric)
    classical = {name for name in board.names if board.classical(name)}
    return table_cells.column(metric, found, given, classical, board.names)


def _standing(best: Against, name: str, board: Board) -> Cell:
    """How a run stands to the best in what ranks them."""
    if name == best.reference:
        return Cell("best")
    found = best.verdicts.get((name, board.decides))
    return cell(found, best.metric) if found else Cell("-", note=best.reason(name, board.decides))


def costs(board: Board, name: str) -> dict[str, SeedValues]:
    """What a run costs: parameters, multiply-accumulates, seconds, rates and bytes, a value a seed."""
    found = {key: seed_values.top(board.runs, name, key)
             for key in ("parameters", "macs", "seconds", "images_per_second", "peak_memory")}  # fmt: skip
    times = []
    for record in board.runs[name]:
        own = [median for entry in _timed(board, record) if (median := _quartiles(entry)[1])]
        if own:
            times.append(float(np.mean(own)))
    found["image_seconds"] = SeedValues(tuple(times)) if times else SeedValues(why=f"{name}: no time was measured.")
    return found


def image_seconds(board: Board, name: str) -> tuple[float, float] | None:
    """The spread of the seconds that an image takes: the lowest and highest quartile over evaluations and seeds."""
    told = [entry["image_seconds"] for record in board.runs[name] for entry in _timed(board, record)
            if entry.get("image_seconds")]  # fmt: skip
    return (min(one[0] for one in told), max(one[2] for one in told)) if told else None


def _timed(board: Board, record: Record) -> list[dict[str, Any]]:
    names = {column.evaluation for column in board.columns} & set(record.evaluations)
    return [record.evaluation(name) for name in sorted(names)]


def _quartiles(entry: Mapping[str, Any]) -> Sequence[float]:
    """Of the seconds an image; where there is no spread three times the mean, 0 where no time was measured."""
    mean = (entry.get("seconds") or 0.0) / (entry.get("images") or 1)
    return entry.get("image_seconds") or (mean, mean, mean)


def sizes(board: Board) -> list[str]:
    """Of the degraded images that multiply-accumulates were counted for: CxHxW, as far as the runs tell."""
    records = [record for name in board.names for record in board.runs[name] if record.result.get("macs")]
    return sorted({"x".join(map(str, record.result["macs_of"])) for record in records if "macs_of" in record.result})


def _costs(board: Board, name: str) -> list[Cell]:
    found = costs(board, name)
    nothing = board.classical(name)
    cells = []
    for key, unit, form in (
        ("parameters", 1, "{:,.0f}"), ("macs", 1, ""), ("seconds", 1, "{:,.0f}"), ("images_per_second", 1, "{:,.0f}"),
        ("image_seconds", 1e-3, ""), ("peak_memory", 2**20, "{:,.0f}"),
    ):  # fmt: skip
        one = found[key]
        if not one.values:
            untold = nothing and key in ("macs", "images_per_second")
            cells.append(Cell("") if untold else Cell("-", note=one.why))
            continue
        value = one.mean / unit
        spread = image_seconds(board, name) if key == "image_seconds" else None
        aside = f"{_short(spread[0] / unit)}\N{EN DASH}{_short(spread[1] / unit)}" if spread else ""
        text = form.format(value) if form else large(value) if key == "macs" else _short(value)
        cells.append(Cell(text, aside, value))
    seeds = [record.seed for record in board.runs[name]]
    return [*cells, Cell("" if nothing else str(len(seeds)), value=None if nothing else len(seeds))]


def _short(value: float) -> str:
    """Three digits, or all of a number of hundreds and more."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _notes(board: Board) -> list[str]:
    notes = [f"Sorted by {NAMES.get(board.metric, board.metric)}: {board.ranked_by}. Bold: the best of its column."]
    if any(board.classical(name) for name in board.names):
        notes[0] += " Underlined (in Markdown italic): the best classical, which learns nothing."
    if any(len(board.runs[name]) > 1 for name in board.names):
        notes.append("\N{PLUS-MINUS SIGN} is the standard deviation over a run's seeds, whose mean its numbers are.")
    if any(not board.classical(name) and len(board.runs[name]) == 1 for name in board.names):
        notes.append("Numbers without \N{PLUS-MINUS SIGN} of a network that learns come from one seed.")
    counted = f" of {' or '.join(sizes(board))}" if sizes(board) else ""
    return [
        *notes,
        f"MACs: multiply-accumulates for one image{counted}. Time: of the whole run, evaluation included. images/s: in "
        "training. ms/image: restoring a test image, in batches, on the machine of the run: the median batch and, in "
        "small, from the lower to the upper quartile of the batches. Memory: its peak, of the GPU or, on a CPU, of the "
        "process.",
    ]


def plain(board: Board, comparisons: Sequence[Against]) -> dict[str, Any]:
    """The board for leaderboard.json: every number that the tables round."""
    rows = []
    for rank, name in enumerate(board.names, start=1):
        evaluations = {column.label: {metric: _number(board.found(name, column, metric)) for metric in board.metrics}
                       for column in board.columns if name in board.where[column.label]}  # fmt: skip
        records = board.runs[name]
        rows.append({
            "rank": rank, "run": name, "seeds": [record.seed for record in records],
            "classical": board.classical(name), "external": board.external(name), "evaluations": evaluations,
            "mean": {metric: _number(board.overall(name, metric)) for metric in board.metrics},
            "costs": {key: _number(found) for key, found in costs(board, name).items()}
            | {"image_seconds_quartiles": image_seconds(board, name)},
            "folders": [str(record.path) for record in records],
        })  # fmt: skip
    return {
        "metric": board.metric, "ranked_by": board.ranked_by, "why_apart": board.why or None,
        "evaluations": [{"name": column.label, "evaluation": column.evaluation, "spec": column.spec,
                         "bits": column.bits} for column in board.columns],
        "input": {column.label: {metric: _number(board.given(column, metric)) for metric in board.metrics}
                  for column in board.columns},
        "rows": rows,
        "against": {one.reference: [verdict.plain() for verdict in one.verdicts.values()] for one in comparisons},
    }  # fmt: skip


def _number(found: SeedValues) -> dict[str, Any] | None:
    if not found.values:
        return None
    spread = float(np.std(found.values, ddof=1)) if len(found.values) > 1 else None
    return {"mean": found.mean, "std": spread, "values": list(found.values)}
