"""Curves of a run over its seeds."""

from collections.abc import Sequence

import numpy as np

Curve = tuple[np.ndarray, np.ndarray]
"""Steps, ascending, and a value at each."""


def over_seeds(seeds: Sequence[Curve]) -> tuple[np.ndarray, np.ndarray]:
    """The steps at which every seed has something (the mean of fewer would jump), and the values there: (seeds, steps).

    Between its own steps a curve is interpolated.
    """
    steps = np.unique(np.concatenate([own for own, _ in seeds]))
    steps = steps[(steps >= max(own[0] for own, _ in seeds)) & (steps <= min(own[-1] for own, _ in seeds))]
    return steps, np.stack([np.interp(steps, own, values) for own, values in seeds])
