"""Training curves: the metric on validation images and the training loss, a mean over the seeds with a band."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from restorelab.errors import UserError
from restorelab.report.charts.data import Lines, Series
from restorelab.runs.board import Board
from restorelab.runs.curves import over_seeds
from restorelab.runs.metric import heading
from restorelab.runs.record import Record
from restorelab.runs.samples import same_loss

POINTS = 200
"""The most points of a line; more would not be visible."""

MOST = 40
"""The most lines of a chart: the first runs of the board."""


def charts(board: Board) -> list[Lines]:
    """The board's metric on the validation images, a chart for each set of evaluations; then the training loss."""
    sets: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in board.names:
        sets[tuple(board.runs[name][0].evaluations)].append(name)
    metric = heading(board.metric)
    made = []
    for evaluations, names in sets.items():
        where = f" under {', '.join(evaluations[:4])}" + (" and others" if len(evaluations) > 4 else "")
        made.append(_chart(board, names, f"val/{board.metric}", f"{metric} on validation images{where}", metric))
    trained = {name: board.runs[name] for name in board.names if board.runs[name][0].trained}
    if trained and _one_loss(trained):
        made.append(_chart(board, list(trained), "train/loss", "Training loss", "loss"))
    return [chart for chart in made if chart is not None]


def _one_loss(trained: dict[str, list[Record]]) -> bool:
    try:
        same_loss(trained)
    except (UserError, KeyError):
        return False
    return True


def _chart(board: Board, names: Sequence[str], column: str, title: str, axis: str) -> Lines | None:
    series = [curve for name in names if (curve := line(name, board.runs[name], column)) is not None]
    if not series:
        return None
    several = max(len(board.runs[name]) for name in names)
    caption = "One seed each."
    if several > 1:
        caption = f"Line: the mean over the seeds; band: from the lowest of up to {several} to the highest."
    if len(series) > MOST:
        caption += f" The {MOST} best of {len(series)} are shown."
    return Lines(board.titled(title), "optimizer steps", axis, series[:MOST], caption=caption)


def line(label: str, records: Sequence[Record], column: str) -> Series | None:
    """Mean, lowest and highest over the seeds at the steps that all of them reach; None where nothing was measured."""
    seeds = []
    for record in records:
        try:
            seeds.append(record.curve(column))
        except UserError:
            continue
    if not seeds:
        return None
    band = over_seeds(seeds)
    if not band.steps.size:
        return None
    shown = np.unique(np.linspace(0, band.steps.size - 1, min(band.steps.size, POINTS)).round().astype(int))
    steps, mean, low, high = (_rounded(values[shown]) for values in band)
    return Series(label, steps, mean) if len(seeds) == 1 else Series(label, steps, mean, low, high)


def _rounded(values: np.ndarray) -> list[float]:
    """Round to six digits, more than a chart can show."""
    return [float(f"{value:.6g}") for value in values]
