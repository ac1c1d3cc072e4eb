"""Whether differences are real: each run against one other, by paired bootstrap over seeds and groups of images.

The method is that of `judge.bootstrap`, the rule that of `judge.verdict_rule`. All runs of a board are compared at
once: the groups of images are drawn once for all of them, Holm's correction covers the whole table, and the number of
draws grows with the table.
"""

from collections.abc import Container, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from restorelab.errors import DataError, UserError, listed
from restorelab.judge.bootstrap import ENOUGH, Resampled, draws_for, estimate, resample, win_rate
from restorelab.judge.verdict_rule import MEANING, Comparison, compare, correct
from restorelab.report.table import Cell, Mark, Table
from restorelab.report.table_cells import p_value
from restorelab.runs.board import Board, Column
from restorelab.runs.metric import METRICS, heading
from restorelab.runs.record import Runs
from restorelab.runs.samples import INPUT, MetricSample, samples


@dataclass(frozen=True)
class Verdict:
    """One run against another under one evaluation, or over all.

    Attributes:
        column: the evaluation's label, or `mean of all`.
        difference, low, high: `run - reference` with its 95 % interval; for a relative metric (MSE) the change as a
            share, -0.1 for 10 % less.
        p, corrected: two-sided; by Holm over the table. None for those that have too few seeds to be decided.
        win_rate: share of images on which the run is better, equal ones counting half.
        verdict: see `judge.verdict_rule`.
        seeds: of the run with fewer. images, groups: that were resampled. over: what the interval is over, in words.
    """

    run: str
    reference: str
    column: str
    difference: float
    low: float
    high: float
    p: float | None
    corrected: float | None
    win_rate: float
    verdict: Comparison
    seeds: int
    images: int
    groups: int
    over: str

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Against:
    """Comparisons of a board's runs with one: verdicts by (run, column), and why a run or column has none."""

    reference: str
    metric: str
    verdicts: dict[tuple[str, str], Verdict]
    missing: dict[str, str]
    silent: dict[str, str]
    resamples: int

    def reason(self, run: str, column: str) -> str:
        """Return why a run has no verdict under a column."""
        return self.missing.get(run) or self.silent.get(column) or f"{run} was not measured under {column}."


def against(board: Board, references: Sequence[str]) -> list[Against]:
    """Compare every run of a board, and the degraded input, with each of some of them (or with `input`)."""
    columns = {board.decides: board.ranking} | {column.label: [column] for column in board.columns}
    missing: dict[str, str] = {}
    measured = {label: _samples(board, chosen, missing) for label, chosen in columns.items()}
    count = sum(max(len(measured_there) - 1, 0) for measured_there in measured.values())
    draws = draws_for(count)
    verdicts: dict[str, list[Verdict]] = {reference: [] for reference in references}
    without = {reference: dict(missing) for reference in references}
    silent: dict[str, dict[str, str]] = {reference: {} for reference in references}
    for label, measured_there in measured.items():
        try:
            shared = (
                resample(measured_there, draws) if measured_there and measured_there[0].groups is not None else None
            )
        except DataError as error:
            for reasons in silent.values():
                reasons[label] = str(error)
            continue
        for reference in references:
            if any(sample.run == reference for sample in measured_there):
                verdicts[reference] += _column(
                    measured_there, label, reference, board.metric, shared, without[reference]
                )
            else:
                silent[reference][label] = f"{reference} was not measured under {label}."
    return [
        Against(
            reference, board.metric,
            {(verdict.run, verdict.column): verdict for verdict in _corrected(verdicts[reference])},
            without[reference], silent[reference], draws,
        )
        for reference in references
    ]  # fmt: skip


