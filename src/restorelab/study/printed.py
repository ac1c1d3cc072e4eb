"""Numbers that a report prints, beside the degraded input's and a classical baseline's; the entries of such tables."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from restorelab.errors import ConfigError, nearest
from restorelab.report.table import Cell
from restorelab.report.table_cells import in_report, marked
from restorelab.runs.metric import METRICS
from restorelab.runs.record import Runs
from restorelab.runs.seed_values import SeedValues, better

UNBEATEN = "The report's value does not beat the degraded input itself by more than the threshold."

LEGEND = "Marked red: a value of the report that does not beat the degraded input or a classical baseline."

OTHER_IMAGES = "The report's numbers belong to its own images and training: they are shown here, and not judged."


def shown(
    runs: Runs, metric: str, value: float, given: SeedValues, rival: tuple[str, float] | None, note: str = ""
) -> Cell:
    """A value of the report's, marked where the input or the best classical baseline is as good.

    On a stand-in it is never marked: it belongs to other images than those that these were measured on.
    """
    cell = Cell(in_report(metric, value), value=value, note=note)
    if runs.stand_in:
        return cell
    if given.values and not beats(metric, value, given.mean):
        return marked(cell, "worse", UNBEATEN)
    if rival and not better(metric, value, rival[1]):
        return marked(cell, "worse", f"The report's value does not beat the classical baseline {rival[0]}.")
    return cell


def notes(runs: Runs, cells: Sequence[Cell]) -> list[str]:
    """Return the notes below a table that holds such values."""
    if runs.stand_in:
        return [OTHER_IMAGES]
    return [LEGEND] if any(cell.mark == "worse" for cell in cells) else []


def beats(metric: str, value: float, given: float) -> bool:
    """Return whether a value of the report is better than the degraded input's by more than the threshold."""
    kind = METRICS.get(metric)
    if kind is None or (kind.relative and min(value, given) <= 0):
        return better(metric, value, given)
    gain = math.log(value / given) if kind.relative else value - given
    return (gain if kind.higher else -gain) > kind.threshold


def check(title: str, entries: Sequence[Mapping[str, Any]], needed: set[str], other: set[str]) -> None:
    """Raise ConfigError for an entry with an unknown key, or without one that is needed."""
    for number, entry in enumerate(entries):
        for key in entry:
            known(f"table {title!r}, entries[{number}]", key, needed | other)
        if missing := sorted(needed - set(entry)):
            msg = f"table {title!r}, entries[{number}]: {', '.join(missing)} is missing."
            raise ConfigError(msg)


def known(where: str, name: str, allowed: Collection[str]) -> None:
    """Raise ConfigError for a name that is not allowed there."""
    if name not in allowed:
        msg = f"{where}: {name!r} is unknown. {nearest(name, allowed)}"
        raise ConfigError(msg)
