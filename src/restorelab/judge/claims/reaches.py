"""A run reaches a number, such as one that the report prints."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from restorelab.errors import ConfigError, nearest
from restorelab.judge.bootstrap import estimate
from restorelab.judge.claims import training
from restorelab.judge.claims.claim import Claim
from restorelab.judge.claims.deciding import FindingPart, part
from restorelab.judge.claims.metric_difference import subject
from restorelab.runs.metric import METRICS, Metric, metric_of
from restorelab.runs.record import Runs
from restorelab.runs.samples import samples

DIRECTIONS = {"about": "within {1} of {0}", "at_least": "at least {0}, less {1}", "at_most": "at most {0}, plus {1}"}


@dataclass(frozen=True)
class Reaches(Claim):
    """The interval of a run's mean lies wholly within `tolerance` of a number, or above or below it.

    Attributes:
        run: whose metric, or `input`.
        value: the report's number, in the unit of the project (images in [0, 1]).
        tolerance: in the metric's unit.
        direction: `about`: within the tolerance on both sides; `at_least`, `at_most`: on one side it does not matter.
        metric: any of `metric.METRICS`. `loss` has one value a seed, so its interval is over seeds alone.
        evaluations: that the metric is averaged over; null for all.
        column: in place of the test metric one of metrics.csv, such as val/accuracy, at a step.
        step: of the optimizer; null for the last measurement. Something must have been measured within a tenth of it.
        absolute: false where the number is none of the report's data, such as what chance would give.
    """

    run: str
    value: float
    tolerance: float
    direction: Literal["about", "at_least", "at_most"] = "about"
    metric: str = "psnr"
    evaluations: list[str] | None = None
    column: str | None = None
    step: int | None = None
    absolute: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        metric_of(self.metric)
        if self.column is not None:
            training.kind_of(self.column)
        if self.direction not in DIRECTIONS:
            msg = f"direction={self.direction!r}. {nearest(self.direction, DIRECTIONS)}"
            raise ConfigError(msg)
        if not self.tolerance >= 0:
            msg = f"tolerance={self.tolerance}: expected at least 0."
            raise ConfigError(msg)

    @property
    def test(self) -> str:
        """Describe the test in words."""
        kind = self._kind
        bounds = DIRECTIONS[self.direction].format(kind.text(self.value), kind.text(self.tolerance))
        what = subject(self.metric, self.evaluations)
        if self.column is not None:
            what = f"{self.column} {'at the end' if self.step is None else f'at step {self.step:,}'}"
        return f"{what}, {self.run} {bounds}, the whole interval."

    @property
    def about(self) -> list[str]:
        """Return the name of the run that the claim is about."""
        return [self.run]

    @property
    def _kind(self) -> Metric:
        return METRICS[self.metric] if self.column is None else training.kind_of(self.column)

    def parts(self, runs: Runs, resamples: int) -> list[FindingPart]:
        """Decide the claim."""
        kind, column = self._kind, self.column
        if column is None:
            values = samples(runs, [self.run], self.metric, self.evaluations)
        else:
            values = [training.by_seed(runs, self.run, lambda record: training.at(record, column, self.step)[1])]
        reached = estimate(values, [1], resamples=resamples)
        low = -np.inf if self.direction == "at_most" else self.value - self.tolerance
        high = np.inf if self.direction == "at_least" else self.value + self.tolerance
        text = f"{self.run} {kind.text(reached.value)}"
        if reached.low < reached.high:
            text += f" [{kind.form.format(reached.low)}, {kind.form.format(reached.high)}]"
        return [part(reached, low, high, f"{text} for {kind.text(self.value)}")]
