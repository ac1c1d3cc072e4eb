"""The one rule by which differences and findings are judged, on a study's page and on the comparison alike.

`decide` looks at one estimate: at its 95 % interval (see `bootstrap`), and at the threshold below which a difference
of its metric does not matter (0.05 dB of PSNR; `runs.metric.METRICS` has the others). `correct` then applies Holm's
correction to all decisions of a page or a table. The verdicts, for a difference and for a finding:

- better, worse (a finding: holds, reversed): the whole interval lies on one side of 0 (wholly inside, wholly outside
  what the finding says), p is below 0.05 by Holm's correction, and the difference is not below the threshold;
- tie: the whole interval lies within the threshold, so that the two are shown to be alike;
- undecided: anything else, such as an interval that reaches from worse to better. It says nothing about a tie;
- underpowered: a network that learns has fewer than three seeds, so that nothing is said about its architecture, and
  there is no p;
- not judged (findings only): a run is missing, or the numbers belong to other images or another machine than these.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from restorelab.judge.bootstrap import ENOUGH, LEVEL, Estimate, holm
from restorelab.runs.metric import Metric

Outcome = Literal["holds", "reversed", "tie", "undecided"]
"""The outcome of one estimate, regardless of the number of seeds and of other estimates."""

Comparison = Literal["better", "worse", "tie", "undecided", "underpowered"]
"""The verdict on one run against another, or against a number."""

SIDES: dict[Outcome, Comparison] = {"holds": "better", "reversed": "worse", "tie": "tie", "undecided": "undecided"}
"""The verdict on a run for each outcome of the claim that it is better."""

Word = TypeVar("Word", bound=str)

DECIDED = ("holds", "reversed", "better", "worse")
"""Verdicts that need a p-value below `LEVEL`."""

_SIDES = "p is below 0.05 by Holm's correction, and the difference is not below the threshold"

MEANING = {
    "holds": f"the whole 95 % interval lies inside what the finding says, {_SIDES}.",
    "reversed": f"the whole 95 % interval lies outside what the finding says, {_SIDES}.",
    "better": f"the whole 95 % interval lies on the better side of 0, {_SIDES}.",
    "worse": f"the whole 95 % interval lies on the worse side of 0, {_SIDES}.",
    "tie": "the whole 95 % interval lies within the threshold, so the two are shown to be alike.",
    "undecided": "none of these: the images and seeds at hand cannot decide. This is not a tie.",
    "underpowered": f"a network that learns has fewer than {ENOUGH} seeds: nothing is said about its architecture.",
    "not judged": "a run or a number is missing, or the number belongs to other images or another machine.",
}
"""The verdicts in words, for the legend of a page."""


@dataclass(frozen=True)
class Decision:
    """An outcome with its two-sided p-value: against what a decided outcome says, else the smaller of both sides.

    p is None where nothing is left to chance.
    """

    outcome: Outcome
    p: float | None


def decide(estimate: Estimate, low: float = 0.0, high: float = np.inf, *, threshold: float | None = None) -> Decision:
    """Whether a number lies between `low` and `high`; see the module.

    threshold: differences from 0 within it are ties; None where a tie means nothing, as for a number of its own.
    """
    inside, outside = estimate.p(low, high), _p_beyond(estimate, low, high)
    outcome: Outcome = "undecided"
    if threshold is not None and -threshold <= estimate.low and estimate.high <= threshold:
        outcome = "tie"
    elif threshold is not None and abs(estimate.value) < threshold:
        outcome = "undecided"
    elif estimate.low >= low and estimate.high <= high:
        outcome = "holds"
    elif estimate.high < low or estimate.low > high:
        outcome = "reversed"
    p = {"holds": inside, "reversed": outside}.get(outcome, min(inside, outside))
    return Decision(outcome, None if estimate.exact else p)


def compare(estimate: Estimate, kind: Metric) -> tuple[Comparison, float | None]:
    """What an estimate of "one less other" (for a relative metric the logarithm of their ratio) says of the one.

    The verdict before Holm's correction, and its p: None where a run has too few seeds for either.
    """
    if not estimate.powered:
        return "underpowered", None
    bounds = (0.0, np.inf) if kind.higher else (-np.inf, 0.0)
    threshold = float(np.log1p(kind.threshold)) if kind.relative else kind.threshold
    decision = decide(estimate, *bounds, threshold=threshold)
    return SIDES[decision.outcome], decision.p


def _p_beyond(estimate: Estimate, low: float, high: float) -> float:
    """Two-sided p-value against "the truth is between the bounds", for whichever side it would lie on."""
    sides = [estimate.p(high=low)] if np.isfinite(low) else []
    sides += [estimate.p(low=high)] if np.isfinite(high) else []
    return min(sides, default=1.0)


def correct(verdicts: Sequence[Word], p: Sequence[float | None]) -> list[tuple[Word, float | None]]:
    """Holm's correction over all that have a p: the verdicts, with "undecided" for what it leaves, and the corrected p.

    Underpowered comparisons have no p and do not count.
    """
    family = [i for i, value in enumerate(p) if value is not None]
    corrected = dict(zip(family, holm([value for value in p if value is not None]), strict=True))
    kept = []
    for i, verdict in enumerate(verdicts):
        lost = verdict in DECIDED and corrected.get(i, 0.0) >= LEVEL
        kept.append(("undecided" if lost else verdict, corrected.get(i)))
    return kept  # type: ignore[return-value]
