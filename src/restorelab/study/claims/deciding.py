"""From an estimate to a verdict: the one rule that all claims go by.

A finding says that a number lies between two bounds, one of them often infinite. It holds where the 95 % interval lies
wholly between them, it is reversed (contradicted) where the interval lies wholly outside, and otherwise it is a tie.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from restorelab.errors import UserError
from restorelab.study.claims.judged import Judged
from restorelab.study.metric import METRICS
from restorelab.study.statistics import CONFIDENCE, ENOUGH, RESAMPLES, Estimate

OVER_SEEDS = f"{CONFIDENCE:.0%} interval over seeds ({RESAMPLES:,} resamples, studentized)"
"""For the sentence that says what a claim's test is, where there is one number a run."""

OVER_BOTH = f"{CONFIDENCE:.0%} interval over seeds and groups of images ({RESAMPLES:,} resamples, paired by image)"

WOULD = {"holds": "hold", "reversed": "be reversed", "tie": "be a tie"}


@dataclass(frozen=True)
class Part:
    """One thing that a finding says, decided: `verdict` before any thought of seeds, `p` against it."""

    verdict: Literal["holds", "tie", "reversed"]
    p: float | None
    numbers: str
    seeds: int
    powered: bool


def resampling(metric: str) -> str:
    """The words for a metric's interval."""
    kind = METRICS[metric]
    return "exact" if kind.fixed else OVER_BOTH if kind.source in ("image", "picture") else OVER_SEEDS


def part(found: Estimate, low: float, high: float, numbers: str, *, threshold: float = 0.0) -> Part:
    """Decide whether a number lies between `low` and `high`; below `threshold` from 0 it is a tie in any case."""
    inside = found.p(low, high)
    outside = min(_p_beyond(found, low, high), 1.0)
    verdict: Literal["holds", "tie", "reversed"] = "tie"
    if found.low >= low and found.high <= high:
        verdict = "holds"
    elif found.high < low or found.low > high:
        verdict = "reversed"
    p: float | None = {"holds": inside, "reversed": outside, "tie": min(inside, outside)}[verdict]
    if abs(found.value) < threshold:
        verdict, numbers = "tie", f"{numbers}, below the threshold"
    elif verdict == "tie":
        numbers = f"{numbers}, undecided"
    return Part(verdict, None if found.exact else p, numbers, found.seeds, found.powered)


def _p_beyond(found: Estimate, low: float, high: float) -> float:
    """Two-sided p-value against "the truth is between the bounds", for whichever side it would lie on."""
    sides = [found.p(high=low)] if np.isfinite(low) else []
    sides += [found.p(low=high)] if np.isfinite(high) else []
    return min(sides, default=1.0)


def conjunction(parts: Sequence[Part]) -> Part:
    """What all parts say together: it holds where each does, and is reversed where any is.

    p of "holds" is the largest (an intersection-union test needs no correction), p of "reversed" the smallest of the
    reversed parts times the number of parts (Bonferroni).
    """
    verdicts = {one.verdict for one in parts}
    verdict: Literal["holds", "tie", "reversed"] = "reversed" if "reversed" in verdicts else "tie"
    if verdicts == {"holds"}:
        verdict = "holds"
    known = [one.p for one in parts if one.p is not None and (verdict != "reversed" or one.verdict == "reversed")]
    p = None
    if known:
        p = min(1.0, min(known) * len(parts)) if verdict == "reversed" else max(known)
    numbers = "; ".join(one.numbers for one in parts if one.numbers)
    return Part(verdict, p, numbers, min(one.seeds for one in parts), all(one.powered for one in parts))


def judged(finding: str, test: str, parts: Callable[[], Sequence[Part]]) -> Judged:
    """Put a claim together; with too few seeds, or without a run, it is underpowered and says why."""
    try:
        whole = conjunction(parts())
    except UserError as error:
        return Judged(finding, test, "underpowered", str(error), 0)
    if whole.powered:
        return Judged(finding, test, whole.verdict, whole.numbers, whole.seeds, whole.p)
    count = "1 seed" if whole.seeds == 1 else f"{whole.seeds} seeds"
    numbers = f"{whole.numbers}; {count} where {ENOUGH} are needed: by these numbers it would {WOULD[whole.verdict]}"
    return Judged(finding, test, "underpowered", numbers, whole.seeds, whole.p)
