"""The numbers of runs as cells of a table: how each is written, and which of a column is marked."""

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from restorelab.report.table import Cell, Mark
from restorelab.runs.seed_values import SeedValues, best

DIGITS = {"psnr": 2, "ssim": 3, "mse": 5, "loss": 4, "entropy": 4, "accuracy": 3, "parameters": 0, "macs": 0}
"""Decimals that a metric is printed with; others get three."""

INPUT = "degraded input"
"""The name of the row of the degraded images."""

UNITS = ((10**9, "G"), (10**6, "M"), (10**3, "k"))


def written(metric: str, value: float, *, sign: bool = False) -> str:
    """A value with the metric's decimals; with its sign where it is a difference."""
    text = f"{value:{'+' if sign else ''},.{DIGITS.get(metric, 3)}f}"
    return text.replace("-", "\u2212")


def in_report(metric: str, value: float) -> str:
    """A value of the report's, with at least as many decimals as it prints."""
    least = {"psnr": 2, "ssim": 2}.get(metric, 0)
    printed = len(np.format_float_positional(value, trim="-").partition(".")[2])
    return f"{value:,.{max(least, printed)}f}"


def cell(metric: str, values: SeedValues, mark: Mark = "", note: str = "") -> Cell:
    """The mean, ± the standard deviation (n - 1) where there are several seeds; "-" and the reason without a value."""
    if not values.values:
        return Cell("-", note=values.why)
    spread = float(np.std(values.values, ddof=1)) if len(values.values) > 1 else None
    aside = "" if spread is None else f"± {written(metric, spread)}"
    return Cell(written(metric, values.mean), aside, values.mean, spread, mark, note)


def marked(cell: Cell, mark: Mark, note: str = "") -> Cell:
    """The same cell with a mark, and one more sentence in its note."""
    return replace(cell, mark=mark, note=" ".join(part for part in (cell.note, note) if part))


def p_text(value: float) -> str:
    """A p value with three decimals."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def p_value(value: float | None) -> Cell:
    """A p value as a cell; empty where there is none."""
    return Cell("") if value is None else Cell(p_text(value), value=value)


def column(
    metric: str, values: Mapping[str, SeedValues], given: SeedValues, classical: Collection[str], fair: Collection[str]
) -> dict[str, Cell]:
    """A metric's cells by run, and the degraded input's; the best of all is marked, and the best classical baseline.

    given: the degraded input's own value. classical: the classical baselines. fair: those that compete for a mark.
    """
    cells = {name: cell(metric, seed_values) for name, seed_values in values.items()}
    cells[INPUT] = cell(metric, given) if given.values else Cell("")
    means = {name: values[name].mean for name in fair}
    first_classical = best(metric, {name: mean for name, mean in means.items() if name in classical})
    first = best(metric, means | {INPUT: given.mean})
    if first_classical is not None:
        cells[first_classical] = marked(cells[first_classical], "classical")
    if first is not None:
        cells[first] = marked(cells[first], "both" if first == first_classical else "best")
    return cells


def large(number: float) -> str:
    """Three digits and a unit: 12.3 M."""
    for unit, name in UNITS:
        if number >= unit:
            return f"{number / unit:.3g} {name}"
    return f"{number:.0f}"
