"""The parts of a finding, each decided by `verdict.decide`, and what they say together."""

from collections.abc import Sequence
from dataclasses import dataclass

from restorelab.judge.bootstrap import CONFIDENCE, Estimate
from restorelab.judge.verdict_rule import Outcome, decide

SAID = {"tie": ", within the threshold", "undecided": ", undecided"}
"""Behind the numbers of a part that is neither held nor reversed."""


ORDER: tuple[Outcome, ...] = ("reversed", "undecided", "tie", "holds")
"""The first of them that any part has is the outcome of all."""


@dataclass(frozen=True)
class Part:
    """One thing that a finding says, decided: `outcome` before any thought of seeds, `p` against it.

    numbers: what came out, without what it decides. interval: what the interval is over, as a sentence; empty without
    one.
    """

    outcome: Outcome
    p: float | None
    numbers: str
    seeds: int
    powered: bool
    interval: str = ""


def part(found: Estimate, low: float, high: float, numbers: str, *, threshold: float | None = None) -> Part:
    """Decide whether a number lies between `low` and `high`; see `verdict.decide`."""
    decision = decide(found, low, high, threshold=threshold)
    return Part(decision.outcome, decision.p, numbers, found.seeds, found.powered, interval(found))


def interval(found: Estimate) -> str:
    """What the interval of an estimate is over, as a sentence."""
    if found.exact:
        return "Nothing in it is left to chance."
    if not found.over:
        return "One value: there is no interval."
    how = "paired by image" if found.groups else "studentized"
    alone = " alone, of one seed" if "seeds" not in found.over and not found.powered else ""
    return f"{CONFIDENCE:.0%} interval over {found.over}{alone} ({found.resamples:,} resamples, {how})."


def conjunction(parts: Sequence[Part], *, told: bool = True) -> Part:
    """What all parts say together: it holds where each does, and is reversed where any is.

    Where some do not hold and none is reversed, it is a tie if all of these are ties, and else undecided. p of "holds"
    is the largest (an intersection-union test needs no correction), p of "reversed" the smallest of the reversed parts
    times the number of parts (Bonferroni). told: the numbers say of each part where it is not decided.
    """
    outcomes = {one.outcome for one in parts}
    outcome = next(word for word in ORDER if word in outcomes)
    known = [one.p for one in parts if one.p is not None and (outcome != "reversed" or one.outcome == "reversed")]
    p = None
    if known:
        p = min(1.0, min(known) * len(parts)) if outcome == "reversed" else max(known)
    said = SAID if told else {}
    numbers = "; ".join(one.numbers + said.get(one.outcome, "") for one in parts if one.numbers)
    intervals = " ".join(dict.fromkeys(one.interval for one in parts if one.interval))
    powered = all(one.powered for one in parts)
    return Part(outcome, p, numbers, min(one.seeds for one in parts), powered, intervals)
