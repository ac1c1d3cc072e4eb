"""Findings of a report, judged: what was tested, the verdict, and the numbers it rests on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from restorelab.judge.verdict_rule import MEANING, correct
from restorelab.runs import hardware
from restorelab.runs.record import Runs

if TYPE_CHECKING:
    from restorelab.judge.claims.claim import Claim

__all__ = ["MEANING", "Judged", "Verdict", "judge", "markdown"]

Verdict = Literal["holds", "reversed", "tie", "undecided", "underpowered", "not judged"]


@dataclass(frozen=True)
class Judged:
    """A finding with its verdict.

    Attributes:
        finding: what the report says.
        test: what was computed, in a sentence, and over what its interval is.
        verdict: see `restorelab.judge.verdict_rule`.
        numbers: what came out; where it is not judged, also why.
        seeds: of the run with the fewest; 0 where a run is missing.
        p: two-sided, against what the verdict says; None where nothing is left to chance or too few seeds are there.
        corrected: by Holm over all claims of the study.
    """

    finding: str
    test: str
    verdict: Verdict
    numbers: str
    seeds: int
    p: float | None = None
    corrected: float | None = None


def judge(claims: Iterable["Claim"], runs: Runs, machine: hardware.Machine | None = None) -> list[Judged]:
    """Judge all claims of a study, and hold them to Holm's correction together; see `restorelab.judge.verdict_rule`.

    machine: of the report. Times are judged on such machines only, and on a stand-in no absolute number is.
    """
    claims = list(claims)
    judged = [claim(runs, len(claims), _withheld(claim, runs, machine)) for claim in claims]
    corrected = correct([one.verdict for one in judged], [one.p for one in judged])
    return [_corrected(one, *after) for one, after in zip(judged, corrected, strict=True)]


def _withheld(claim: "Claim", runs: Runs, machine: hardware.Machine | None) -> str:
    """Why a claim's numbers may not be held against the report's; empty where they may."""
    if claim.absolute and runs.stand_in:
        return f"a number of the report's own data, and these runs stand in for them ({runs.stand_in[0].rstrip('.')})"
    return hardware.differs(claim.records(runs), machine) if claim.timed else ""


def _corrected(one: Judged, verdict: Verdict, p: float | None) -> Judged:
    if verdict == one.verdict:
        return replace(one, corrected=p)
    numbers = f"{one.numbers}; alone it would be called {one.verdict!r}, by Holm's correction p is {p:.2g}"
    return replace(one, corrected=p, verdict=verdict, numbers=numbers)


def markdown(judged: Sequence[Judged]) -> str:
    """A table: finding, verdict, numbers, seeds, corrected p, test."""
    lines = ["| finding | verdict | numbers | seeds | p (Holm) | test |", "| --- | --- | --- | --- | --- | --- |"]
    for one in judged:
        p = "" if one.corrected is None else f"{one.corrected:.2g}"
        cells = (one.finding, f"**{one.verdict}**", one.numbers, str(one.seeds), p, one.test)
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines)
