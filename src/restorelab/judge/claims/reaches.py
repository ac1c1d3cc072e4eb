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
        run: the run with the metric, or `input`.
        value: the report's number, in the project's unit (for images in [0, 1]).
        tolerance: at least 0, in the metric's unit.
        direction: `about`, within the tolerance on both sides; `at_least`, not below value - tolerance; `at_most`, not
            above value + tolerance.
        metric: any of `metric.METRICS`. `loss` has one value per seed, so its interval is over seeds alone.
        evaluations: the evaluations that the metric is averaged over; null for all.
        column: a column of metrics.csv, such as val/accuracy, in place of the test metric.
        step: the optimizer step of the column; the nearest measurement must be within a tenth of it. Null for the last
            measurement.
        absolute: false if the number does not belong to the report's data, such as the accuracy of guessing.
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
            msg = f"tolerance={self.tolerance}: expected a number, at least 0."
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
