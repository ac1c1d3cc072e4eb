"""Shares of variance on a full grid: the functional analysis of variance, exact because no combination is missing.

The variance of a run's value is split into the main effect of each key (the variance of the means of its values), the
interaction of each pair of keys, the remaining higher interactions, and the variance between seeds (the mean variance
within a combination). With equal numbers of seeds these are the sums of squares of an ordinary analysis of variance,
divided by their total.

Source: the decomposition of Hutter, Hoos and Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter
Importance" (ICML 2014). Unlike the paper, the values are those of the grid, not those of a random forest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np


@dataclass(frozen=True)
class Effect:
    """The effect of one key, or the interaction of two.

    Attributes:
        axes: the keys' axes of the grid.
        share: of the variance, in [0, 1].
        p: of an F test against the variance between seeds; None for combinations with one seed or with different
            numbers of seeds.
    """

    axes: tuple[int, ...]
    share: float
    p: float | None


@dataclass(frozen=True)
class Decomposition:
    """All shares of the variance, which sum to 1: of keys and pairs, of `higher` interactions, and of the `seeds`.

    total: the variance of a run, in the metric's unit squared; if it is 0, there are no effects and all shares are 0.
    """

    effects: list[Effect]
    higher: float
    seeds: float
    total: float


def decompose(cells: np.ndarray, shape: Sequence[int]) -> Decomposition:
    """Split the variance of the runs of a full grid.

    cells: the values of the seeds of each combination, (product of shape,), dtype object, in C order of the grid.
    shape: the number of values of each key.
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
    """Return the effect of the axes together, without the effects of fewer of them; other axes have length 1."""
    rest = tuple(axis for axis in range(means.ndim) if axis not in axes)
    part = means.mean(axis=rest, keepdims=True)
    for order in range(len(axes)):
        for fewer in combinations(axes, order):
            part = part - parts[fewer]
    return part


def _p(variance: float, within: float, cells: int, seeds: int, freedom: int) -> float | None:
    """Return the p-value of an F test of an effect against the variance between seeds; None if it cannot be tested."""
    if seeds < 2 or freedom == 0:
        return None
    if within == 0:
        return 0.0 if variance > 0 else 1.0
    from scipy.stats import f

    rest = cells * (seeds - 1)
    ratio = (variance * cells * seeds / freedom) / (within * cells * seeds / rest)
    return float(f.sf(ratio, freedom, rest))
