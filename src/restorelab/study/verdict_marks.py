"""Verdicts for the colored cells of a table: how a run compares with another run, or with a number of the report."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from restorelab.errors import UserError
from restorelab.judge.bootstrap import draws_for, estimate
from restorelab.judge.verdict_rule import MEANING, Comparison, compare, correct
from restorelab.report.table import Cell
from restorelab.report.table_cells import marked
from restorelab.runs.metric import METRICS, Metric
from restorelab.runs.record import Runs
from restorelab.runs.samples import MetricSample, samples

Pair = tuple[MetricSample, MetricSample, Metric]
"""Who is asked about, whom it is held against, and by what."""


def against_run(runs: Runs, one: str, other: str, metric: str, evaluations: Sequence[str]) -> Pair | None:
    """Two runs under some evaluations; None where they cannot be held against each other."""
    if metric not in METRICS:
        return None
    try:
        ours, theirs = samples(runs, [one, other], metric, evaluations)
    except UserError:
        return None
    return ours, theirs, METRICS[metric]


def against_number(ours: MetricSample, number: float, kind: Metric) -> Pair:
    """A run and a number, which is as a run without seeds that measured it on every image."""
    return ours, MetricSample("report", np.full((1, ours.values.shape[1]), number), ours.groups, learned=False), kind


def judged(cells: Sequence[Cell], pairs: Sequence[Pair | None]) -> list[Cell]:
    """The cells with their verdicts beside them, corrected by Holm among each other; a cell without a pair stays bare.

    Only "better" and "worse" are colored.
    """
    decisions = [_decided(pair, len(cells)) if pair else None for pair in pairs]
    after = correct([words for words, _ in filter(None, decisions)], [p for _, p in filter(None, decisions)])
    left = iter(after)
    kept = []
    for cell, decision in zip(cells, decisions, strict=True):
        if decision is None:
            kept.append(cell)
            continue
        verdict, _ = next(left)
        shown = replace(cell, aside=f"{cell.aside} {verdict}".strip(), verdict=verdict)
        kept.append(marked(shown, verdict) if verdict in ("better", "worse") else shown)
    return kept


def legend(cells: Sequence[Cell]) -> list[str]:
    """Describe what the verdicts in a table's cells mean; empty if there are none."""
    words = {cell.verdict for cell in cells}
    meanings = [f"{word}: {meaning}" for word, meaning in MEANING.items() if word in words]
    return [" ".join(meanings)] if meanings else []


def _decided(pair: Pair, family: int) -> tuple[Comparison, float | None] | None:
    ours, theirs, kind = pair
    try:
        between = estimate((ours, theirs), (1, -1), log=kind.relative, resamples=draws_for(family))
    except UserError:
        return None
    return compare(between, kind)
