"""The importance of a key in a search: how much its values differ among the best runs; rank-based PED-ANOVA.

A key is important if its values are distributed differently among the best quarter of the runs than among all runs. The
measure is the Pearson divergence between the two distributions, `sum_k p_k (q_k / p_k - 1)^2` over bins, with p_k the
share of all runs in bin k and q_k that of the best. Numbers are binned by rank into quarters, so that neither a
logarithmic range nor the sampler's density has an effect; each other value is a bin of its own. Chance alone makes the
divergence positive: its expectation for a random choice of the best is known (the counts are hypergeometric) and is
subtracted. The p-value is exact up to the number of draws from that distribution.

Source: Watanabe, Bansal and Hutter, "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary
Subspaces" (IJCAI 2023). Unlike the paper, the densities are counts in bins of equal probability, not kernel estimates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

BEST = 0.25
"""The share of the runs that counts as the best."""

BINS = 4
"""Number of bins of numeric values."""

DRAWS = 10_000
"""Draws of random choices of the best, for the p-value."""


@dataclass(frozen=True)
class Divergence:
    """The divergence of one key: `value` above its expectation by chance, at least 0, and its p-value."""

    value: float
    p: float


def divergence(values: Sequence[Any], best: np.ndarray, *, seed: int = 0) -> Divergence:
    """Return the divergence of a key's `values`, one per run; `best`: (runs,) bool, which runs are the best."""
    bins = binned(values)
    sizes = np.bincount(bins)
    total, chosen = len(bins), int(best.sum())
    if len(sizes) < 2 or chosen in (0, total):
        return Divergence(0.0, 1.0)
    raw = _pearson(np.bincount(bins[best], minlength=len(sizes))[None], sizes)[0]
    chance = (len(sizes) - 1) / chosen * (total - chosen) / (total - 1)
    drawn = np.random.default_rng(seed).multivariate_hypergeometric(sizes, chosen, size=DRAWS, method="marginals")
    reached = int((_pearson(drawn, sizes) >= raw * (1 - 1e-12)).sum())
    return Divergence(max(0.0, float(raw) - chance), (reached + 1) / (DRAWS + 1))


def _pearson(counts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the Pearson divergence of each row of `counts` (draws, bins) from `sizes` (bins,), as shares: (draws,)."""
    share = sizes / sizes.sum()
    shares = counts / counts.sum(axis=1, keepdims=True)
    return (share * (shares / share - 1) ** 2).sum(axis=1)


def binned(values: Sequence[Any]) -> np.ndarray:
    """Return the bin of each value, (runs,), from 0: its quarter by rank for more than `BINS` numbers, else its own."""
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if numeric and len(set(values)) > BINS:
        numbers = np.array(values, dtype=float)
        # The edges are values, so that equal numbers are in one bin.
        edges = np.unique(np.quantile(numbers, np.arange(1, BINS) / BINS, method="lower"))
        codes = np.searchsorted(edges, numbers, side="left")
    else:
        texts = [repr(value) for value in values]
        codes = np.array([sorted(set(texts)).index(text) for text in texts])
    return np.unique(codes, return_inverse=True)[1]
