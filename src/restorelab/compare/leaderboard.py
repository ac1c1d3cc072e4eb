"""The leaderboard: models by evaluations, what they cost, how each compares with the best; as tables and plain data.

With one evaluation all metrics stand in one table, with more there is a table a metric; what the runs cost stands in a
table of its own: wider ones do not fit on a page.

To add a column:
- of what a run costs: an entry in `COSTS`, whose key is that of a number in result.json (`training/write_results.py`).
- of a metric: add the metric to the runs (`+metrics.vif=...`); every metric that a run measured has its column. How it
  is called, compared and written says `METRICS` in `runs/metric.py`.
To add a chart, see `compare/assemble.py`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from restorelab.compare.significance import Against, cell
from restorelab.report import table_cells
from restorelab.report.table import Cell, Table
from restorelab.report.table_cells import INPUT, large
from restorelab.runs.board import OVERALL, Board, Column
from restorelab.runs.metric import heading
from restorelab.runs.run_costs import costs, image_seconds, sizes
from restorelab.runs.seed_values import SeedValues


def whole(value: float) -> str:
    """Format a number without decimals, with thousands separators."""
    return f"{value:,.0f}"


def short(value: float) -> str:
    """Format a number with three digits, or all digits from 100 on."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


@dataclass(frozen=True)
class CostColumn:
    """A column of what a run costs.

    Attributes:
        key: of result.json, or image_seconds, which is measured under each evaluation.
        written: a value, in `unit`, as text.
        of_networks: whether a classical baseline has no such cost, so that its cell is empty.
    """

    key: str
    heading: str
    written: Callable[[float], str]
    unit: float = 1.0
    of_networks: bool = False


COSTS = (
    CostColumn("parameters", "parameters", whole),
    CostColumn("macs", "MACs", large, of_networks=True),
    CostColumn("seconds", "time (s)", whole),
    CostColumn("images_per_second", "images/s", whole, of_networks=True),
    CostColumn("image_seconds", "ms/image", short, unit=1e-3),
    CostColumn("peak_memory", "memory (MiB)", whole, unit=2**20),
)
"""The columns of the table of costs, before the number of seeds."""


def tables(board: Board, best: Against | None) -> list[Table]:
    """Return a board's tables: ranking metric, costs, other metrics. best: all runs against the leader."""
    title, notes = f"Leaderboard{board.suffix}", _notes(board)
    parts = [board.metrics] if len(board.columns) == 1 else [[metric] for metric in board.metrics]
    made = []
    for metrics in parts:
        columns = [(column, metric) for column in _groups(board) for metric in metrics]
        part_title = title if len(parts) == 1 else f"{title}: {heading(metrics[0])}"
        made.append(_table(part_title, board, columns, best if board.metric in metrics else None, notes))
    made.insert(1, _table_of_costs(f"{title}: costs", board))
    return made


def _groups(board: Board) -> list[Column | None]:
    """Return the columns; if there are several, preceded by None for the mean of those common to all runs."""
    several = len(board.columns) > 1 and len(board.common) > 1
    return [None, *board.columns] if several else list(board.columns)


def _table(
    title: str, board: Board, columns: Sequence[tuple[Column | None, str]], best: Against | None, notes: list[str]
) -> Table:
    head = ["", *(f"{column.label if column else OVERALL}\n{heading(metric)}" for column, metric in columns)]
    head += [f"{board.decides}\nagainst {best.reference}"] if best else []
    by_column = [_column(board, column, metric) for column, metric in columns]
    rows = []
    if any(cells[INPUT].text for cells in by_column):
        rows.append([Cell(INPUT), *(cells[INPUT] for cells in by_column), *[Cell("")] * bool(best)])
    for name in board.names:
        standing = [_standing(best, name, board)] if best else []
        rows.append([_name(board, name), *(cells[name] for cells in by_column), *standing])
    return Table(title, head, rows, notes)


def _table_of_costs(title: str, board: Board) -> Table:
    counted = f" of {' or '.join(sizes(board))}" if sizes(board) else ""
    note = (
        f"MACs: multiply-accumulates for one image{counted}. Time: of the whole run, evaluation included. images/s: in "
        "training. ms/image: restoring a test image, in batches, on the machine of the run: the median batch and, in "
        "small, from the lower to the upper quartile of the batches. Memory: its peak, of the GPU or, on a CPU, of the "
        "process."
    )
    rows = [[_name(board, name), *_costs(board, name)] for name in board.names]
    return Table(title, ["", *(cost.heading for cost in COSTS), "seeds"], rows, [note])


