"""A run's training curve falls, rises, or stays."""

from dataclasses import dataclass

import numpy as np

from restorelab.errors import ConfigError, DataError
from restorelab.judge.bootstrap import estimate
from restorelab.judge.claims import training
from restorelab.judge.claims.claim import Claim
from restorelab.judge.claims.deciding import FindingPart, part
from restorelab.runs.record import Record, Runs


@dataclass(frozen=True)
class Change(Claim):
    """The ratio of a column's value at one step to that at an earlier one lies between two bounds.

    `high: 0.9` claims that it falls by at least a tenth; `low: 0.9` that it does not.

    Attributes:
        run: the run with the curve.
        column: of metrics.csv, such as train/loss, val/loss or val/accuracy.
        start: the earlier step; null for the first measurement.
        end: the later step; null for the last measurement.
        low, high: bounds of the ratio, above 0; at least one of them is needed.
    """

    run: str
    column: str
    start: int | None = None
    end: int | None = None
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if any(bound is not None and not bound > 0 for bound in (self.low, self.high)):
            msg = f"low={self.low}, high={self.high}: expected ratios above 0."
            raise ConfigError(msg)
        if (self.low is None and self.high is None) or (self.low or 0) >= (self.high or np.inf):
            msg = f"low={self.low}, high={self.high}: expected at least one of them, and low below high."
            raise ConfigError(msg)

    @property
    def test(self) -> str:
        """Describe the test in words."""
        first = "its first value" if self.start is None else f"that at step {self.start:,}"
        last = "its last value" if self.end is None else f"the value at step {self.end:,}"
        bounds = [f"at least {self.low:g}"] if self.low is not None else []
        bounds += [f"at most {self.high:g}"] if self.high is not None else []
        return f"{self.column} of {self.run}: ratio of {last} to {first}, {' and '.join(bounds)}."

    @property
    def about(self) -> list[str]:
        """Return the names of the runs that the claim compares."""
        return [self.run]

    def parts(self, runs: Runs, resamples: int) -> list[FindingPart]:
        """Decide the claim."""
        ratios = training.by_seed(runs, self.run, self._ratio)
        change = estimate([ratios], [1], log=True, resamples=resamples)
        bounds = [-np.inf if self.low is None else np.log(self.low), np.inf if self.high is None else np.log(self.high)]
        text = f"{self.run} {self.column} {training.ratio(change)}"
        return [part(change, float(bounds[0]), float(bounds[1]), text)]

    def _ratio(self, record: Record) -> float:
        """Return the ratio of the value at the later step to that at the earlier one, an earlier measurement."""
        (first, before), (last, after) = (training.at(record, self.column, step, end=end)
                                          for step, end in ((self.start, 0), (self.end, -1)))  # fmt: skip
        if first >= last:
            msg = (
                f"run {record.name} (seed {record.seed}): the start and the end of the change are one measurement of "
                f"{self.column}, at step {first:,.0f}; expected two."
            )
            raise DataError(msg)
        return after / before
