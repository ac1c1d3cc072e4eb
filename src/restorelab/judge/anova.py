"""Shares of variance on a full grid: the functional analysis of variance, exact because every combination is there.

The variance of one run's value is split into what each key does by itself (the variance of the means of its values),
what each pair of keys does beyond that, what is left of higher interactions, and the seeds' own (the mean variance
within a combination). With equal numbers of seeds these are the sums of squares of the textbooks divided by their
total. Source: Hoos and Leyton-Brown, "An efficient approach for assessing hyperparameter importance" (ICML 2014), whose
decomposition this is, with the grid itself in place of a forest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np


@dataclass(frozen=True)
class Effect:
    """What some keys do together: `axes` of the grid; `share` of the variance in [0, 1]; `p` by an F test.

    p: None where no combination has two seeds, or their numbers differ.
    """

    axes: tuple[int, ...]
    share: float
    p: float | None


@dataclass(frozen=True)
class Decomposition:
    """All shares, which sum to 1: of keys and pairs, of higher interactions, and of the seeds."""

    effects: list[Effect]
    higher: float
    seeds: float
    total: float


def decompose(cells: np.ndarray, shape: Sequence[int]) -> Decomposition:
    """Split the variance.

    cells: the values of each combination's seeds, (product of shape), dtype object, in C order of the grid.
    shape: how many values each key has. `total` is the variance of a run, in the metric's unit squared.
    """
    means = np.array([np.mean(cell) for cell in cells]).reshape(shape)
    within = float(np.mean([np.var(cell) for cell in cells]))
    between = float(means.var())
    total = between + within
    if total == 0:
        return Decomposition([], 0.0, 0.0, 0.0)
    counts = {len(cell) for cell in cells}
    seeds = counts.pop() if len(counts) == 1 else 0
    parts: dict[tuple[int, ...], np.ndarray] = {(): np.asarray(means.mean())}
    effects = []
    for order in (1, 2):
        for axes in combinations(range(means.ndim), order):
            part = _part(means, axes, parts)
            parts[axes] = part
            variance = float((part**2).mean())
            freedom = int(np.prod([shape[axis] - 1 for axis in axes]))
            effects.append(Effect(axes, variance / total, _p(variance, within, means.size, seeds, freedom)))
    explained = sum(effect.share for effect in effects)
    return Decomposition(effects, max(0.0, between / total - explained), within / total, total)


def _part(means: np.ndarray, axes: tuple[int, ...], parts: dict[tuple[int, ...], np.ndarray]) -> np.ndarray:
    """What the axes do together beyond what fewer of them do; broadcast over the others."""
    rest = tuple(axis for axis in range(means.ndim) if axis not in axes)
    part = means.mean(axis=rest, keepdims=True)
    for order in range(len(axes)):
        for fewer in combinations(axes, order):
            part = part - parts[fewer]
    return part


def _p(variance: float, within: float, cells: int, seeds: int, freedom: int) -> float | None:
    """F test of an effect against the seeds."""
    if seeds < 2 or freedom == 0:
        return None
    if within == 0:
        return 0.0 if variance > 0 else 1.0
    from scipy.stats import f

    rest = cells * (seeds - 1)
    ratio = (variance * cells * seeds / freedom) / (within * cells * seeds / rest)
    return float(f.sf(ratio, freedom, rest))
