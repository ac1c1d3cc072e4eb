"""Two runs are equivalent on a test metric."""

from dataclasses import dataclass

import numpy as np

from restorelab.errors import ConfigError
from restorelab.judge.claims.claim import Claim
from restorelab.judge.claims.deciding import FindingPart, part
from restorelab.judge.claims.metric_difference import difference, subject
from restorelab.runs.metric import METRICS, metric_of
from restorelab.runs.record import Runs


@dataclass(frozen=True)
class Close(Claim):
    """Two runs are equivalent: the whole interval of their difference lies within +-`within` (an equivalence test).

    Equivalence must be shown, like a difference: with few images or seeds the claim is undecided.

    Attributes:
        one, other: runs, or `input`.
        within: in the metric's unit, above 0; for MSE, losses and times a share, 0.1 for ratios between 1 / 1.1 and
            1.1.
        metric: any of `metric.METRICS`.
        evaluations: the evaluations that the metric is averaged over; null for all.
    """

    one: str
    other: str
    within: float
    metric: str = "psnr"
    evaluations: list[str] | None = None

    def __post_init__(self) -> None:
        metric_of(self.metric)
        if not self.within > 0:
            msg = f"within={self.within}: expected a number above 0."
            raise ConfigError(msg)

    @property
    def test(self) -> str:
        """Describe the test in words."""
        return (
            f"{subject(self.metric, self.evaluations)}, {self.one} against {self.other}, within "
            f"{METRICS[self.metric].limit(self.within)}, the whole interval."
        )

    @property
    def about(self) -> list[str]:
        """Return the names of the runs that the claim compares."""
        return [self.one, self.other]

    def parts(self, runs: Runs, resamples: int) -> list[FindingPart]:
        """Decide the claim."""
        between, text = difference(runs, [self.one], [self.other], self.metric, self.evaluations, resamples)
        limit = float(np.log1p(self.within)) if METRICS[self.metric].relative else self.within
        return [part(between, -limit, limit, text)]
