"""A table of runs by evaluations: the rows and columns that a study's tables of models share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from restorelab.report import table_cells
from restorelab.report.table import Cell, Table
from restorelab.report.table_cells import INPUT, large
from restorelab.runs import seed_values
from restorelab.runs.board import OVERALL
from restorelab.runs.metric import heading
from restorelab.runs.record import Runs
from restorelab.runs.samples import learned
from restorelab.runs.seed_values import SeedValues
from restorelab.study import printed, verdict_marks

COSTS = {"parameters": "parameters", "macs": "MACs", "seconds": "time (s)", "images_per_second": "images/s"}
"""Keys of result.json, and the heads of their columns."""

Report = Mapping[str, Mapping[str, Mapping[str, float]]]


@dataclass(frozen=True)
class Compared:
    """Runs by evaluations, under each the metrics; `overall` adds the mean over the evaluations.

    Only runs that were measured on the same images compete for a mark; the numbers of others are shown with a note.
    """

    runs: Runs
    names: Sequence[str]
    evaluations: Sequence[str]
    metrics: Sequence[str]
    labels: Mapping[str, str]
    report: Report
    overall: bool = False

    def table(self, title: str) -> Table:
        """All rows: input, runs with the report's numbers below them, and the networks' lead."""
        columns = {column: self._column(*column) for column in self._columns()}
        head = ["", *(f"{evaluation}\n{heading(metric)}" for evaluation, metric in columns)]
        rows = [[Cell(INPUT), *(column[INPUT] for column in columns.values()), *[Cell("")] * (len(COSTS) + 1)]]
        for name in self.names:
            rows.append([self._name(name), *(column[name] for column in columns.values()), *self._costs(name)])
            if name in self.report:
                rows.append(self._reported(name, list(columns)))
        lead = self._leads(list(columns))
        if any(cell.text for cell in lead):
            label = Cell("best network \u2212 best classical")
            rows.append([label, *lead, *[Cell("")] * (len(COSTS) + 1)])
        notes = [*self._notes(), *verdict_marks.legend(lead)]
        return Table(title, [*head, *COSTS.values(), "seeds"], rows, notes, ordered=True)

    def _columns(self) -> list[tuple[str, str]]:
        groups = [OVERALL, *self.evaluations] if self.overall and len(self.evaluations) > 1 else self.evaluations
        return [(group, metric) for group in groups for metric in self.metrics]

    def _found(self, name: str, group: str, metric: str) -> SeedValues:
        if group != OVERALL:
            return seed_values.by_seed(self.runs, name, group, metric)
        return seed_values.average(
            [seed_values.by_seed(self.runs, name, evaluation, metric) for evaluation in self.evaluations]
        )

    def _comparable(self, group: str) -> list[str]:
        groups = self.evaluations if group == OVERALL else [group]
        kept = [seed_values.same_images(self.runs, self.names, evaluation) for evaluation in groups]
        return [name for name in self.names if all(name in names for names in kept)]

    def _column(self, group: str, metric: str) -> dict[str, Cell]:
        """The cells by row name; the best of all is marked, and the best classical baseline."""
        values = {name: self._found(name, group, metric) for name in self.names}
        fair = self._comparable(group)
        input_values = self._found(fair[0], group, f"input_{metric}") if fair else SeedValues()
        classical = {name for name in fair if not learned(self.runs[name])}
        cells = table_cells.column(metric, values, SeedValues(input_values.values[:1]), classical, fair)
        for name, by_run in values.items():
            if by_run.values and name not in fair:
                words = f"Measured on other images than {fair[0] if fair else 'the others'}, so it cannot be compared."
                cells[name] = table_cells.marked(cells[name], "", words)
        return cells

    def _leads(self, columns: Sequence[tuple[str, str]]) -> list[Cell]:
        """By how much the best network is ahead of the best classical method, with a verdict; empty without both."""
        cells: list[Cell] = []
        pairs: list[verdict_marks.Pair | None] = []
        for group, metric in columns:
            values = {name: self._found(name, group, metric).mean for name in self._comparable(group)}
            sides = [{n: v for n, v in values.items() if learned(self.runs[n]) is side} for side in (True, False)]
            ours, theirs = (seed_values.best(metric, side) for side in sides)
            if ours is None or theirs is None:
                cells.append(Cell(""))
                pairs.append(None)
                continue
            difference = values[ours] - values[theirs]
            cells.append(Cell(table_cells.written(metric, difference, sign=True), value=difference))
            groups = self.evaluations if group == OVERALL else [group]
            pairs.append(verdict_marks.against_run(self.runs, ours, theirs, metric, groups))
        return verdict_marks.judged(cells, pairs)

    def _name(self, name: str) -> Cell:
        label = self.labels.get(name, name)
        if name not in self.runs:
            return Cell(label)
        tuned = [(e, self._tuned(name, e)) for e in self.evaluations]
        tuned_words = "; ".join(f"{evaluation} {words}" for evaluation, words in tuned if words)
        note = f"Tuned on validation images: {tuned_words}." if tuned_words else ""
        return Cell(label, "" if learned(self.runs[name]) else "classical", note=note)

    def _tuned(self, name: str, evaluation: str) -> str:
        record = self.runs[name][0]
        values = record.evaluation(evaluation).get("tuned") if evaluation in record.evaluations else None
        return " ".join(f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}"
                        for key, value in (values or {}).items())  # fmt: skip

    def _costs(self, name: str) -> list[Cell]:
        if name not in self.runs:
            return [Cell("-")] * (len(COSTS) + 1)
        if not learned(self.runs[name]):
            return [Cell("0", value=0), *[Cell("")] * len(COSTS)]
        cells = []
        for key in COSTS:
            values = seed_values.top(self.runs, name, key)
            mean = values.mean
            text = "-" if not values.values else large(mean) if key == "macs" else f"{mean:,.0f}"
            cells.append(Cell(text, value=mean if values.values else None, note=values.why))
        seeds = len(self.runs[name])
        return [*cells, Cell(str(seeds), value=seeds)]

    def _reported(self, name: str, columns: Sequence[tuple[str, str]]) -> list[Cell]:
        cells = [Cell("report", mark="report")]
        for group, metric in columns:
            value = self.report[name].get(group, {}).get(metric)
            if value is None:
                cells.append(Cell("", mark="report"))
                continue
            rival = seed_values.best_classical(self.runs, group, metric, name) if name in self.runs else None
            named = (self.labels.get(rival[0], rival[0]), rival[1]) if rival else None
            cell = printed.shown(self.runs, metric, value, SeedValues(), named)
            cells.append(cell if cell.mark else table_cells.marked(cell, "report"))
        return [*cells, *[Cell("", mark="report")] * (len(COSTS) + 1)]

    def _notes(self) -> list[str]:
        marks = "Bold: the best of its column. Underlined (in Markdown italic): the best classical baseline."
        spread = "A number is the mean over a run's seeds, \u00b1 their standard deviation."
        several = any(len(self.runs[name]) > 1 for name in self.names if name in self.runs)
        other = [printed.OTHER_IMAGES] if self.report and self.runs.stand_in else []
        costs = "MACs: multiply-accumulates for one image. Time: of the whole run, evaluation included."
        return [marks, *([spread] if several else []), *other, costs]
