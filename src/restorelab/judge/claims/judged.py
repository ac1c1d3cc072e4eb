"""A judged finding of a report: what was tested, the verdict, and the numbers that it is based on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["holds", "reversed", "tie", "undecided", "underpowered", "not judged"]


@dataclass(frozen=True)
class Judged:
    """A finding with its verdict.

    Attributes:
        finding: what the report says.
        test: what was computed and what was resampled for its interval, in sentences.
        verdict: see `restorelab.judge.verdict_rule`.
        numbers: the measured numbers in words, and the reason if the finding is not judged.
        seeds: of the run with the fewest; 0 if a run is missing.
        p: the two-sided p-value, see `Decision`; None for an exact number, and for too few seeds.
        corrected: the p-value after Holm's correction over all claims of the study.
    """

    finding: str
    test: str
    verdict: Verdict
    numbers: str
    seeds: int
    p: float | None = None
    corrected: float | None = None


def markdown(judged: Sequence[Judged]) -> str:
    """Return a table in Markdown: finding, verdict, numbers, seeds, corrected p-value, test."""
    lines = ["| finding | verdict | numbers | seeds | p (Holm) | test |", "| --- | --- | --- | --- | --- | --- |"]
    for claim in judged:
        p = "" if claim.corrected is None else f"{claim.corrected:.2g}"
        cells = (claim.finding, f"**{claim.verdict}**", claim.numbers, str(claim.seeds), p, claim.test)
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines)
