"""One run's training curve is above another's at a step."""

from dataclasses import dataclass

import numpy as np

from restorelab.study.claims import training
from restorelab.study.claims.deciding import OVER_SEEDS, Part, judged, part
from restorelab.study.claims.judged import Judged
from restorelab.study.records import Runs
from restorelab.study.statistics import estimate


@dataclass(frozen=True)
class AtStep:
    """A column of the history is higher in one run than in another, at one optimizer step.

    Attributes:
        finding: what the report says.
        higher, lower: runs, by the number and not by what is good: of a loss the better run is `lower`.
        column: val/accuracy, train/loss, ...
        step: null for the last measurement. Something must have been measured within a tenth of it.
        threshold: difference below which it is a tie, in the column's unit.
    """

    finding: str
    higher: str
    lower: str
    column: str
    step: int | None = None
    threshold: float = 0.0

    def __post_init__(self) -> None:
        training.kind_of(self.column)

    @property
    def test(self) -> str:
        """What is computed."""
        place = "at the end" if self.step is None else f"at step {self.step:,}"
        limit = f"; a tie below {training.kind_of(self.column).text(self.threshold)}" if self.threshold else ""
        return f"{self.column} {place}, {self.higher} less {self.lower}, above 0; {OVER_SEEDS}{limit}."

    def __call__(self, runs: Runs) -> Judged:
        """Judge it."""
        return judged(self.finding, self.test, lambda: [self._one(runs)])

    def _one(self, runs: Runs) -> Part:
        pair = [self.higher, self.lower]
        training.same_loss(runs, pair, self.column)
        text = training.kind_of(self.column).text
        found = [training.by_seed(runs, name, lambda r: training.at(r, self.column, self.step)) for name in pair]
        between = estimate(found, (1, -1))
        said = " against ".join(training.mean_text(sample, text) for sample in found)
        said += f": {training.gap(self.column, between)}"
        return part(between, 0.0, np.inf, said, threshold=self.threshold)
