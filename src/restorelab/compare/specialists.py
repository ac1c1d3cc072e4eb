"""Each network under the noise it was trained on: what a sweep of models by noises is usually made for."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from restorelab.compare.agreement import Board, Column
from restorelab.compare.transfer_map import families, within
from restorelab.report.table import Cell, Table
from restorelab.study import measured
from restorelab.study.measured import NAMES, Found

Place = tuple[Board, str, list[Column]]
"""A run on its board, and the evaluations of it that count."""


def table(boards: Sequence[Board]) -> Table | None:
    """Networks by training noises, over all boards of the first one's metric; None without two of each.

    What learns nothing stands under every noise whose evaluation it was measured on.
    """
    boards = [board for board in boards if board.metric == boards[0].metric]
    if not boards:
        return None
    metric, runs = boards[0].metric, boards[0].runs
    where = {name: board for board in boards for name in board.names}
    found = families(runs, list(where))
    noises = list(dict.fromkeys(noise for own in found.values() for noise, name in own.items()
                                if not where[name].classical(name)))  # fmt: skip
    trained = {title: own for title, own in found.items() if any(not where[n].classical(n) for n in own.values())}
    if len(trained) < 2 or len(noises) < 2 or max(len(own) for own in trained.values()) < 2:
        return None
    columns = [_column(noise, found, where) for noise in noises]
    cells = [_cells(column, metric) for column in columns]
    kinds = {title: _kind(own, where) for title, own in found.items() if title not in trained}
    rows = [[Cell(title, kinds.get(title, "")), *(own.get(title, Cell("")) for own in cells)]
            for title in found if any(title in own for own in cells)]  # fmt: skip
    notes = [
        "Each network as trained on the column's noise, under the evaluation that goes with it. Bold: the best of its "
        "column; whether it leads for certain is told below, where each run has its verdict."
    ]
    head = ["", *(f"{noise}\n{NAMES.get(metric, metric)}" for noise in noises)]
    return Table("Each network under the noise it was trained on", head, rows, notes)


def _kind(own: dict[str, str], where: dict[str, Board]) -> str:
    return "external" if any(where[name].external(name) for name in own.values()) else "classical"


def _column(noise: str, found: dict[str, dict[str, str]], where: dict[str, Board]) -> dict[str, Place]:
    """For one noise, by family: the run and its evaluations; those of most networks count for what learns nothing."""
    places: dict[str, Place] = {}
    for title, own in found.items():
        if noise in own and not where[own[noise]].classical(own[noise]):
            board, name = where[own[noise]], own[noise]
            held = [column for column in board.columns if name in board.where[column.label]]
            fit = [column for column in held if within(board, name, column)] or (held if len(held) == 1 else [])
            if fit:
                places[title] = (board, name, fit)
    if not places:
        return {}
    usual = Counter(_sets(columns) for _, _, columns in places.values()).most_common(1)[0][0]
    for title, own in found.items():
        for name in own.values() if title not in places else ():
            board = where[name]
            held = [c for c in board.columns if (c.spec, c.bits) in usual and name in board.where[c.label]]
            if board.classical(name) and _sets(held) == usual:
                places[title] = (board, name, held)
    return places


def _sets(columns: Sequence[Column]) -> frozenset[tuple[str, str]]:
    return frozenset((column.spec, column.bits) for column in columns)


def _cells(column: dict[str, Place], metric: str) -> dict[str, Cell]:
    """Cells by family; only those on the same images as most are held against each other."""
    if not column:
        return {}
    usual = Counter(_sets(columns) for _, _, columns in column.values()).most_common(1)[0][0]
    found = {title: _mean(place, metric) for title, place in column.items()}
    cells = {title: measured.cell(metric, one) for title, one in found.items()}
    fair = [title for title, (_, _, columns) in column.items() if _sets(columns) == usual]
    other = "Measured on other images than most of its column."
    cells = {title: one if title in fair else measured.marked(one, "", other) for title, one in cells.items()}
    best = measured.best(metric, {title: found[title].mean for title in fair})
    if best is not None:
        cells[best] = measured.marked(cells[best], "best")
    return cells


def _mean(place: Place, metric: str) -> Found:
    board, name, columns = place
    parts = [board.found(name, column, metric) for column in columns]
    why = next((part.why for part in parts if not part.values), "")
    return Found(why=why) if why else Found(tuple(map(float, np.mean([part.values for part in parts], axis=0))))
