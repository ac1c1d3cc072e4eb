"""A degradation's strength, as a config says it and as each image of a batch draws its own.

    sigma: 25                     one value, the same for every image
    sigma: [15, 50]               a range: each image draws uniformly from 15 to 50
    sigma: [15, 25, 50]           three numbers or more are levels: each image draws one of them, equally likely
    sigma: [levels, 15, 50]       levels of any number, such as two

A level that is listed twice is drawn twice as often.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from restorelab.degradations.rng import Draws
from restorelab.errors import ConfigError, nearest

Strength = float | Sequence[float | str]
"""What a config may say; see the module's text."""


@dataclass(frozen=True)
class Levels:
    """Values of which each image draws one, equally likely."""

    values: tuple[float, ...]


Checked = float | tuple[float, float] | Levels
"""A checked strength: one value, `(low, high)`, or levels."""


def number(owner: str, name: str, value: object, least: float, most: float = math.inf) -> float:
    """Check one number, named by `owner` and `name`. Raises ConfigError unless it is within [least, most]."""
    allowed = f">= {least:g}" if math.isinf(most) else f"in [{least:g}, {most:g}]"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{owner}: {name} is {value!r}; allowed: a number {allowed}.")
    if not (math.isfinite(value) and least <= value <= most):  # NaN fails every comparison
        raise ConfigError(f"{owner}: {name} is {value!r}; allowed: a finite number {allowed}.")
    return float(value)


def strength(owner: str, name: str, value: object, least: float, most: float = math.inf) -> Checked:
    """Check what a config says of a strength, every number within [least, most]. Raises ConfigError.

    A checked strength comes back as it is.
    """
    if isinstance(value, Levels):
        return value
    if not isinstance(value, Sequence) or isinstance(value, str):
        return number(owner, name, value, least, most)
    said = list(value)
    named = bool(said) and isinstance(said[0], str)
    if named and said[0] != "levels":
        raise ConfigError(f"{owner}: {name} is {said!r}; a list begins with a number or levels. "
                          f"{nearest(said[0], ['levels'])}")  # fmt: skip
    numbers = tuple(number(owner, name, one, least, most) for one in said[named:])
    if len(numbers) < 2:
        raise ConfigError(f"{owner}: {name} is {said!r}; allowed: a number, a range [low, high], or levels [a, b, c].")
    if named or len(numbers) > 2:
        return Levels(numbers)
    if numbers[0] > numbers[1]:
        raise ConfigError(
            f"{owner}: {name} is {said!r}; allowed: a range [low, high] with low <= high, or two levels, "
            f"[levels, {said[0]}, {said[1]}]."
        )
    return numbers[0], numbers[1]


def stretches(value: object) -> list[tuple[float, float]]:
    """The (low, high) that a strength may be drawn from, ascending; low = high for one value and for each level.

    value: what a config says, or a checked strength; anything else has none.
    """
    try:
        checked = strength("", "", value, -math.inf)
    except ConfigError:
        return []
    if isinstance(checked, Levels):
        return [(level, level) for level in sorted(set(checked.values))]
    return [checked if isinstance(checked, tuple) else (checked, checked)]


def bounds(value: Strength | Checked) -> tuple[float, float]:
    """Return the least and the greatest value of a strength."""
    found = stretches(value)
    return found[0][0], found[-1][1]


def draw(value: Strength | Checked, image: Tensor, draws: Draws) -> Tensor:
    """Draw a checked strength for each image of `image` (B, C, H, W): `(B, 1, 1, 1)`, its dtype and device.

    Uniform in [low, high], or one of the levels; a single value consumes no random numbers. Never waits for the device.
    """
    shape = (image.shape[0], 1, 1, 1)
    if isinstance(value, Levels):
        *others, last = value.values
        drawn, place = image.new_full(shape, last), draws.uniform(shape, image)
        for end, level in reversed(list(enumerate(others, start=1))):
            # Filled with numbers that the host knows: a table of the levels would have to be copied to the device.
            drawn.masked_fill_(place < end / len(value.values), level)
        return drawn
    low, high = bounds(value)
    if not isinstance(value, Sequence):
        return image.new_full(shape, low)
    return draws.uniform(shape, image).mul_(high - low).add_(low)
