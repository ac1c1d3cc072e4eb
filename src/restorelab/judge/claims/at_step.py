"""One run's training curve is above another's at a step."""

from dataclasses import dataclass

import numpy as np

from restorelab.judge.bootstrap import estimate
from restorelab.judge.claims import training
from restorelab.judge.claims.claim import Claim
from restorelab.judge.claims.deciding import FindingPart, part
from restorelab.runs.record import Runs


@dataclass(frozen=True)
class AtStep(Claim):
    """A column of the history is higher in one run than in another, at one optimizer step.

    Attributes:
        higher, lower: the runs with the higher and the lower number; of a loss, the better run is `lower`.
        column: of metrics.csv, such as val/accuracy or train/loss.
        step: the optimizer step; the nearest measurement must be within a tenth of it. Null for the last measurement.
        threshold: differences within it are a tie, in the column's unit.
    """

    higher: str
    lower: str
    column: str
    step: int | None = None
    threshold: float = 0.0

    def __post_init__(self) -> None:
        training.kind_of(self.column)

    @property
    def test(self) -> str:
        """Describe the test in words."""
        place = "at the end" if self.step is None else f"at step {self.step:,}"
        limit = f"; a tie within {training.kind_of(self.column).text(self.threshold)}" if self.threshold else ""
        return f"{self.column} {place}, {self.higher} less {self.lower}, above 0{limit}."

    @property
    def about(self) -> list[str]:
        """Return the names of the runs that the claim compares."""
        return [self.higher, self.lower]

    def parts(self, runs: Runs, resamples: int) -> list[FindingPart]:
        """Decide the claim."""
        pair = self.about
        training.same_loss(runs, pair, self.column)
        form = training.kind_of(self.column).text
        pair_samples = [
            training.by_seed(runs, name, lambda r: training.at(r, self.column, self.step)[1]) for name in pair
        ]
        between = estimate(pair_samples, (1, -1), resamples=resamples)
        sentence = " against ".join(training.mean_text(sample, form) for sample in pair_samples)
        sentence += f": {training.gap(self.column, between)}"
        return [part(between, 0.0, np.inf, sentence, threshold=self.threshold)]
