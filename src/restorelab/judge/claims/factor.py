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
    """The metric of `larger` is at least `factor` * (1 - `tolerance`) times that of `smaller`.

    The claim is reversed if the interval of the ratio lies wholly below that bound. The interval may still be above 1;
    the numbers then say that the metric is larger, but not by the factor. The ratio is that of geometric means over the
    seeds of each seed's mean over the images.

    Attributes:
        larger, smaller: runs, or `input`.
        factor: above 1.
        metric: one that is compared by ratio, such as mse, loss, entropy, seconds or parameters.
        evaluations: the evaluations that the metric is averaged over; null for all.
        tolerance: the share of the factor that may be missing, at least 0 and below 1.
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
            msg = f"metric={self.metric!r} is not compared by ratio. {nearest(self.metric, allowed)}"
            raise ConfigError(msg)
        if not self.factor > 1 or not 0 <= self.tolerance < 1:
            msg = (
                f"factor={self.factor}, tolerance={self.tolerance}: expected a factor above 1, and a tolerance of at "
                "least 0 and below 1."
            )
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
