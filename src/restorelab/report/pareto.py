"""Quality and cost: the metric against parameters, MACs and times, with the Pareto front."""

from collections.abc import Sequence

import numpy as np

from restorelab.report.charts.data import Dot, Scatter
from restorelab.runs.board import Board
from restorelab.runs.metric import LOWER, heading
from restorelab.runs.run_costs import costs, image_seconds, sizes
from restorelab.runs.seed_values import SeedValues

AXES = {
    "parameters": ("parameters", "parameters", 1.0),
    "macs": ("MACs", "multiply-accumulates for one image", 1.0),
    "seconds": ("time of the run", "time of the whole run (s)", 1.0),
    "image_seconds": ("time to restore an image", "time to restore one test image (ms)", 1e-3),
}
"""The costs by key: a short name, the axis title, and the displayed unit."""

LEARNING = ("parameters", "macs", "seconds")
"""Costs that a classical baseline does not have."""


def front(points: Sequence[tuple[float, float]], *, higher: bool = True) -> list[bool]:
    """Which points (cost, value) nothing dominates: no other costs as little and is as good, and better in one.

    Points that are equal in both stand or fall together. higher: more of the value is better. What is not a number is
    never on the front.
    """
    value = {i: (y if higher else -y) for i, (x, y) in enumerate(points) if np.isfinite(x) and np.isfinite(y)}
    on = [False] * len(points)
    best, cost = -np.inf, -np.inf
    for i in sorted(value, key=lambda i: (points[i][0], -value[i])):
        # The first of its cost must beat all that cost less; another of its cost must equal that first one.
        if value[i] > best or (value[i] == best and points[i][0] == cost):
            on[i], best, cost = True, value[i], points[i][0]
    return on


def charts(board: Board) -> list[Scatter]:
    """A scatter for each cost that two runs or more have."""
    qualities = {name: board.overall(name, board.metric, board.ranking) for name in board.names}
    costs_of = {name: costs(board, name, AXES) for name in board.names}
    made = []
    for key, (title, axis, unit) in AXES.items():
        if key == "macs" and len(sizes(board)) > 1:
            continue  # counted for images of unlike sizes
        dots = {}
        for name in board.names:
            cost, quality = costs_of[name][key], qualities[name]
            if quality.values and cost.values and cost.mean > 0 and not (key in LEARNING and board.classical(name)):
                dots[name] = (cost.mean / unit, quality)
        if len(dots) < 2:
            continue
        spreads = {name: image_seconds(board, name) for name in dots} if key == "image_seconds" else {}
        ends = {name: (low / unit, high / unit) for name, spread in spreads.items() if spread for low, high in [spread]}
        made.append(_chart(board, title, axis, dots, ends, len(board.names) - len(dots)))
    return made


def _chart(
    board: Board,
    title: str,
    axis: str,
    dots: dict[str, tuple[float, SeedValues]],
    ends: dict[str, tuple[float, float]],
    absent: int,
) -> Scatter:
    higher = board.metric not in LOWER
    on_front = front([(x, y.mean) for x, y in dots.values()], higher=higher)
    metric = heading(board.metric)
    made = []
    for (name, (x, y)), front_dot in zip(dots.items(), on_front, strict=True):
        spread = float(np.std(y.values, ddof=1)) if len(y.values) > 1 else None
        low, high = (y.mean - spread, y.mean + spread) if spread else (None, None)
        made.append(Dot(name, x, y.mean, low, high, front_dot, *ends.get(name, (None, None))))
    values = [x for x, _ in dots.values()]
    caption = f"{metric}: {board.ranked_by}."
    caption += " Bars: one standard deviation over the seeds." if any(dot.low is not None for dot in made) else ""
    caption += " Across: the quartiles of the batches." if ends else ""
    caption += " Joined: the runs that no other beats in both, by the means alone, whether or not the lead is decided."
    if absent:
        rest = "1 run is" if absent == 1 else f"{absent} runs are"
        caption += f" {rest} not shown: a classical baseline, or the cost was not measured."
    return Scatter(
        f"{metric} and {title}{board.suffix}", axis, metric, made, log_x=max(values) > 10 * min(values),
        caption=caption, lower=not higher,
    )  # fmt: skip
