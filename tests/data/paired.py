"""Tables of images and the pairs of them with noises."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from restorelab.data.pairing import Division, divide
from restorelab.degradations.mixture import Each
from restorelab.degradations.noise import Gaussian

FOUR = {f"gaussian_{sigma}": Gaussian(sigma, clip=False) for sigma in (10, 30, 50, 70)}


GROUPS = {
    "a": {"noises": ["gaussian_10", "gaussian_50"], "train": 1102, "test": 611},
    "b": {"noises": ["gaussian_30", "gaussian_70"], "train": 1000, "test": 500},
}


def table(count: int, order: int | None = None, **parts: int) -> SimpleNamespace:
    """`count` images without official parts, or the `parts`; shuffled where `order` is a seed."""
    splits = [part for part, number in parts.items() for _ in range(number)] or [None] * count
    ids = [f"image {i:05d}" for i in range(len(splits))]
    places = np.arange(len(ids)) if order is None else np.random.default_rng(order).permutation(len(ids))
    return SimpleNamespace(
        ids=[ids[place] for place in places],
        groups=[ids[place] for place in places],
        splits=[splits[place] for place in places],
    )


def by_pair(of: SimpleNamespace, noise: Any = None, **options: Any) -> Division:
    settings = {"val": 0.1, "test": 0.2, "seed": 0} | options
    return divide(of, noise or Each(FOUR), by="pair", **settings)
