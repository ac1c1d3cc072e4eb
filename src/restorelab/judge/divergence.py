"""The keys whose values the best runs of a search share: rank-based PED-ANOVA.

A key matters as far as its values among the best quarter are spread otherwise than among all runs. The difference is
the Pearson divergence between the two, `sum_k p_k (q_k / p_k - 1)^2` over bins, with p_k the share of all runs in bin k
and q_k that of the best. Numbers are binned by rank (quarters), so that neither a logarithmic range nor where a sampler
looked most matters; other values are their own bins. Chance alone makes the divergence positive: its expectation with
the best drawn at random is known (the counts are hypergeometric) and taken off, and the p-value is exact up to the
number of draws from that distribution.

Source: Watanabe, Bansal and Hutter, "PED-ANOVA: Efficiently quantifying hyperparameter importance in arbitrary
subspaces" (IJCAI 2023). Unlike the paper's, the densities are counts in bins of equal probability, not kernel
estimates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

BEST = 0.25
"""The share of the runs that counts as the best."""

BINS = 4
DRAWS = 10_000


@dataclass(frozen=True)
class Divergence:
    """How one key's values differ among the best: `value` with chance taken off (never below 0), and its p-value."""

    value: float
    p: float


def divergence(values: Sequence[Any], best: np.ndarray, *, seed: int = 0) -> Divergence:
    """How the values of a key, (runs), are spread among the best: `best` is (runs) bool."""
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
    """The divergence of each row of counts among the best, (draws, bins), from all runs' bins."""
    share = sizes / sizes.sum()
    shares = counts / counts.sum(axis=1, keepdims=True)
    return (share * (shares / share - 1) ** 2).sum(axis=1)


def binned(values: Sequence[Any]) -> np.ndarray:
    """The bin of each value, from 0 on: quarters by rank of numbers that take many values, else a bin a value."""
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if numeric and len(set(values)) > BINS:
        numbers = np.array(values, dtype=float)
        # Equal numbers stay together: the edges are values.
        edges = np.unique(np.quantile(numbers, np.arange(1, BINS) / BINS, method="lower"))
        codes = np.searchsorted(edges, numbers, side="left")
    else:
        texts = [repr(value) for value in values]
        codes = np.array([sorted(set(texts)).index(text) for text in texts])
    return np.unique(codes, return_inverse=True)[1]
