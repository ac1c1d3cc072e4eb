"""Two runs do equally well."""

from dataclasses import dataclass

import numpy as np

from restorelab.errors import ConfigError
from restorelab.study.claims.deciding import Part, judged, part, resampling
from restorelab.study.claims.differences import difference, subject
from restorelab.study.claims.judged import Judged
from restorelab.study.metric import METRICS, metric_of
from restorelab.study.records import Runs


@dataclass(frozen=True)
class Close:
    """Two runs are comparable: the whole interval of their difference lies within +-`within` (an equivalence test).

    So that two runs are alike has to be shown, as a difference has: few images or seeds make a tie, not a "holds".

    Attributes:
        finding: what the report says.
        one, other: runs, or `input`.
        within: in the metric's unit; for MSE, losses and times a share, 0.1 for ratios between 1 / 1.1 and 1.1.
        metric: any of `metric.METRICS`.
        evaluations: that the metric is averaged over; null for all.
    """

    finding: str
    one: str
    other: str
    within: float
    metric: str = "psnr"
    evaluations: list[str] | None = None

    def __post_init__(self) -> None:
        metric_of(self.metric)
        if not self.within > 0:
            msg = f"within={self.within}: above 0 is wanted."
            raise ConfigError(msg)

    @property
    def test(self) -> str:
        """What is computed."""
        return (
            f"{subject(self.metric, self.evaluations)}, {self.one} against {self.other}, within "
            f"{METRICS[self.metric].limit(self.within)}, the whole of the {resampling(self.metric)}."
        )

    def __call__(self, runs: Runs) -> Judged:
        """Judge it."""
        return judged(self.finding, self.test, lambda: [self._one(runs)])

    def _one(self, runs: Runs) -> Part:
        between, text = difference(runs, [self.one], [self.other], self.metric, self.evaluations)
        limit = float(np.log1p(self.within)) if METRICS[self.metric].relative else self.within
        return part(between, -limit, limit, text)
