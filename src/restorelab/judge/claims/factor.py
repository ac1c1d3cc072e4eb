"""One run's metric is a multiple of another's."""

from dataclasses import dataclass, replace

import numpy as np

from restorelab.errors import ConfigError, nearest
from restorelab.judge.claims.claim import Claim
from restorelab.judge.claims.deciding import FindingPart, part
from restorelab.judge.claims.metric_difference import difference, subject
from restorelab.runs.metric import METRICS, metric_of
from restorelab.runs.record import Runs


@dataclass(frozen=True)
class Factor(Claim):
    """The metric of `larger` is at least `factor` times that of `smaller`, give or take `tolerance`.

    Reversed where the interval of the ratio lies wholly below factor * (1 - tolerance): it may still be above 1, and
    the numbers then say that the direction is right and the size is not. The ratio is that of geometric means over the
    seeds of each seed's mean over the images.

    Attributes:
        larger, smaller: runs, or `input`.
        factor: above 1.
        metric: one that is compared by ratio: mse, loss, entropy, seconds, parameters, ...
        evaluations: that the metric is averaged over; null for all.
        tolerance: share of the factor that "about" forgives.
    """

    larger: str
    smaller: str
    factor: float
    metric: str = "mse"
    evaluations: list[str] | None = None
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        if not metric_of(self.metric).relative:
            allowed = [name for name, kind in METRICS.items() if kind.relative]
            msg = f"metric={self.metric!r} has no ratio. {nearest(self.metric, allowed)}"
            raise ConfigError(msg)
        if not self.factor > 1 or not 0 <= self.tolerance < 1:
            msg = f"factor={self.factor}, tolerance={self.tolerance}: above 1, and from 0 to below 1."
            raise ConfigError(msg)

    @property
    def test(self) -> str:
        """Describe the test in words."""
        about = f" ({self.factor:g} less {self.tolerance:.0%})" if self.tolerance else ""
        return (
            f"{subject(self.metric, self.evaluations)}, ratio of {self.larger} to {self.smaller}, at least "
            f"{self.factor * (1 - self.tolerance):.3g}{about}."
        )

    @property
    def about(self) -> list[str]:
        """Return the names of the runs that the claim compares."""
        return [self.larger, self.smaller]

    def parts(self, runs: Runs, resamples: int) -> list[FindingPart]:
        """Decide the claim."""
        between, text = difference(runs, [self.larger], [self.smaller], self.metric, self.evaluations, resamples)
        decided = part(between, float(np.log(self.factor * (1 - self.tolerance))), np.inf, text)
        if decided.outcome == "reversed" and between.low > 0:
            decided = replace(decided, numbers=f"{text}, larger but not by {self.factor:g}")
        return [decided]
