"""Numbers of a run's training curve, one for each seed: the value at a step, the step at which a level is reached."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from restorelab.errors import DataError
from restorelab.judge.bootstrap import Estimate
from restorelab.runs import samples
from restorelab.runs.metric import METRICS, Metric, metric_of
from restorelab.runs.record import Record, Runs
from restorelab.runs.samples import MetricSample, steps_of

NEAR = 0.1
"""The largest distance between a measurement and the requested step, as a share of the step."""


def kind_of(column: str) -> Metric:
    """Return the metric of a column, such as `val/loss`, `train/loss` or `val/psnr/impulse_30`.

    Raises:
        ConfigError: for a column that is not a metric.
    """
    parts = column.split("/")
    return metric_of(parts[1] if len(parts) > 1 else column, "column")


def at(record: Record, column: str, step: int | None, *, end: int = -1) -> tuple[float, float]:
    """Return the step and the value of the measurement of a column that is nearest to `step`.

    step: None for the last measurement, or with end=0 for the first.

    Raises:
        DataError: if nothing was measured within a tenth of the step.
    """
    steps, values = record.curve(column)
    if step is None:
        return float(steps[end]), float(values[end])
    place = int(np.abs(steps - step).argmin())
    if abs(steps[place] - step) > NEAR * step:
        msg = (
            f"run {record.name} (seed {record.seed}): {column} was not measured near step {step:,}; the nearest is "
            f"{steps[place]:,.0f} (of {steps[0]:,.0f} to {steps[-1]:,.0f})."
        )
        raise DataError(msg)
    return float(steps[place]), float(values[place])


def reached(record: Record, column: str, level: float) -> float | None:
    """Return the step at which a column first reaches a level, interpolated linearly; None if it never does.

    Raises:
        DataError: if the column was measured only once.
    """
    steps, values = record.curve(column)
    if len(steps) < 2:
        msg = (
            f"run {record.name} (seed {record.seed}): {column} was measured only once, at step {steps[0]:,.0f}; the "
            "step at which it reached a level is not known."
        )
        raise DataError(msg)
    ahead = values - level if kind_of(column).higher else level - values
    there = np.flatnonzero(ahead >= 0)
    if not there.size:
        return None
    last = int(there[0])
    if last == 0:
        return float(steps[0])
    share = ahead[last - 1] / (ahead[last - 1] - ahead[last])
    return float(steps[last - 1] + share * (steps[last] - steps[last - 1]))


def by_seed(runs: Runs, name: str, number: Callable[[Record], float]) -> MetricSample:
    """Return one number for each seed of a run, as `bootstrap.estimate` takes them."""
    records = runs[name]
    return MetricSample(name, np.array([[number(record)] for record in records]), steps=steps_of(records))


def same_loss(runs: Runs, names: Sequence[str], column: str) -> None:
    """Raise DataError if the column is a loss and the runs have different losses."""
    if column.split("/")[1] == "loss":
        samples.same_loss({name: runs[name] for name in names})


def ratio(estimate: Estimate) -> str:
    """Format a ratio whose logarithm was estimated, with its interval."""
    return METRICS["seconds"].difference(estimate.value, estimate.low, estimate.high)


def gap(column: str, estimate: Estimate) -> str:
    """Format a difference of two values of a column, with its interval."""
    return replace(kind_of(column), relative=False).difference(estimate.value, estimate.low, estimate.high)


def mean_text(sample: MetricSample, text: Callable[[float], str]) -> str:
    """Return the run's name and its mean over the seeds, in words."""
    return f"{sample.run} {text(float(sample.values.mean()))}"


def worst(runs: Runs, names: Sequence[str], column: str) -> float:
    """Return the worst last value of a column among all seeds of all runs."""
    last = [at(record, column, None)[1] for name in names for record in runs[name]]
    return min(last) if kind_of(column).higher else max(last)
