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
        numbers: the measured numbers in words; where it is not judged, also the reason.
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
    """Judge all claims of a study, with Holm's correction over all of them; see `restorelab.judge.verdict_rule`.

    machine: of the report. Times are judged on such machines only, and on a stand-in no absolute number is.
    """
    claims = list(claims)
    judged = [claim(runs, len(claims), _withheld(claim, runs, machine)) for claim in claims]
    corrections = correct([each.verdict for each in judged], [each.p for each in judged])
    return [_corrected(each, *corrected) for each, corrected in zip(judged, corrections, strict=True)]


def _withheld(claim: "Claim", runs: Runs, machine: hardware.Machine | None) -> str:
    """Why a claim's numbers may not be compared with the report's; empty where they may."""
    if claim.absolute and runs.stand_in:
        return f"a number of the report's own data, and these runs stand in for them ({runs.stand_in[0].rstrip('.')})"
    return hardware.differs(claim.records(runs), machine) if claim.timed else ""


def _corrected(judged: Judged, verdict: Verdict, p: float | None) -> Judged:
    if verdict == judged.verdict:
        return replace(judged, corrected=p)
    numbers = f"{judged.numbers}; alone it would be called {judged.verdict!r}, by Holm's correction p is {p:.2g}"
    return replace(judged, corrected=p, verdict=verdict, numbers=numbers)


def markdown(judged: Sequence[Judged]) -> str:
    """A table: finding, verdict, numbers, seeds, corrected p, test."""
    lines = ["| finding | verdict | numbers | seeds | p (Holm) | test |", "| --- | --- | --- | --- | --- | --- |"]
    for claim in judged:
        p = "" if claim.corrected is None else f"{claim.corrected:.2g}"
        cells = (claim.finding, f"**{claim.verdict}**", claim.numbers, str(claim.seeds), p, claim.test)
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines)
