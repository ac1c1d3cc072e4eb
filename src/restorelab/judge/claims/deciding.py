"""The parts of a finding, each decided by `verdict_rule.decide`, and their conjunction."""

from collections.abc import Sequence
from dataclasses import dataclass

from restorelab.judge.bootstrap import CONFIDENCE, Estimate
from restorelab.judge.verdict_rule import Outcome, decide

REMARKS = {"tie": ", within the threshold", "undecided": ", undecided"}
"""The texts behind the numbers of a part that is neither held nor reversed."""


ORDER: tuple[Outcome, ...] = ("reversed", "undecided", "tie", "holds")
"""Outcomes in order; the first that any part has is the outcome of all."""


@dataclass(frozen=True)
class FindingPart:
    """One statement of a finding, decided: `outcome` regardless of the number of seeds, `p` against it.

    numbers: the measured numbers in words. interval: the kind of the interval, as a sentence; empty without one.
    """

    outcome: Outcome
    p: float | None
    numbers: str
    seeds: int
    powered: bool
    interval: str = ""


def part(estimate: Estimate, low: float, high: float, numbers: str, *, threshold: float | None = None) -> FindingPart:
    """Decide whether a number lies between `low` and `high`; see `verdict_rule.decide`."""
    decision = decide(estimate, low, high, threshold=threshold)
    return FindingPart(decision.outcome, decision.p, numbers, estimate.seeds, estimate.powered, interval(estimate))


def interval(estimate: Estimate) -> str:
    """What the interval of an estimate is over, as a sentence."""
    if estimate.exact:
        return "Nothing in it is left to chance."
    if not estimate.over:
        return "One value: there is no interval."
    how = "paired by image" if estimate.groups else "studentized"
    alone = " alone, of one seed" if "seeds" not in estimate.over and not estimate.powered else ""
    return f"{CONFIDENCE:.0%} interval over {estimate.over}{alone} ({estimate.resamples:,} resamples, {how})."


def conjunction(parts: Sequence[FindingPart], *, with_remarks: bool = True) -> FindingPart:
    """The conjunction of all parts: it holds where each does, and is reversed where any is.

    Where some do not hold and none is reversed, it is a tie if all of these are ties, and else undecided. p of "holds"
    is the largest (an intersection-union test needs no correction), p of "reversed" the smallest of the reversed parts
    times the number of parts (Bonferroni). with_remarks: the numbers name
    the parts that are not decided.
    """
    outcomes = {member.outcome for member in parts}
    outcome = next(word for word in ORDER if word in outcomes)
    known = [
        member.p for member in parts if member.p is not None and (outcome != "reversed" or member.outcome == "reversed")
    ]
    p = None
    if known:
        p = min(1.0, min(known) * len(parts)) if outcome == "reversed" else max(known)
    remarks = REMARKS if with_remarks else {}
    numbers = "; ".join(member.numbers + remarks.get(member.outcome, "") for member in parts if member.numbers)
    intervals = " ".join(dict.fromkeys(member.interval for member in parts if member.interval))
    powered = all(member.powered for member in parts)
    return FindingPart(outcome, p, numbers, min(member.seeds for member in parts), powered, intervals)
