"""The difference (or ratio) between runs on a test metric, with a sentence about it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from restorelab.errors import ConfigError
from restorelab.judge.bootstrap import RESAMPLES, Estimate, Resampled, estimate, win_rate
from restorelab.runs.metric import METRICS, metric_of
from restorelab.runs.record import Runs
from restorelab.runs.samples import MetricSample, samples


def names(value: Any, key: str) -> list[str]:
    """Return one name, or a list of names, as a list.

    Raises:
        ConfigError: for anything else; it names the option `key`.
    """
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not listed or not all(isinstance(name, str) and name for name in listed):
        msg = f"{key}={value!r}: expected a name, or a list of names."
        raise ConfigError(msg)
    return listed


def where(value: Sequence[str] | None) -> str:
    """Return the evaluations as part of a sentence."""
    if value is None:
        return "over all evaluations"
    return f"under {value[0]}" if len(value) == 1 else f"over {', '.join(value)}"


def subject(metric: str, chosen: Sequence[str] | None) -> str:
    """Return a metric and its evaluations as the beginning of a sentence."""
    kind = METRICS[metric]
    text = kind.label if kind.source == "run" else f"{kind.label} {where(chosen)}"
    return text[0].upper() + text[1:]


def difference(
    runs: Runs,
    one: Sequence[str],
    other: Sequence[str],
    metric: str,
    chosen: Sequence[str] | None,
    resamples: int = RESAMPLES,
    shared: Resampled | None = None,
) -> tuple[Estimate, str]:
    """Return the mean of the runs `one` less that of the runs `other`, and a sentence about it.

    For a relative metric it is the logarithm of their ratio. chosen: the evaluations; None for all. shared: draws for
    these runs and others, see `resample`.
    """
    kind = METRICS[metric]
    compared = samples(runs, [*one, *other], metric, chosen)
    weights = [1 / len(one)] * len(one) + [-1 / len(other)] * len(other)
    between = estimate(compared, weights, log=kind.relative, resamples=resamples, shared=shared)
    ours, theirs = compared[: len(one)], compared[len(one) :]
    text = f"{value_text(ours, metric)} against {value_text(theirs, metric)}: "
    text += kind.difference(between.value, between.low, between.high)
    if between.images and len(compared) == 2:
        text += f", ahead on {win_rate(ours[0], theirs[0], higher=kind.higher):.0%} of {between.images:,} images"
    return between, text + unequal_steps(compared)


def by_evaluation(runs: Runs, one: str, other: str, metric: str, chosen: Sequence[str]) -> str:
    """Return the mean difference under each evaluation, in words."""
    kind = METRICS[metric]
    parts = []
    for evaluation in chosen:
        ours, theirs = (sample.values.mean(axis=1) for sample in samples(runs, [one, other], metric, [evaluation]))
        curve = np.log if kind.relative else np.asarray
        gap = float(curve(ours).mean() - curve(theirs).mean())
        parts.append(f"{evaluation} {kind.difference(gap, gap, gap)}")
    return ", ".join(parts)


def value_text(compared: Sequence[MetricSample], metric: str) -> str:
    """Return the names and the mean value of runs."""
    mean = float(np.mean([sample.values.mean() for sample in compared]))
    return f"{', '.join(sample.run for sample in compared)} {metric_of(metric).text(mean)}"


def unequal_steps(compared: Sequence[MetricSample]) -> str:
    """Return a warning if runs that trained had different numbers of optimizer steps."""
    steps = {sample.run: sample.steps for sample in compared if sample.steps is not None}
    if len(set(steps.values())) < 2:
        return ""
    return f" (unequal optimizer steps: {', '.join(f'{run} {count:,}' for run, count in steps.items())})"
