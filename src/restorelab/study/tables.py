"""The tables of a study, as its YAML names them: each is called with the runs and gives a `Table`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from restorelab.errors import ConfigError, nearest
from restorelab.report.table import Cell, Table
from restorelab.study.compared import Compared
from restorelab.study.measured import (
    LOWER,
    NAMES,
    Found,
    best_classical,
    better,
    by_seed,
    cell,
    in_report,
    marked,
    top,
    written,
)
from restorelab.study.metric import METRICS
from restorelab.study.records import Runs

__all__ = ["Beside", "Cell", "Leaderboard", "ModelByEvaluation", "Pooled", "Table"]

UNBEATEN = "The report's value does not beat the degraded input itself by more than a tie."


@dataclass(frozen=True)
class ModelByEvaluation:
    """The model x noise table: a row a run, its metrics under each evaluation, and what it costs.

    A first row holds the degraded input's own values; below a run stands what the report prints for it; last, by how
    much the best network is ahead of the best method that learns nothing.

    runs, evaluations, metrics: names, in order. report: by run, evaluation and metric. labels: what to call a run.
    notes, report_notes: sentences for below the table, the latter about the report's numbers.
    """

    title: str
    runs: list[str]
    evaluations: list[str]
    metrics: list[str] = field(default_factory=lambda: ["psnr", "ssim"])
    report: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    report_notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for run, entries in self.report.items():
            _known(f"table {self.title!r}, report", run, self.runs)
            for evaluation, values in entries.items():
                _known(f"table {self.title!r}, report.{run}", evaluation, self.evaluations)
                for metric in values:
                    _known(f"table {self.title!r}, report.{run}.{evaluation}", metric, self.metrics)

    def __call__(self, runs: Runs) -> Table:
        """Read the numbers."""
        table = Compared(runs, self.runs, self.evaluations, self.metrics, self.labels, self.report).table(self.title)
        reported = [f"Report: {note}" for note in self.report_notes]
        return Table(table.title, table.head, table.rows, [*table.notes, *self.notes, *reported])


@dataclass(frozen=True)
class Leaderboard:
    """Any runs by any evaluations, best first by the mean over the evaluations of the first metric.

    runs: names; none for all of the study.
    """

    title: str
    evaluations: list[str]
    runs: list[str] = field(default_factory=list)
    metrics: list[str] = field(default_factory=lambda: ["psnr", "ssim"])
    labels: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __call__(self, runs: Runs) -> Table:
        """Read the numbers and sort."""
        names = self.runs or list(runs)

        def rank(name: str) -> float:
            mean = float(np.mean([by_seed(runs, name, e, self.metrics[0]).mean for e in self.evaluations]))
            return float("inf") if np.isnan(mean) else mean if self.metrics[0] in LOWER else -mean

        ranked = sorted(names, key=rank)
        table = Compared(runs, ranked, self.evaluations, self.metrics, self.labels, {}, overall=True).table(self.title)
        return Table(table.title, table.head, table.rows, [*table.notes, *self.notes])


@dataclass(frozen=True)
class Beside:
    """Every number that a report prints, beside ours.

    entries: a row each, `{run, evaluation, metric, report, label, note}`; without `evaluation`, `metric` is one of
    the run's own numbers, such as `parameters`. The columns "input" and "without learning" hold the same metric of
    the degraded input itself and of the study's best method that learns nothing, on the same images: a value of the
    report that does not beat them is marked.
    """

    title: str
    entries: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        _check(self.title, self.entries, {"run", "metric", "report"}, {"evaluation", "label", "note"})

    def __call__(self, runs: Runs) -> Table:
        """Read the numbers."""
        head = ["", "metric", "input", "without learning", "report", "ours", "ours \u2212 report"]
        rows = [self._row(runs, **entry) for entry in self.entries]
        legend = "Marked red: a value of the report that does not beat the degraded input or a method without learning."
        notes = [legend] if any(row[4].mark == "worse" for row in rows) else []
        return Table(self.title, head, rows, [*notes, *self.notes])

    def _row(
        self, runs: Runs, run: str, metric: str, report: float, evaluation: str = "", label: str = "", note: str = ""
    ) -> list[Cell]:
        ours = by_seed(runs, run, evaluation, metric) if evaluation else top(runs, run, metric)
        given = by_seed(runs, run, evaluation, f"input_{metric}") if evaluation else Found()
        rival = best_classical(runs, evaluation, metric, run) if evaluation and run in runs else None
        printed = Cell(in_report(metric, report), value=report, note=note)
        if given.values and not beats(metric, report, given.mean):
            printed = marked(printed, "worse", UNBEATEN)
        elif rival and not better(metric, report, rival[1]):
            printed = marked(printed, "worse", f"The report's value does not beat {rival[0]}, which learns nothing.")
        name = Cell(label or (f"{run}, {evaluation}" if evaluation else run))
        between = Cell("-")
        if ours.values:
            difference = ours.mean - report
            between = Cell(written(metric, difference, sign=True), value=difference)
            if metric not in ("parameters", "macs") and difference:
                between = marked(between, "better" if better(metric, ours.mean, report) else "worse")
        return [
            name, Cell(NAMES.get(metric, metric)),
            cell(metric, Found(given.values[:1])) if given.values else Cell(""),
            Cell(written(metric, rival[1]), rival[0], rival[1]) if rival else Cell(""),
            printed, cell(metric, ours), between,
        ]  # fmt: skip


@dataclass(frozen=True)
class Pooled:
    """Mean squared errors, and `10 log10(1 / mean MSE)`, which is a PSNR pooled over the images, not a mean of PSNRs.

    For reports that print one MSE over a whole test set; the pooled value is shown nowhere else.
    entries: a row each, `{run, evaluations: [...], report, label, note}`; the MSE is the mean over all images of the
    evaluations. `report` (an MSE) may be left out.
    """

    title: str
    entries: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        _check(self.title, self.entries, {"run", "evaluations"}, {"report", "label", "note"})

    def __call__(self, runs: Runs) -> Table:
        """Read the numbers."""
        groups = ("degraded input", "ours", "report")
        head = ["", *(f"{group}\n{name}" for group in groups for name in ("MSE", "pooled (dB)"))]
        rows = [self._row(runs, **entry) for entry in self.entries]
        said = "pooled: 10 log10(1 / mean MSE) over the whole test set; the PSNR of other tables is a mean over images."
        return Table(self.title, head, rows, [said, *self.notes])

    def _row(
        self, runs: Runs, run: str, evaluations: Sequence[str], report: float | None = None, label: str = "",
        note: str = "",
    ) -> list[Cell]:  # fmt: skip
        ours, given = (_over_all(runs, run, evaluations, metric) for metric in ("mse", "input_mse"))
        shown = [Cell(""), Cell("")]
        if report is not None:
            shown = [Cell(in_report("mse", report), value=report, note=note), _decibels(Found((report,)))]
            if given.values and not beats("mse", report, given.mean):
                shown[0] = marked(shown[0], "worse", UNBEATEN)
        given = Found(given.values[:1], given.why)
        return [Cell(label or run), cell("mse", given), _decibels(given), cell("mse", ours), _decibels(ours), *shown]


def beats(metric: str, value: float, given: float) -> bool:
    """Whether a value of the report's is better than the degraded input's by more than a tie."""
    kind = METRICS.get(metric)
    if kind is None or (kind.relative and min(value, given) <= 0):
        return better(metric, value, given)
    gain = math.log(value / given) if kind.relative else value - given
    return (gain if kind.higher else -gain) > kind.threshold


def _over_all(runs: Runs, run: str, evaluations: Sequence[str], metric: str) -> Found:
    """The mean over the images of several evaluations, a value a seed."""
    parts = [by_seed(runs, run, evaluation, metric) for evaluation in evaluations]
    why = next((part.why for part in parts if not part.values), "")
    if why:
        return Found(why=why)
    counts = [runs[run][0].evaluation(evaluation)["images"] for evaluation in evaluations]
    return Found(tuple(float(v) for v in np.average([part.values for part in parts], axis=0, weights=counts)))


def _decibels(mse: Found) -> Cell:
    if not mse.values:
        return Cell("-", note=mse.why)
    value = float(-10 * np.log10(mse.mean)) if mse.mean > 0 else float("inf")
    return Cell(written("psnr", value), value=value)


def _check(title: str, entries: Sequence[Mapping[str, Any]], needed: set[str], other: set[str]) -> None:
    for number, entry in enumerate(entries):
        for key in entry:
            _known(f"table {title!r}, entries[{number}]", key, needed | other)
        if missing := sorted(needed - set(entry)):
            msg = f"table {title!r}, entries[{number}]: {', '.join(missing)} is missing."
            raise ConfigError(msg)


def _known(where: str, name: str, allowed: Sequence[str] | set[str]) -> None:
    if name not in allowed:
        msg = f"{where}: {name!r} is unknown. {nearest(name, allowed)}"
        raise ConfigError(msg)
