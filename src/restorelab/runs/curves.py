"""Training curves of a run: over its seeds, and smoothed."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Band(NamedTuple):
    """A curve over the seeds of a run, each array (N,): optimizer steps, and mean, least and greatest value there."""

    steps: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def over_seeds(seeds: Sequence[tuple[np.ndarray, np.ndarray]]) -> Band:
    """Return the band of curves at the steps that every seed reaches; the mean of fewer would jump.

    Between its own steps a curve is interpolated. seeds: ascending steps and a value at each, by seed.
    """
    steps = np.unique(np.concatenate([seed_steps for seed_steps, _ in seeds]))
    first, last = max(seed_steps[0] for seed_steps, _ in seeds), min(seed_steps[-1] for seed_steps, _ in seeds)
    steps = steps[(steps >= first) & (steps <= last)]
    values = np.stack([np.interp(steps, *seed) for seed in seeds])
    return Band(steps, values.mean(axis=0), values.min(axis=0), values.max(axis=0))


def smoothed(values: np.ndarray, window: int) -> np.ndarray:
    """Return the mean of each value with those before it, up to `window` in all."""
    sums = np.cumsum(np.concatenate([[0.0], values]))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - window, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)
