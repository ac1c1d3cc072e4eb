"""A table with every number that a report prints, beside ours."""

from dataclasses import dataclass, field
from typing import Any

from restorelab.errors import ConfigError, UserError
from restorelab.judge.claims import training
from restorelab.report.table import Cell, Table
from restorelab.report.table_cells import cell, written
from restorelab.runs.metric import METRICS, heading
from restorelab.runs.record import Runs
from restorelab.runs.samples import MetricSample, samples
from restorelab.runs.seed_values import SeedValues, best_classical, by_seed, top
from restorelab.study import printed, verdict_marks
from restorelab.study.verdict_marks import Pair

HEAD = ("", "metric", "input", "classical", "report", "ours", "ours \u2212 report")


@dataclass(frozen=True)
class Beside:
    """Every number that a report prints, beside ours, with a verdict on the difference.

    entries: a row each, `{run, evaluation, metric, report, label, note}`; without `evaluation`, `metric` is one of
    the run's own numbers, such as `parameters`; without `report` only ours is shown. `{run, column, step, report, ...}`
    is a value of the training curve: `column` of metrics.csv at an optimizer step, or the last one without `step`. The
    columns "input" and "classical" hold the same metric of the degraded input itself and of the study's best classical
    baseline, on the same images: a value of the report that does not beat them is marked.
    """

    title: str
    entries: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for number, entry in enumerate(self.entries):
            curve = {"column"} if "column" in entry else {"metric"}
            other = {"step"} if "column" in entry else {"evaluation"}
            printed.check(self.title, [entry], {"run", *curve}, {"report", "label", "note", *other})
            if "column" in entry and "/" not in str(entry["column"]):
                msg = f"table {self.title!r}, entries[{number}]: column={entry['column']!r}: such as val/accuracy."
                raise ConfigError(msg)

    def __call__(self, runs: Runs) -> Table:
        """Read the numbers."""
        judged_rows = [self._row(runs, entry) for entry in self.entries]
        last = verdict_marks.judged([row[-1] for row, _ in judged_rows], [pair for _, pair in judged_rows])
        rows = [[*row[:-1], end] for (row, _), end in zip(judged_rows, last, strict=True)]
        notes = printed.notes(runs, [row[4] for row in rows])
        return Table(self.title, list(HEAD), rows, [*notes, *verdict_marks.legend(last), *self.notes])

    def _row(self, runs: Runs, entry: dict[str, Any]) -> tuple[list[Cell], Pair | None]:
        """The cells, of which the last is the difference, and what its verdict rests on."""
        run, evaluation, report = entry["run"], entry.get("evaluation", ""), entry.get("report")
        metric, place = self._metric(entry), self._place(entry)
        ours, sample = _ours(runs, entry)
        input_values = by_seed(runs, run, evaluation, f"input_{metric}") if evaluation else SeedValues()
        rival = best_classical(runs, evaluation, metric, run) if evaluation and run in runs else None
        between = Cell("-" if report is not None else "")
        shown = Cell("", note=entry.get("note", ""))
        if report is not None:
            shown = printed.shown(runs, metric, report, input_values, rival, entry.get("note", ""))
        if ours.values and report is not None:
            between = Cell(written(metric, ours.mean - report, sign=True), value=ours.mean - report)
        cells = [
            Cell(entry.get("label") or (f"{run}, {place}" if place else run)),
            Cell(heading(metric)),
            cell(metric, SeedValues(input_values.values[:1])) if input_values.values else Cell(""),
            Cell(written(metric, rival[1]), rival[0], rival[1]) if rival else Cell(""),
            shown, cell(metric, ours), between,
        ]  # fmt: skip
        if sample is None or report is None or runs.stand_in or metric not in METRICS:
            return cells, None
        return cells, verdict_marks.against_number(sample, report, METRICS[metric])

    def _metric(self, entry: dict[str, Any]) -> str:
        return str(entry["column"].split("/")[1] if "column" in entry else entry["metric"])

    def _place(self, entry: dict[str, Any]) -> str:
        if "column" in entry:
            return f"{entry['column']} " + (f"at step {entry['step']:,}" if entry.get("step") else "at the end")
        return str(entry.get("evaluation", ""))


def _ours(runs: Runs, entry: dict[str, Any]) -> tuple[SeedValues, MetricSample | None]:
    """Our values by seed, and what a verdict on them rests on; no verdict is given on numbers of the run itself."""
    run, metric = entry["run"], entry.get("metric", "")
    try:
        if "column" in entry:
            sample = training.by_seed(runs, run, lambda r: training.at(r, entry["column"], entry.get("step"))[1])
            return SeedValues(tuple(map(float, sample.values[:, 0]))), sample
        if "evaluation" not in entry:
            return top(runs, run, metric), None
        values = by_seed(runs, run, entry["evaluation"], metric)
        fits = values.values and metric in METRICS
        return values, samples(runs, [run], metric, [entry["evaluation"]])[0] if fits else None
    except UserError as error:
        return SeedValues(why=str(error)), None
