"""Whether differences are real: each run against one other, by paired bootstrap over seeds and groups of images.

`study.statistics` has the method and `study.verdict` the rule. Here it is done for all runs of a board at once: the
groups of images are drawn once for all of them, Holm's correction goes over the whole table, and the number of draws
grows with the table.
"""

from collections.abc import Container, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from restorelab.errors import DataError, UserError
from restorelab.judge.bootstrap import ENOUGH, Resampled, draws_for, estimate, resample, win_rate
from restorelab.judge.verdict_rule import MEANING, Comparison, compare, correct
from restorelab.report.table import Cell, Mark, Table
from restorelab.report.table_cells import NAMES, p_value
from restorelab.runs.comparable import Board, Column
from restorelab.runs.metric import METRICS
from restorelab.runs.record import Runs
from restorelab.runs.samples import INPUT, Sample, samples


@dataclass(frozen=True)
class Verdict:
    """One run against another under one evaluation, or over all.

    Attributes:
        column: the evaluation's label, or `mean of all`.
        difference, low, high: `run - reference` with its 95 % interval; for a relative metric (MSE) the change as a
            share, -0.1 for 10 % less.
        p, corrected: two-sided; by Holm over the table. None for those that have too few seeds to be decided.
        win_rate: share of images on which the run is better, equal ones counting half.
        verdict: see `study.verdict`.
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
    """All runs of a board against one: the verdicts by (run, column), and why there are none of a run or a column."""

    reference: str
    metric: str
    verdicts: dict[tuple[str, str], Verdict]
    missing: dict[str, str]
    silent: dict[str, str]
    resamples: int

    def reason(self, run: str, column: str) -> str:
        """Why a run has no verdict under a column."""
        return self.missing.get(run) or self.silent.get(column) or f"{run} was not measured under {column}."


def against(board: Board, references: Sequence[str]) -> list[Against]:
    """Compare every run of a board, and the degraded input, with each of some of them (or with `input`)."""
    columns = {board.decides: board.ranking} | {column.label: [column] for column in board.columns}
    missing: dict[str, str] = {}
    measured = {label: _samples(board, chosen, missing) for label, chosen in columns.items()}
    count = sum(max(len(found) - 1, 0) for found in measured.values())
    draws = draws_for(count)
    verdicts: dict[str, list[Verdict]] = {reference: [] for reference in references}
    without = {reference: dict(missing) for reference in references}
    silent: dict[str, dict[str, str]] = {reference: {} for reference in references}
    for label, found in measured.items():
        try:
            shared = resample(found, draws) if found and found[0].groups is not None else None
        except DataError as error:
            for reasons in silent.values():
                reasons[label] = str(error)
            continue
        for reference in references:
            if any(sample.run == reference for sample in found):
                verdicts[reference] += _column(found, label, reference, board.metric, shared, without[reference])
            else:
                silent[reference][label] = f"{reference} was not measured under {label}."
    return [
        Against(
            reference, board.metric,
            {(one.run, one.column): one for one in _corrected(verdicts[reference])},
            without[reference], silent[reference], draws,
        )
        for reference in references
    ]  # fmt: skip


def _samples(board: Board, columns: Sequence[Column], missing: dict[str, str]) -> list[Sample]:
    """Of all runs that were measured under all of the columns, image by image in one order; input first."""
    evaluations = [column.evaluation for column in columns]
    names, bad = [], []
    for name in board.names:
        if not all(name in board.where[column.label] for column in columns):
            continue
        try:
            samples(board.runs, [name], board.metric, evaluations)
            names.append(name)
        except UserError as error:
            bad.append(name)
            missing.setdefault(name, str(error))
    if not names:
        return []
    try:
        return samples(Runs([r for n in names for r in board.runs[n]]), [INPUT, *names], board.metric, evaluations)
    except UserError:  # a metric that the input does not have, such as accuracy
        return samples(board.runs, names, board.metric, evaluations)


def _column(
    measured: Sequence[Sample],
    label: str,
    reference: str,
    metric: str,
    shared: Resampled | None,
    missing: dict[str, str],
) -> list[Verdict]:
    kind = METRICS[metric]
    rival = next(sample for sample in measured if sample.run == reference)
    shown = np.expm1 if kind.relative else float
    found = []
    for sample in measured:
        if sample is rival:
            continue
        try:
            between = estimate((sample, rival), (1, -1), log=kind.relative, shared=shared)
        except DataError as error:
            missing.setdefault(sample.run, str(error))
            continue
        verdict, p = compare(between, kind)
        found.append(Verdict(
            sample.run, reference, label, float(shown(between.value)), float(shown(between.low)),
            float(shown(between.high)), p, None, win_rate(sample, rival, higher=kind.higher), verdict,
            between.seeds, between.images, between.groups, between.over,
        ))  # fmt: skip
    return found


def _corrected(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Holm's correction over those that have seeds enough to be decided, and what they say then."""
    after = correct([one.verdict for one in verdicts], [one.p for one in verdicts])
    return [replace(one, verdict=said, corrected=p) for one, (said, p) in zip(verdicts, after, strict=True)]


