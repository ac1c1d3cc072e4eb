"""Tables of models by evaluations, as a study's YAML names them: each is called with the runs and gives a `Table`.

Numbers that a report prints stand in `beside` and `pooled`.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from restorelab.report.table import Table
from restorelab.runs.metric import LOWER
from restorelab.runs.record import Runs
from restorelab.runs.seed_values import by_seed
from restorelab.study.compared import Compared
from restorelab.study.printed import known


@dataclass(frozen=True)
class ModelByEvaluation:
    """The model x noise table: a row a run, its metrics under each evaluation, and what it costs.

    A first row holds the degraded input's own values; below a run stands what the report prints for it; last, by how
    much the best network is ahead of the best classical baseline.

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
            known(f"table {self.title!r}, report", run, self.runs)
            for evaluation, values in entries.items():
                known(f"table {self.title!r}, report.{run}", evaluation, self.evaluations)
                for metric in values:
                    known(f"table {self.title!r}, report.{run}.{evaluation}", metric, self.metrics)

    def __call__(self, runs: Runs) -> Table:
        """Read the numbers."""
        table = Compared(runs, self.runs, self.evaluations, self.metrics, self.labels, self.report).table(self.title)
        reported = [f"Report: {note}" for note in self.report_notes]
        return replace(table, notes=[*table.notes, *self.notes, *reported])


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
        return replace(table, notes=[*table.notes, *self.notes])
