"""A run reaches a number, such as one that the report prints."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from restorelab.errors import ConfigError, nearest
from restorelab.study.claims.deciding import Part, judged, part, resampling
from restorelab.study.claims.differences import subject
from restorelab.study.claims.judged import Judged
from restorelab.study.metric import METRICS, metric_of
from restorelab.study.records import Runs
from restorelab.study.statistics import estimate
from restorelab.study.values import samples

DIRECTIONS = {"about": "within {1} of {0}", "at_least": "at least {0}, less {1}", "at_most": "at most {0}, plus {1}"}


@dataclass(frozen=True)
class Reaches:
    """The interval of a run's mean lies wholly within `tolerance` of a number, or above or below it.

    Attributes:
        finding: what the report says.
        run: whose metric, or `input`.
        value: the report's number, in the unit of the project (images in [0, 1]).
        tolerance: in the metric's unit.
        direction: `about`: within the tolerance on both sides; `at_least`, `at_most`: on one side it does not matter.
        metric: any of `metric.METRICS`. `loss` has one value a seed, so its interval is over seeds alone.
        evaluations: that the metric is averaged over; null for all.
    """

    finding: str
    run: str
    value: float
    tolerance: float
    direction: Literal["about", "at_least", "at_most"] = "about"
    metric: str = "psnr"
    evaluations: list[str] | None = None

    def __post_init__(self) -> None:
        metric_of(self.metric)
        if self.direction not in DIRECTIONS:
            msg = f"direction={self.direction!r}. {nearest(self.direction, DIRECTIONS)}"
            raise ConfigError(msg)
        if not self.tolerance >= 0:
            msg = f"tolerance={self.tolerance}: at least 0 is wanted."
            raise ConfigError(msg)

    @property
    def test(self) -> str:
        """What is computed."""
        kind = METRICS[self.metric]
        said = DIRECTIONS[self.direction].format(kind.text(self.value), kind.text(self.tolerance))
        return (
            f"{subject(self.metric, self.evaluations)}, {self.run} {said}, the whole of the {resampling(self.metric)}."
        )

    def __call__(self, runs: Runs) -> Judged:
        """Judge it."""
        return judged(self.finding, self.test, lambda: [self._one(runs)])

    def _one(self, runs: Runs) -> Part:
        kind = METRICS[self.metric]
        found = estimate(samples(runs, [self.run], self.metric, self.evaluations), [1])
        low = -np.inf if self.direction == "at_most" else self.value - self.tolerance
        high = np.inf if self.direction == "at_least" else self.value + self.tolerance
        text = f"{self.run} {kind.text(found.value)}"
        if found.low < found.high:
            text += f" [{kind.form.format(found.low)}, {kind.form.format(found.high)}]"
        return part(found, low, high, f"{text} for {kind.text(self.value)}")
