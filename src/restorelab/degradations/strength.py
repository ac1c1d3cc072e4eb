"""A degradation's strength: one value, or `[low, high]` from which each image draws its own."""

import math
from collections.abc import Sequence

from torch import Tensor

from restorelab.degradations.rng import Draws
from restorelab.errors import ConfigError


def number(owner: str, name: str, value: object, least: float, most: float = math.inf) -> float:
    """Check one number, named by `owner` and `name`. Raises ConfigError unless it is within [least, most]."""
    allowed = f">= {least:g}" if math.isinf(most) else f"in [{least:g}, {most:g}]"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{owner}: {name} is {value!r}; allowed: a number {allowed}.")
    if not (math.isfinite(value) and least <= value <= most):  # NaN fails every comparison
        raise ConfigError(f"{owner}: {name} is {value!r}; allowed: a finite number {allowed}.")
    return float(value)


def strength(owner: str, name: str, value: object, least: float, most: float = math.inf) -> float | tuple[float, float]:
    """Check a value or a `[low, high]` pair within [least, most]. Raises ConfigError. Lists (YAML) become tuples."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return number(owner, name, value, least, most)
    if len(value) != 2:
        raise ConfigError(f"{owner}: {name} is {list(value)!r}; allowed: a number, or two, [low, high].")
    low, high = (number(owner, name, end, least, most) for end in value)
    if low > high:
        raise ConfigError(f"{owner}: {name} is {list(value)!r}; allowed: [low, high] with low <= high.")
    return low, high


def bounds(value: float | Sequence[float]) -> tuple[float, float]:
    """Return the (low, high) of a checked strength."""
    return (value[0], value[1]) if isinstance(value, Sequence) else (value, value)


def draw(value: float | Sequence[float], image: Tensor, draws: Draws) -> Tensor:
    """Draw a checked strength for each image of `image` (B, C, H, W): `(B, 1, 1, 1)`, its dtype and device.

    Uniform in [low, high]; a single value consumes no random numbers.
    """
    shape = (image.shape[0], 1, 1, 1)
    if not isinstance(value, Sequence):
        return image.new_full(shape, value)
    low, high = value
    return draws.uniform(shape, image).mul_(high - low).add_(low)
