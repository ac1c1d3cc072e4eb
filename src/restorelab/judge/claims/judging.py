"""Judge all claims of a study together, with Holm's correction over them."""

from collections.abc import Iterable
from dataclasses import replace

from restorelab.judge.claims.claim import Claim
from restorelab.judge.claims.judged import Judged, Verdict
from restorelab.judge.verdict_rule import correct
from restorelab.runs import hardware
from restorelab.runs.record import Runs


def judge(claims: Iterable[Claim], runs: Runs, machine: hardware.Machine | None = None) -> list[Judged]:
    """Judge all claims of a study, with Holm's correction over all of them; see `restorelab.judge.verdict_rule`.

    machine: the report's machine; claims about times are judged only for runs on such a machine. In a stand-in study
    claims about absolute numbers are not judged.
    """
    claims = list(claims)
    judged = [claim(runs, len(claims), _withheld(claim, runs, machine)) for claim in claims]
    corrections = correct([each.verdict for each in judged], [each.p for each in judged])
    return [_corrected(each, *corrected) for each, corrected in zip(judged, corrections, strict=True)]


def _withheld(claim: Claim, runs: Runs, machine: hardware.Machine | None) -> str:
    """Return why a claim's numbers cannot be compared with the report's; empty if they can."""
    if claim.absolute and runs.stand_in:
        return f"a number of the report's own data, and these runs stand in for them ({runs.stand_in[0].rstrip('.')})"
    return hardware.differs(claim.records(runs), machine) if claim.timed else ""


def _corrected(judged: Judged, verdict: Verdict, p: float | None) -> Judged:
    if verdict == judged.verdict:
        return replace(judged, corrected=p)
    numbers = f"{judged.numbers}; alone it would be called {judged.verdict!r}, after Holm's correction p is {p:.2g}"
    return replace(judged, corrected=p, verdict=verdict, numbers=numbers)