def _name(board: Board, name: str) -> Cell:
    """Return the run's name, with a remark for an external method or a classical baseline."""
    if board.external(name):
        note = "An external method, measured on the outputs that were handed in."
        return Cell(name, "external", note=note)
    return Cell(name, "classical" if board.classical(name) else "")


def _column(board: Board, column: Column | None, metric: str) -> dict[str, Cell]:
    """Return cells by row; the best of all is marked, and the best classical baseline. column: None for the mean."""
    if column is None:
        values = {name: board.overall(name, metric) for name in board.names}
        parts = [board.degraded_input(common, metric) for common in board.common]
        whole = all(part.values for part in parts)
        input_values = SeedValues((float(np.mean([part.mean for part in parts])),)) if whole else SeedValues()
    else:
        values = {name: board.measured(name, column, metric) for name in board.names}
        input_values = board.degraded_input(column, metric)
    classical = {name for name in board.names if board.classical(name)}
    return table_cells.column(metric, values, input_values, classical, board.names)


def _standing(best: Against, name: str, board: Board) -> Cell:
    """Return the verdict on a run against the best, by the ranking metric."""
    if name == best.reference:
        return Cell("best")
    verdict = best.verdicts.get((name, board.decides))
    return cell(verdict, best.metric) if verdict else Cell("-", note=best.reason(name, board.decides))


def _costs(board: Board, name: str) -> list[Cell]:
    values, classical = costs(board, name, [cost.key for cost in COSTS]), board.classical(name)
    cells = []
    for cost in COSTS:
        measured = values[cost.key]
        if not measured.values:
            cells.append(Cell("") if classical and cost.of_networks else Cell("-", note=measured.why))
            continue
        spread = image_seconds(board, name) if cost.key == "image_seconds" else None
        aside = "\N{EN DASH}".join(cost.written(end / cost.unit) for end in spread or ())
        value = measured.mean / cost.unit
        cells.append(Cell(cost.written(value), aside, value))
    seeds = len(board.runs[name])
    return [*cells, Cell("") if classical else Cell(str(seeds), value=seeds)]


def _notes(board: Board) -> list[str]:
    notes = [f"Sorted by {heading(board.metric)}: {board.ranked_by}. Bold: the best of its column."]
    if any(board.classical(name) for name in board.names):
        notes[0] += " Underlined (in Markdown italic): the best classical baseline."
    if any(len(board.runs[name]) > 1 for name in board.names):
        notes.append("A number is the mean over a run's seeds, \N{PLUS-MINUS SIGN} their standard deviation.")
    if any(not board.classical(name) and len(board.runs[name]) == 1 for name in board.names):
        notes.append("A network's number without \N{PLUS-MINUS SIGN} comes from one seed.")
    return notes


def plain(board: Board, comparisons: Sequence[Against]) -> dict[str, Any]:
    """Return the board for leaderboard.json, with every number unrounded."""
    rows = []
    for rank, name in enumerate(board.names, start=1):
        evaluations = {column.label: {metric: _number(board.measured(name, column, metric)) for metric in board.metrics}
                       for column in board.columns if name in board.where[column.label]}  # fmt: skip
        records = board.runs[name]
        rows.append({
            "rank": rank, "run": name, "seeds": [record.seed for record in records],
            "classical": board.classical(name), "external": board.external(name), "evaluations": evaluations,
            "mean": {metric: _number(board.overall(name, metric)) for metric in board.metrics},
            "costs": {key: _number(values) for key, values in costs(board, name, [cost.key for cost in COSTS]).items()}
            | {"image_seconds_quartiles": image_seconds(board, name)},
            "folders": [str(record.path) for record in records],
        })  # fmt: skip
    return {
        "metric": board.metric, "ranked_by": board.ranked_by, "why_apart": board.reason or None,
        "evaluations": [{"name": column.label, "evaluation": column.evaluation, "spec": column.spec,
                         "bits": column.bits} for column in board.columns],
        "input": {column.label: {metric: _number(board.degraded_input(column, metric)) for metric in board.metrics}
                  for column in board.columns},
        "rows": rows,
        "against": {against.reference: [verdict.plain() for verdict in against.verdicts.values()]
                    for against in comparisons},
    }  # fmt: skip


def _number(values: SeedValues) -> dict[str, Any] | None:
    if not values.values:
        return None
    spread = float(np.std(values.values, ddof=1)) if len(values.values) > 1 else None
    return {"mean": values.mean, "std": spread, "values": list(values.values)}
