"""Where an axis has its ticks and how numbers are written on it."""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
"""What a step between ticks may be, times a power of ten."""

MINUS, NONE = "\N{MINUS SIGN}", "\N{EN DASH}"
"""A true minus, as wide as a plus; what stands where there is no number."""


def counts(values: Iterable[float]) -> bool:
    """Whether all values are whole numbers, such as steps or trials, between which an axis has no ticks."""
    return all(float(value).is_integer() for value in values)


def step(low: float, high: float, most: int, *, whole: bool = False) -> float:
    """The smallest nice step that makes at most `most` ticks between two numbers. whole: a whole number."""
    if not high > low:
        return 1.0
    rough = max((high - low) / max(most, 1), 1.0 if whole else 0.0)
    power = 10.0 ** math.floor(math.log10(rough))
    sizes = [nice * power for nice in STEPS if not whole or (nice * power).is_integer()]
    return next((size for size in sizes if size >= rough * (1 - 1e-9)), 10 * power)


def linear(low: float, high: float, most: int = 6, *, whole: bool = False) -> list[float]:
    """Round numbers between `low` and `high`, at most about `most`. whole: only whole ones."""
    size = step(low, high, most, whole=whole)
    first, last = math.ceil(low / size - 1e-9), math.floor(high / size + 1e-9)
    return [round(place * size, 12) + 0.0 for place in range(first, last + 1)]


def logarithmic(low: float, high: float, most: int = 6, *, whole: bool = False) -> list[float]:
    """Round numbers between `low` and `high`, both above 0, for a log axis: decades, or 1 2 5 where few of them fit."""
    bottom, top = math.floor(math.log10(low) - 1e-9), math.ceil(math.log10(high) + 1e-9)
    for within in ((1, 2, 3, 4, 5, 6, 8), (1, 2, 5), (1, 3), (1,)):
        candidates = [m * 10.0**power for power in range(bottom, top + 1) for m in within]
        candidates = [value for value in candidates if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
        candidates = [value for value in candidates if not whole or value >= 1]
        if len(candidates) <= most:
            return candidates if len(candidates) > 1 else linear(low, high, most, whole=whole)
    return candidates[:: -(-len(candidates) // most)]


def written(value: float, ticks: Sequence[float] = ()) -> str:
    """A number of an axis: thousands as k, M, G; as many decimals as tell the ticks apart; a true minus."""
    for factor, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor and max(map(abs, [*ticks, value])) >= 1e4:
            return f"{value / factor:.4g}{letter}".replace("-", MINUS)
    if value and abs(value) < 1e-3:
        mantissa, _, exponent = f"{value:.2e}".partition("e")
        return f"{float(mantissa):g}e{int(exponent)}".replace("-", MINUS)
    gaps = [abs(b - a) for a, b in pairwise(ticks) if b != a]
    places = max(0, *(_places(gap) for gap in gaps)) if gaps else 3
    return (f"{value:.{places}f}" if gaps else f"{value:.4g}").replace("-", MINUS)


def _places(gap: float) -> int:
    """Decimals that write a nice step exactly."""
    return next((places for places in range(6) if math.isclose(round(gap, places), gap, rel_tol=1e-6)), 6)


def exact(value: float | None) -> str:
    """A number for a tooltip: six digits, thousands apart."""
    if value is None or not math.isfinite(value):
        return NONE
    if abs(value) >= 1e4:
        return f"{value:,.0f}".replace(",", "\u2009").replace("-", MINUS)
    return f"{value:.6g}".replace("-", MINUS)


def extent(values: Iterable[float | None], share: float = 0.05) -> tuple[float, float]:
    """The least and the greatest finite value, each `share` of their distance further out; (0, 1) without any."""
    finite = [value for value in values if value is not None and math.isfinite(value)]
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    room = (high - low) * share if high > low else abs(high) * share or 0.5
    return low - room, high + room