def cell(found: Verdict | None, metric: str) -> Cell:
    """The verdict, and behind it the difference with its interval: a difference never stands without a verdict."""
    if found is None:
        return Cell("")
    mark: Mark = found.verdict if found.verdict in ("better", "worse") else ""
    return Cell(found.verdict, difference(found, metric), value=found.difference, mark=mark, verdict=found.verdict)


def difference(found: Verdict, metric: str) -> str:
    """The difference with its interval: -0.42 [-0.50, -0.34], or -8.1 % where the metric is compared by ratio."""
    kind = METRICS[metric]
    numbers = (found.difference, found.low, found.high)
    if kind.relative:
        said, low, high = (f"{100 * number:+.1f} %" for number in numbers)
    else:
        said, low, high = ("+" * (number >= 0) + kind.form.format(number) for number in numbers)
    return f"{said} [{low}, {high}]".replace("-", "\N{MINUS SIGN}")


def table(found: Against, board: Board) -> Table:
    """Every run against the reference: of one evaluation all numbers, of several the verdicts and the whole of all."""
    first = board.decides
    labels = list(dict.fromkeys([first, *(column for _, column in found.verdicts)])) if found.verdicts else []
    metric = NAMES.get(found.metric, found.metric)
    head = ["", f"{first}\nagainst {found.reference}", f"{first}\np (Holm)", f"{first}\nwins", f"{first}\nseeds"]
    head += [f"{label}\nagainst {found.reference}" for label in labels[1:]]
    rows = []
    for name in [INPUT, *board.names]:
        own = [found.verdicts.get((name, label)) for label in labels]
        if not any(own):
            continue
        rows.append([Cell("degraded input" if name == INPUT else name), *_numbers(own[0], found.metric),
                     *(cell(one, found.metric) for one in own[1:])])  # fmt: skip
    return Table(f"{metric} against {found.reference}{board.suffix}", head if labels else [""], rows, _notes(found))


def _numbers(found: Verdict | None, metric: str) -> list[Cell]:
    if found is None:
        return [Cell("")] * 4
    return [
        cell(found, metric),
        p_value(found.corrected),
        Cell(f"{found.win_rate:.0%}", value=found.win_rate),
        Cell(str(found.seeds), value=found.seeds),
    ]


def _notes(found: Against) -> list[str]:
    verdicts = list(found.verdicts.values())
    decided = sum(one.p is not None for one in verdicts)
    groups = " or ".join(f"{count:,}" for count in sorted({one.groups for one in verdicts})) or "no"
    over = " or ".join(dict.fromkeys(one.over for one in verdicts if one.over)) or "nothing"
    alone = " With one seed an interval is over the images alone, and tells nothing of another training." if any(
        one.verdict == "underpowered" and one.seeds == 1 for one in verdicts) else ""  # fmt: skip
    notes = [
        f"In brackets: 95 % interval by a paired bootstrap over {over} ({found.resamples:,} draws of {groups} groups)."
        f"{alone} Wins: the share of images on which the run is better than the other, equal ones counting half.",
        legend(found.metric, {one.verdict for one in verdicts}),
    ]
    if decided:
        notes.append(
            f"p by Holm's correction over the {decided} comparisons of this table that have seeds enough; so many "
            f"draws give no p below {2 * decided / (found.resamples + 1):.2g} to the first of them."
        )
    reasons = dict.fromkeys([*found.missing.values(), *found.silent.values()])
    return [*notes, *(f"Not compared: {reason}" for reason in reasons)]


def legend(metric: str, verdicts: Container[str]) -> str:
    """What the verdicts of a table mean, and the threshold of its metric."""
    kind = METRICS[metric]
    said = [f"{word}: {words}" for word, words in MEANING.items() if word in verdicts]
    return " ".join([f"Threshold: {kind.limit(kind.threshold)}.", *said])


BY_CHOICE = (
    "The best run was picked on these same images and seeds, which flatters its lead; whoever reports it as the best "
    "of many should measure it anew, on other seeds or images."
)
"""For the table against the best."""


def summary(found: Against, board: Board) -> str:
    """Who is alike with the reference and who is not, in a sentence."""
    if not found.verdicts:
        return ""
    own = [one for (_, label), one in found.verdicts.items() if label == board.decides and one.run != INPUT]
    said = []
    for verdict, words in (("better", "better than it"), ("tie", "tied with it"), ("undecided", "undecided"),
                           ("worse", "worse"), ("underpowered", f"fewer than {ENOUGH} seeds")):  # fmt: skip
        names = [one.run for one in own if one.verdict == verdict]
        if names:
            listed = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
            said.append(f"{words}: {listed}" if verdict != "worse" or len(names) <= 6 else f"worse: {len(names)} runs")
    given = found.verdicts.get((INPUT, board.decides))
    if given is not None and given.verdict in ("better", "tie"):
        said.append(f"the degraded input itself is {'better' if given.verdict == 'better' else 'tied with it'}")
    where = f"under {board.ranked_by}" if len(board.ranking) == 1 else board.ranked_by.replace("the mean ", "", 1)
    nothing = found.silent.get(board.decides, "nothing to compare").rstrip(".")
    text = f"Against {found.reference}, {where}: {'; '.join(said) or nothing}."
    if own and all(one.verdict == "underpowered" for one in own):
        images = " the intervals know of the images only:" if all(one.seeds == 1 for one in own) else ""
        text += f" With so few seeds{images} another training may turn the order round."
    return text
