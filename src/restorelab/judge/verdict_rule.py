"""The rule by which differences and findings are judged, on the pages of studies and of comparisons.

`decide` judges one estimate by its 95 % interval (see `bootstrap`) and by the threshold below which a difference of its
metric is negligible (0.05 dB of PSNR; `runs.metric.METRICS` has the others). `correct` then applies Holm's correction
to all decisions of a page or a table. The verdicts on a difference and on a finding are:

- better, worse (a finding: holds, reversed): the whole interval lies on one side of 0 (inside, outside the range that
  the finding claims), the p-value is below 0.05 after Holm's correction, and the difference is not below the threshold;
- tie: the whole interval lies within the threshold, so that the two are shown to be alike;
- undecided: anything else, such as an interval that extends from worse to better. This is not evidence for a tie;
- underpowered: a trained network has fewer than three seeds, so that nothing is concluded about its architecture, and
  there is no p-value;
- not judged (findings only): a run is missing, or the numbers belong to other images or another machine.
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

_SIDES = "p is below 0.05 after Holm's correction, and the difference is not below the threshold"

MEANING = {
    "holds": f"the whole 95 % interval lies inside the range that the finding claims, {_SIDES}.",
    "reversed": f"the whole 95 % interval lies outside the range that the finding claims, {_SIDES}.",
    "better": f"the whole 95 % interval lies on the better side of 0, {_SIDES}.",
    "worse": f"the whole 95 % interval lies on the worse side of 0, {_SIDES}.",
    "tie": "the whole 95 % interval lies within the threshold, so the two are shown to be alike.",
    "undecided": "none of these: the images and seeds at hand cannot decide. This is not a tie.",
    "underpowered": f"a trained network has fewer than {ENOUGH} seeds: nothing is concluded about its architecture.",
    "not judged": "a run or a number is missing, or the number belongs to other images or another machine.",
}
"""The verdicts in words, for the legend of a page."""


@dataclass(frozen=True)
class Decision:
    """An outcome with its two-sided p-value.

    p: for a decided outcome, that of the opposite hypothesis; otherwise the smaller of the two sides' p-values; None
    for an estimate that does not depend on chance.
    """

    outcome: Outcome
    p: float | None


def decide(estimate: Estimate, low: float = 0.0, high: float = np.inf, *, threshold: float | None = None) -> Decision:
    """Judge whether an estimated number lies between `low` and `high`; see the module's docstring.

    threshold: differences within it are ties; None if a tie has no meaning, as for a number that is not a difference.
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
    """Return the verdict on a run before Holm's correction, and its p-value; None if a run has too few seeds.

    estimate: the difference of the run and another one, or the logarithm of their ratio for a relative metric.
    """
    if not estimate.powered:
        return "underpowered", None
    bounds = (0.0, np.inf) if kind.higher else (-np.inf, 0.0)
    threshold = float(np.log1p(kind.threshold)) if kind.relative else kind.threshold
    decision = decide(estimate, *bounds, threshold=threshold)
    return SIDES[decision.outcome], decision.p


def _p_beyond(estimate: Estimate, low: float, high: float) -> float:
    """Return the two-sided p-value of the hypothesis that the true value is between the bounds."""
    sides = [estimate.p(high=low)] if np.isfinite(low) else []
    sides += [estimate.p(low=high)] if np.isfinite(high) else []
    return min(sides, default=1.0)


def correct(verdicts: Sequence[Word], p: Sequence[float | None]) -> list[tuple[Word, float | None]]:
    """Apply Holm's correction to all verdicts with a p-value; return each verdict with its corrected p-value.

    A decided verdict whose corrected p-value is not below `LEVEL` becomes "undecided". Verdicts without a p-value, such
    as "underpowered", are not counted.
    """
    family = [i for i, value in enumerate(p) if value is not None]
    corrected = dict(zip(family, holm([value for value in p if value is not None]), strict=True))
    kept = []
    for i, verdict in enumerate(verdicts):
        lost = verdict in DECIDED and corrected.get(i, 0.0) >= LEVEL
        kept.append(("undecided" if lost else verdict, corrected.get(i)))
    return kept  # type: ignore[return-value]
