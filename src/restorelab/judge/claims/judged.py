"""A finding of a report, judged: what was tested, the verdict, and the numbers it rests on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

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


def markdown(judged: Sequence[Judged]) -> str:
    """A table: finding, verdict, numbers, seeds, corrected p, test."""
    lines = ["| finding | verdict | numbers | seeds | p (Holm) | test |", "| --- | --- | --- | --- | --- | --- |"]
    for claim in judged:
        p = "" if claim.corrected is None else f"{claim.corrected:.2g}"
        cells = (claim.finding, f"**{claim.verdict}**", claim.numbers, str(claim.seeds), p, claim.test)
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines)