def _samples(board: Board, columns: Sequence[Column], missing: dict[str, str]) -> list[MetricSample]:
    """Return the runs that were measured under all of the columns, image by image, after the degraded input."""
    evaluations = [column.evaluation for column in columns]
    names, unusable = [], []
    for name in board.names:
        if not all(name in board.where[column.label] for column in columns):
            continue
        try:
            samples(board.runs, [name], board.metric, evaluations)
            names.append(name)
        except UserError as error:
            unusable.append(name)
            missing.setdefault(name, str(error))
    if not names:
        return []
    try:
        usable = Runs([record for name in names for record in board.runs[name]])
        return samples(usable, [INPUT, *names], board.metric, evaluations)
    except UserError:  # a metric that the input does not have, for example accuracy
        return samples(board.runs, names, board.metric, evaluations)


def _column(
    measured: Sequence[MetricSample],
    label: str,
    reference: str,
    metric: str,
    shared: Resampled | None,
    missing: dict[str, str],
) -> list[Verdict]:
    kind = METRICS[metric]
    rival = next(sample for sample in measured if sample.run == reference)
    as_shown = np.expm1 if kind.relative else float
    verdicts = []
    for sample in measured:
        if sample is rival:
            continue
        try:
            between = estimate((sample, rival), (1, -1), log=kind.relative, shared=shared)
        except DataError as error:
            missing.setdefault(sample.run, str(error))
            continue
        verdict, p = compare(between, kind)
        verdicts.append(Verdict(
            sample.run, reference, label, float(as_shown(between.value)), float(as_shown(between.low)),
            float(as_shown(between.high)), p, None, win_rate(sample, rival, higher=kind.higher), verdict,
            between.seeds, between.images, between.groups, between.over,
        ))  # fmt: skip
    return verdicts


