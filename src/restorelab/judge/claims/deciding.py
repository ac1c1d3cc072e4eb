"""The parts of a finding, each decided by `verdict_rule.decide`, and their conjunction."""

from collections.abc import Sequence
from dataclasses import dataclass

from restorelab.judge.bootstrap import CONFIDENCE, Estimate
from restorelab.judge.verdict_rule import Outcome, decide

REMARKS = {"tie": ", within the threshold", "undecided": ", undecided"}
"""What follows the numbers of a part that is neither held nor reversed."""

ORDER: tuple[Outcome, ...] = ("reversed", "undecided", "tie", "holds")
"""Outcomes by precedence: the first one that any part has is the outcome of the conjunction."""


@dataclass(frozen=True)
class FindingPart:
    """One decided statement of a finding.

    Attributes:
        outcome: regardless of the number of seeds.
        p: see `Decision`.
        numbers: the measured numbers in words.
        seeds: of the run with the fewest.
        powered: whether there are enough seeds to judge the statement.
        interval: the kind of the interval, as a sentence; empty without one.
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
    """Return a sentence about what was resampled for the interval of an estimate."""
    if estimate.exact:
        return "The number is exact: it does not depend on chance."
    if not estimate.over:
        return "There is one value, and so no interval."
    how = "paired by image" if estimate.groups else "studentized"
    alone = " alone, of one seed" if "seeds" not in estimate.over and not estimate.powered else ""
    return f"{CONFIDENCE:.0%} interval over {estimate.over}{alone} ({estimate.resamples:,} resamples, {how})."


def conjunction(parts: Sequence[FindingPart], *, with_remarks: bool = True) -> FindingPart:
    """Return the conjunction of all parts: it holds if every part holds, and is reversed if any is reversed.

    Otherwise it is undecided if any part is, and else a tie. The p-value of "reversed" is the smallest one of the
    reversed parts times the number of parts (Bonferroni); otherwise it is the largest one (an intersection-union test
    needs no correction). with_remarks: mark undecided parts and ties in the numbers.
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
