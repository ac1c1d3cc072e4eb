"""The base class of claims: a finding, a test in words, and the verdict from its parts."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from restorelab.errors import UserError
from restorelab.judge.bootstrap import ENOUGH, draws_for
from restorelab.judge.claims.deciding import FindingPart, conjunction
from restorelab.judge.claims.judged import Judged
from restorelab.runs import hardware
from restorelab.runs.metric import METRICS
from restorelab.runs.record import Record, Runs

WOULD = {"holds": "hold", "reversed": "be reversed", "tie": "be a tie", "undecided": "be undecided"}


@dataclass(frozen=True)
class Claim(ABC):
    """A finding of a report as a statistical test.

    Attributes:
        finding: what the report says.
        absolute: whether it depends on a number that belongs to the report's own images and training, such as a printed
            MSE. In a stand-in study such a claim is not judged; relations between runs are.
    """

    finding: str
    absolute: bool = field(default=False, kw_only=True)

    @property
    @abstractmethod
    def test(self) -> str:
        """Describe the test in a sentence."""

    @property
    @abstractmethod
    def about(self) -> list[str]:
        """Return the names of the runs that the claim compares, `input` included."""

    @abstractmethod
    def parts(self, runs: Runs, resamples: int) -> Sequence[FindingPart]:
        """Return the statements of the finding, each decided by itself; the finding holds if all of them do."""

    @property
    def comparisons(self) -> int:
        """Return the number of parts."""
        return 1

    @property
    def timed(self) -> bool:
        """Whether its metric depends on the machine, such as a time."""
        kind = METRICS.get(getattr(self, "metric", ""))
        return kind is not None and kind.machine

    def records(self, runs: Runs) -> list[Record]:
        """Return the finished runs that the claim compares."""
        return [record for name in self.about if name in runs for record in runs[name]]

    def __call__(self, runs: Runs, family: int = 1, withheld: str = "") -> Judged:
        """Judge the claim.

        family: the number of claims that Holm's correction will be applied to. withheld: the reason why the claim must
        not be judged; its numbers are given nevertheless.
        """
        try:
            whole = conjunction(self.parts(runs, draws_for(self.comparisons * family)), with_remarks=not withheld)
        except UserError as error:
            return Judged(self.finding, self.test, "not judged", str(error), 0)
        test = f"{self.test} {whole.interval}".rstrip()
        if self.timed:
            whole = replace(whole, numbers=f"{whole.numbers}; on {hardware.named(self.records(runs))}")
        if withheld:
            return Judged(self.finding, test, "not judged", f"{whole.numbers}; not judged: {withheld}", whole.seeds)
        if whole.powered:
            return Judged(self.finding, test, whole.outcome, whole.numbers, whole.seeds, whole.p)
        count = "1 seed" if whole.seeds == 1 else f"{whole.seeds} seeds"
        numbers = f"{whole.numbers}; {count}, but {ENOUGH} are needed: by these numbers it would {WOULD[whole.outcome]}"
        return Judged(self.finding, test, "underpowered", numbers, whole.seeds)
