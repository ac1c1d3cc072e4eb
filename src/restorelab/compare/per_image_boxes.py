"""The distribution of a metric over the test images: one box for each run."""

import numpy as np

from restorelab.errors import UserError
from restorelab.report.charts.data import Box, Boxes
from restorelab.report.table_cells import INPUT
from restorelab.runs.board import Board, Column
from restorelab.runs.metric import heading

MOST = 40
"""The most boxes of a chart."""

OUTLIERS = 40
"""The most images outside the whiskers that are kept for a box: the farthest ones."""

WHISKER = 1.5
"""The longest whisker in multiples of the box's height (Tukey's)."""


def charts(board: Board) -> list[Boxes]:
    """Return a chart for each evaluation, with the degraded input first and the runs in the board's order."""
    return [chart for column in board.columns if (chart := _chart(board, column)) is not None]


def _chart(board: Board, column: Column) -> Boxes | None:
    names = [name for name in board.names if name in board.where[column.label]]
    boxes: list[Box] = []
    not_shown = 0
    for name in names:
        try:
            tables = [record.per_image(column.evaluation).columns for record in board.runs[name]]
            values = np.mean([table[board.metric] for table in tables], axis=0)
            degraded = tables[0].get(f"input_{board.metric}")
        except (UserError, KeyError):
            not_shown += 1
            continue
        if not boxes and degraded is not None and (first := box(INPUT, degraded)) is not None:
            boxes.append(first)
        made = box(name, values)
        if made is None or len(boxes) > MOST:
            not_shown += 1
        else:
            boxes.append(made)
    if not boxes:
        return None
    metric = heading(board.metric)
    caption = (
        "Each box holds the middle half of the test images (an image's value is the mean over the seeds), its line is "
        f"the median; whiskers reach {WHISKER} times the box, images beyond are dots, the {OUTLIERS} farthest at most."
    )
    caption += f" {not_shown} more runs are not shown." if not_shown else ""
    return Boxes(board.titled(f"{metric} of each image under {column.label}"), metric, boxes, caption=caption)


def box(label: str, values: np.ndarray) -> Box | None:
    """Return quartiles, whiskers to the last value within 1.5 boxes, and what lies beyond; None without numbers."""
    from matplotlib.cbook import boxplot_stats

    known = values[np.isfinite(values)]
    if not known.size:
        return None
    (stats,) = boxplot_stats(known, whis=WHISKER)
    low, q1, median, q3, high, mean = (float(stats[key]) for key in ("whislo", "q1", "med", "q3", "whishi", "mean"))
    beyond = np.sort(stats["fliers"])
    farthest = beyond[np.argsort(-np.abs(beyond - median), kind="stable")][:OUTLIERS]
    return Box(label, low, q1, median, q3, high, mean, [float(f"{value:.5g}") for value in np.sort(farthest)])