def _corrected(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Apply Holm's correction to the comparisons with enough seeds, and decide their verdicts."""
    corrected = correct([verdict.verdict for verdict in verdicts], [verdict.p for verdict in verdicts])
    return [replace(verdict, verdict=word, corrected=p) for verdict, (word, p) in zip(verdicts, corrected, strict=True)]


def cell(verdict: Verdict | None, metric: str) -> Cell:
    """Format the verdict with the difference and its interval: a difference is never shown without a verdict."""
    if verdict is None:
        return Cell("")
    mark: Mark = verdict.verdict if verdict.verdict in ("better", "worse") else ""
    return Cell(
        verdict.verdict, difference(verdict, metric), value=verdict.difference, mark=mark, verdict=verdict.verdict
    )


def difference(verdict: Verdict, metric: str) -> str:
    """The difference with its interval: -0.42 [-0.50, -0.34], or -8.1 % where the metric is compared by ratio."""
    kind = METRICS[metric]
    numbers = (verdict.difference, verdict.low, verdict.high)
    if kind.relative:
        mean, low, high = (f"{100 * number:+.1f} %" for number in numbers)
    else:
        mean, low, high = ("+" * (number >= 0) + kind.form.format(number) for number in numbers)
    return f"{mean} [{low}, {high}]".replace("-", "\N{MINUS SIGN}")


def table(against: Against, board: Board) -> Table:
    """Tabulate every run against the reference: the ranking metric in full, and the verdict under each evaluation."""
    decides = board.decides
    labels = list(dict.fromkeys([decides, *(column for _, column in against.verdicts)])) if against.verdicts else []
    metric = heading(against.metric)
    head = [
        "",
        f"{decides}\nagainst {against.reference}",
        f"{decides}\np (Holm)",
        f"{decides}\nwins",
        f"{decides}\nseeds",
    ]
    head += [f"{label}\nagainst {against.reference}" for label in labels[1:]]
    rows = []
    for name in [INPUT, *board.names]:
        verdicts = [against.verdicts.get((name, label)) for label in labels]
        if not any(verdicts):
            continue
        rows.append([Cell("degraded input" if name == INPUT else name), *_numbers(verdicts[0], against.metric),
                     *(cell(verdict, against.metric) for verdict in verdicts[1:])])  # fmt: skip
    return Table(f"{metric} against {against.reference}{board.suffix}", head if labels else [""], rows, _notes(against))


def _numbers(verdict: Verdict | None, metric: str) -> list[Cell]:
    if verdict is None:
        return [Cell("")] * 4
    return [
        cell(verdict, metric),
        p_value(verdict.corrected),
        Cell(f"{verdict.win_rate:.0%}", value=verdict.win_rate),
        Cell(str(verdict.seeds), value=verdict.seeds),
    ]


def _notes(against: Against) -> list[str]:
    verdicts = list(against.verdicts.values())
    decidable = sum(verdict.p is not None for verdict in verdicts)
    groups = " or ".join(f"{count:,}" for count in sorted({verdict.groups for verdict in verdicts})) or "no"
    over = " or ".join(dict.fromkeys(verdict.over for verdict in verdicts if verdict.over)) or "nothing"
    alone = " With one seed an interval covers the images alone and says nothing about another training." if any(
        verdict.verdict == "underpowered" and verdict.seeds == 1 for verdict in verdicts) else ""  # fmt: skip
    notes = [
        f"In brackets: 95 % interval of a paired bootstrap over {over} ({against.resamples:,} draws, {groups} groups)."
        f"{alone} Wins: the share of images on which the run is better than the other; equal ones count half.",
        legend(against.metric, {verdict.verdict for verdict in verdicts}),
    ]
    if decidable:
        notes.append(
            f"p: corrected by Holm over the {decidable} comparisons of this table that have enough seeds; this many "
            f"draws cannot give the first of them a p below {2 * decidable / (against.resamples + 1):.2g}."
        )
    reasons = dict.fromkeys([*against.missing.values(), *against.silent.values()])
    return [*notes, *(f"Not compared: {reason}" for reason in reasons)]


def legend(metric: str, verdicts: Container[str]) -> str:
    """Return a table's remark about its metric's threshold and the meaning of its verdicts."""
    kind = METRICS[metric]
    meanings = [f"{verdict}: {meaning}" for verdict, meaning in MEANING.items() if verdict in verdicts]
    return " ".join([f"Threshold: {kind.limit(kind.threshold)}.", *meanings])


BY_CHOICE = (
    "The best run was chosen on these same images and seeds, which flatters its lead; to report it as the best of "
    "many, measure it again on other seeds or images."
)
"""Return the remark for the table against the best run."""


def summary(against: Against, board: Board) -> str:
    """Name the runs that are better than, tied with or worse than the reference, in a sentence."""
    if not against.verdicts:
        return ""
    verdicts = [v for (_, label), v in against.verdicts.items() if label == board.decides and v.run != INPUT]
    parts = []
    for word, words in (("better", "better than it"), ("tie", "tied with it"), ("undecided", "undecided"),
                        ("worse", "worse"), ("underpowered", f"fewer than {ENOUGH} seeds")):  # fmt: skip
        names = [verdict.run for verdict in verdicts if verdict.verdict == word]
        if names:
            many = word == "worse" and len(names) > 6
            parts.append(f"worse: {len(names)} runs" if many else f"{words}: {listed(names, 6)}")
    of_input = against.verdicts.get((INPUT, board.decides))
    if of_input is not None and of_input.verdict in ("better", "tie"):
        parts.append(f"the degraded input itself is {'better' if of_input.verdict == 'better' else 'tied with it'}")
    where = f"under {board.ranked_by}" if len(board.ranking) == 1 else board.ranked_by.replace("the mean ", "", 1)
    nothing = against.silent.get(board.decides, "nothing to compare").rstrip(".")
    text = f"Against {against.reference}, {where}: {'; '.join(parts) or nothing}."
    if verdicts and all(verdict.verdict == "underpowered" for verdict in verdicts):
        images = " the intervals cover the images only:" if all(verdict.seeds == 1 for verdict in verdicts) else ""
        text += f" With so few seeds{images} another training may reverse the order."
    return text
