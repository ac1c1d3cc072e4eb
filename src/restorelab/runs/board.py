"""Runs that may stand in one table, and their numbers under the evaluations that tie them together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from restorelab.runs import samples, seed_values
from restorelab.runs.metric import LOWER, METRICS
from restorelab.runs.record import Record, Runs
from restorelab.runs.seed_values import SeedValues, by_seed

SHOWN = ("psnr", "ssim", "mse", "accuracy", "entropy")
"""Test metrics that tables show, in order; a run is ranked by the first that it has, unless another is asked for."""

OVERALL = "mean of all"
"""The name of a comparison of means over all evaluations."""


@dataclass(frozen=True)
class Column:
    """One evaluation of one set of images.

    Attributes:
        evaluation: its name; what crossing added may have another one in some runs, see `Board.entry`.
        label: that name, with a number where one table has two such sets.
    """

    evaluation: str
    spec: str
    bits: str
    label: str


@dataclass
class Board:
    """Runs that may stand in one table, and the evaluations that tie them together.

    Attributes:
        runs: all finished runs; `names` are this board's, best first once they are ranked.
        metric: that they are ranked by.
        where: by the label of a column, the names of the runs that were measured there.
        crossed: whether evaluations that crossing added count.
        reason: why these runs are not on the first board; empty for the first.
        ranking: the columns over whose mean the runs are ranked, and `ranked_by` the same in words.
        distinction: what distinguishes it from other boards, such as its dataset; empty where there is no other.
    """

    runs: Runs
    metric: str
    names: list[str]
    columns: list[Column]
    where: dict[str, list[str]]
    crossed: bool = False
    reason: str = ""
    distinction: str = ""
    ranking: list[Column] = field(default_factory=list, init=False)
    ranked_by: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self._rank()

    @property
    def suffix(self) -> str:
        """The end of the titles of this board's charts and tables, which distinguishes them from another board's."""
        return f" ({self.distinction})" if self.distinction else ""

    def titled(self, title: str) -> str:
        """A title of this board with its suffix, unless it ends with the same words already."""
        return title if self.distinction and title.endswith(f" under {self.distinction}") else title + self.suffix

    @property
    def decides(self) -> str:
        """The name of a comparison over the ranking columns: the column's label, or `mean of all`."""
        return self.ranking[0].label if len(self.ranking) == 1 else OVERALL

    @property
    def common(self) -> list[Column]:
        """Return the columns that all runs were measured under."""
        return [column for column in self.columns if set(self.where[column.label]) >= set(self.names)]

    @property
    def metrics(self) -> list[str]:
        """What tables show: the metric that ranks, then the others that any of the runs has."""
        measured = {key.partition("/")[2] for name in self.names for column in self.columns
                if name in self.where[column.label] for key in self.entry(name, column)["metrics"]}  # fmt: skip
        images = sorted(name for name in measured if name in METRICS and METRICS[name].source == "image")
        return list(dict.fromkeys([self.metric, *(metric for metric in SHOWN if metric in measured), *images]))

    def entry(self, name: str, column: Column) -> Mapping[str, Any]:
        """The entry of result.json of a run's first seed."""
        measured_sets = entries(self.runs[name][0], crossed=self.crossed)
        return next(
            entry for entry in measured_sets.values() if (entry["spec"], entry["bits"]) == (column.spec, column.bits)
        )

    def measured(self, name: str, column: Column, metric: str) -> SeedValues:
        """Return the values of a test metric, one for each seed."""
        if name not in self.where[column.label]:
            return SeedValues(why=f"{name} was not measured under {column.label}.")
        if not self.crossed:
            return by_seed(self.runs, name, column.evaluation, metric)
        degradation = self.entry(name, column)["degradation"]
        return by_seed(Runs([record.under(degradation) for record in self.runs[name]]), name, degradation, metric)

    def overall(self, name: str, metric: str, columns: Sequence[Column] | None = None) -> SeedValues:
        """Return the mean over the common evaluations, one value per seed; none where a run lacks one of them."""
        parts = [self.measured(name, column, metric) for column in (self.common if columns is None else columns)]
        return seed_values.average(parts) if parts else SeedValues(why="No evaluation is common to all.")

    def degraded_input(self, column: Column, metric: str) -> SeedValues:
        """Return the value of a test metric of the degraded images themselves."""
        for name in self.where[column.label]:
            values = self.measured(name, column, f"input_{metric}").values
            if values:
                return SeedValues(values[:1])
        return SeedValues(why=f"The {metric} of the degraded input was not measured.")

    def classical(self, name: str) -> bool:
        """Whether a run is a classical baseline, which learns nothing."""
        return not samples.learned(self.runs[name])

    def external(self, name: str) -> bool:
        """Whether a run is an external method, of which only the outputs were measured."""
        return bool(self.runs[name][0].config.get("external"))

    def _rank(self) -> None:
        """Best first by the mean over the common evaluations; without any, by the one that most were measured under."""
        self.ranking = self.common or [max(self.columns, key=lambda column: len(self.where[column.label]))]
        if len(self.ranking) == 1:
            self.ranked_by = self.ranking[0].label
        elif len(self.ranking) == len(self.columns):
            self.ranked_by = "the mean over the evaluations"
        else:
            self.ranked_by = f"the mean over {', '.join(column.label for column in self.ranking)}"
        sign = 1 if self.metric in LOWER else -1
        means = {name: self.overall(name, self.metric, self.ranking).mean for name in self.names}
        self.names = sorted(self.names, key=lambda name: (np.isnan(means[name]), sign * np.nan_to_num(means[name])))

    @property
    def best(self) -> str | None:
        """Return the name of the best run; None where no value is a finite number."""
        first = self.names[0]
        columns = [column for column in self.columns if first in self.where[column.label]]
        return first if any(self.measured(first, column, self.metric).values for column in columns) else None


def entries(record: Record, *, crossed: bool = False) -> dict[str, Mapping[str, Any]]:
    """The evaluations of a run by name; with those that crossing added, where that is asked for."""
    by_name: dict[str, Mapping[str, Any]] = {entry["degradation"]: entry for entry in record.result["evaluations"]}
    beside = record.crossed if crossed else None
    for entry in beside.result["evaluations"] if beside is not None else ():
        by_name.setdefault(entry["degradation"], entry)
    return by_name
