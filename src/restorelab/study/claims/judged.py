"""A finding of a report, judged: what was tested, the verdict, and the numbers it rests on."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from restorelab.study.records import Runs
from restorelab.study.statistics import holm

Verdict = Literal["holds", "tie", "reversed", "underpowered"]

LEVEL = 0.05
"""A corrected p-value must be below it for a verdict other than "tie"."""

MEANING = {
    "holds": "the 95 % interval lies wholly inside what the finding says, and p < 0.05 by Holm's correction",
    "reversed": "the 95 % interval lies wholly outside what the finding says, and p < 0.05 by Holm's correction",
    "tie": "the interval does not decide, or the difference is below the threshold",
    "underpowered": "fewer than 3 seeds of a network that learns, or a run or a number is missing",
}
"""The verdicts in words, for a page."""


@dataclass(frozen=True)
class Judged:
    """A finding with its verdict.

    Attributes:
        finding: what the report says.
        test: what was computed, in a sentence.
        verdict: see `MEANING`.
        numbers: what came out; where a run is missing, the reason.
        seeds: of the run with the fewest; 0 where a run is missing.
        p: two-sided, against what the verdict says; None where nothing is left to chance or was decided.
        corrected: by Holm over all claims of the study.
    """

    finding: str
    test: str
    verdict: Verdict
    numbers: str
    seeds: int
    p: float | None = None
    corrected: float | None = None


def judge(claims: Iterable[Callable[[Runs], Judged]], runs: Runs) -> list[Judged]:
    """Judge all claims of a study; a corrected p-value of 0.05 or more makes a "tie" of what alone would be decided.

    The family of Holm's correction is every claim that has seeds enough to be decided, by a p-value.
    """
    judged = [claim(runs) for claim in claims]
    family = [i for i, one in enumerate(judged) if one.p is not None and one.verdict != "underpowered"]
    corrected = dict(zip(family, holm([judged[i].p or 0.0 for i in family]), strict=True))
    return [_corrected(one, corrected[i], len(family)) if i in corrected else one for i, one in enumerate(judged)]


def _corrected(one: Judged, p: float, claims: int) -> Judged:
    if one.verdict == "tie" or p < LEVEL:
        return replace(one, corrected=p)
    numbers = f"{one.numbers}; alone it would be called {one.verdict!r}, among {claims} claims p is {p:.2g}"
    return replace(one, corrected=p, verdict="tie", numbers=numbers)


def rows(judged: Sequence[Judged]) -> list[dict[str, Any]]:
    """Plain data for JSON, one mapping a claim."""
    return [
        {
            "finding": one.finding,
            "verdict": one.verdict,
            "numbers": one.numbers,
            "test": one.test,
            "seeds": one.seeds,
            "p": one.p,
            "p_holm": one.corrected,
        }
        for one in judged
    ]


def markdown(judged: Sequence[Judged]) -> str:
    """A table: finding, verdict, numbers, seeds, corrected p, test."""
    lines = ["| finding | verdict | numbers | seeds | p (Holm) | test |", "| --- | --- | --- | --- | --- | --- |"]
    for one in judged:
        p = "" if one.corrected is None else f"{one.corrected:.2g}"
        cells = (one.finding, f"**{one.verdict}**", one.numbers, str(one.seeds), p, one.test)
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines)
