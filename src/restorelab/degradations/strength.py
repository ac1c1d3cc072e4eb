"""The strength of a degradation, as given in a config and as drawn for each image of a batch.

    sigma: 25                     one value for all images
    sigma: [15, 50]               a range: a uniform value from 15 to 50 for each image
    sigma: [15, 25, 50]           three or more numbers are levels: one of them for each image, equally likely
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
"""A strength in a config; see the module's docstring."""


@dataclass(frozen=True)
class Levels:
    """Values of which one is drawn for each image, equally likely."""

    values: tuple[float, ...]


Checked = float | tuple[float, float] | Levels
"""A checked strength: one value, `(low, high)`, or levels."""


def number(owner: str, name: str, value: object, least: float, most: float = math.inf) -> float:
    """Check and return one number. Raises ConfigError, naming `owner` and `name`, unless it is in [least, most]."""
    allowed = f">= {least:g}" if math.isinf(most) else f"in [{least:g}, {most:g}]"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{owner}: {name} is {value!r}; expected a number {allowed}.")
    if not (math.isfinite(value) and least <= value <= most):  # NaN fails every comparison
        raise ConfigError(f"{owner}: {name} is {value!r}; expected a finite number {allowed}.")
    return float(value)


def strength(owner: str, name: str, value: object, least: float, most: float = math.inf) -> Checked:
    """Check a strength of a config, whose numbers must be in [least, most]. Raises ConfigError.

    Levels that were checked before are returned unchanged.
    """
    if isinstance(value, Levels):
        return value
    if not isinstance(value, Sequence) or isinstance(value, str):
        return number(owner, name, value, least, most)
    items = list(value)
    named = bool(items) and isinstance(items[0], str)
    if named and items[0] != "levels":
        raise ConfigError(f"{owner}: {name} is {items!r}; expected a list that begins with a number or levels. "
                          f"{nearest(items[0], ['levels'])}")  # fmt: skip
    numbers = tuple(number(owner, name, item, least, most) for item in items[named:])
    if len(numbers) < 2:
        raise ConfigError(f"{owner}: {name} is {items!r}; expected a number, a range [low, high] or levels [a, b, c].")
    if named or len(numbers) > 2:
        return Levels(numbers)
    if numbers[0] > numbers[1]:
        raise ConfigError(
            f"{owner}: {name} is {items!r}; expected a range [low, high] with low <= high, or two levels, "
            f"[levels, {items[0]}, {items[1]}]."
        )
    return numbers[0], numbers[1]


def stretches(value: object) -> list[tuple[float, float]]:
    """Return the (low, high) intervals that a strength is drawn from, ascending; a single value has low = high.

    value: a strength, checked or as in a config; [] for anything else.
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
    intervals = stretches(value)
    return intervals[0][0], intervals[-1][1]


def draw(value: Strength | Checked, image: Tensor, draws: Draws) -> Tensor:
    """Draw a checked strength for each image of `image` (B, C, H, W): `(B, 1, 1, 1)`, its dtype and device.

    The value is uniform in [low, high], or one of the levels; a single value uses no random numbers. It never waits for
    the device.
    """
    shape = (image.shape[0], 1, 1, 1)
    if isinstance(value, Levels):
        *others, last = value.values
        drawn, place = image.new_full(shape, last), draws.uniform(shape, image)
        for end, level in reversed(list(enumerate(others, start=1))):
            # Filling with numbers of the host avoids copying a table of the levels to the device.
            drawn.masked_fill_(place < end / len(value.values), level)
        return drawn
    low, high = bounds(value)
    if not isinstance(value, Sequence):
        return image.new_full(shape, low)
    return draws.uniform(shape, image).mul_(high - low).add_(low)
