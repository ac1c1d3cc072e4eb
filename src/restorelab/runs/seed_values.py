"""Numbers of runs, one value for each seed, or the reason why there is none; and which run has the best one."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from restorelab.errors import UserError
from restorelab.runs.metric import LOWER
from restorelab.runs.record import Runs
from restorelab.runs.samples import learned, same_loss


@dataclass(frozen=True)
class SeedValues:
    """The values of one number by seed; without values, the reason why there are none."""

    values: tuple[float, ...] = ()
    why: str = ""

    @property
    def mean(self) -> float:
        """The average over the seeds; NaN without a value."""
        return float(np.mean(self.values)) if self.values else float("nan")


def average(parts: Sequence[SeedValues], weights: Sequence[float] | None = None) -> SeedValues:
    """The mean of several numbers, seed by seed; the reason where one of them has no value."""
    why = next((part.why for part in parts if not part.values), "")
    if why or not parts:
        return SeedValues(why=why)
    means = np.average([part.values for part in parts], axis=0, weights=weights)
    return SeedValues(tuple(map(float, means)))


def better(metric: str, value: float, other: float) -> bool:
    """Whether `value` is better than `other`; False where either is not a number."""
    return value < other if metric in LOWER else value > other


def by_seed(runs: Runs, name: str, evaluation: str, metric: str) -> SeedValues:
    """A test metric of a run, a value a seed; of a classical baseline one value, whatever the seeds."""
    try:
        records = runs[name]
        values = tuple(record.metric(evaluation, metric) for record in (records if learned(records) else records[:1]))
    except UserError as error:
        return SeedValues(why=str(error))
    if not np.isfinite(values).all():
        return SeedValues(why=f"run {name}: {metric} under {evaluation} is not a number.")
    return SeedValues(values)


def top(runs: Runs, name: str, key: str) -> SeedValues:
    """A number of the run itself, such as `parameters` or `seconds`, a value a seed; one where all are equal."""
    try:
        records = runs[name]
    except UserError as error:
        return SeedValues(why=str(error))
    values = [float(value) for record in records if (value := record.result.get(key)) is not None]
    if len(values) < len(records):
        return SeedValues(why=f"Run {name}: {key.replace('_', ' ')} was not measured.")
    return SeedValues(tuple(values[:1] if len(set(values)) == 1 else values))


def spec(runs: Runs, name: str, evaluation: str) -> str | None:
    """The spec (images, degradation, protocol) of a run's evaluation; None where it was not measured."""
    try:
        return str(runs[name][0].evaluation(evaluation)["spec"])
    except UserError:
        return None


def same_images(runs: Runs, names: Sequence[str], evaluation: str) -> list[str]:
    """The runs that were measured on the images on which most of them were measured."""
    specs = {name: value for name in names if (value := spec(runs, name, evaluation)) is not None}
    usual = Counter(specs.values()).most_common(1)
    return [name for name, value in specs.items() if value == usual[0][0]]


def best(metric: str, values: dict[str, float]) -> str | None:
    """The name of the best value; None where there is none."""
    known = {name: value for name, value in values.items() if np.isfinite(value)}
    if not known:
        return None
    return min(known, key=known.__getitem__) if metric in LOWER else max(known, key=known.__getitem__)


def best_classical(runs: Runs, evaluation: str, metric: str, like: str) -> tuple[str, float] | None:
    """The best classical baseline on the images that run `like` was measured on: its name and value."""
    wanted_spec = spec(runs, like, evaluation)
    values = {}
    for name in runs if wanted_spec is not None else ():
        if spec(runs, name, evaluation) != wanted_spec:
            continue
        loss = metric != "loss" or _same_loss(runs, name, like)
        if loss and not learned(runs[name]) and runs[name][0].result["model"] != "identity":
            values[name] = by_seed(runs, name, evaluation, metric).mean
    winner = best(metric, values)
    return None if winner is None else (winner, values[winner])


def _same_loss(runs: Runs, *names: str) -> bool:
    try:
        same_loss({name: runs[name] for name in names})
    except UserError:
        return False
    return True
