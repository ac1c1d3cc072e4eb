"""Place labels beside a plot or its points so that none covers another."""

from collections.abc import Sequence

Rectangle = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Heights as near as possible to the wanted ones, in their order, at least `gap` apart, within `low` to `high`.

    Where they do not fit, they are as far apart as there is room. Least squares, by pooling neighbors that touch.
    """
    order = sorted(range(len(wanted)), key=lambda place: wanted[place])
    if not order:
        return []
    gap = min(gap, (high - low) / max(len(order) - 1, 1))
    # Less its number times the gap, each height may equal, but not be below, the one before: isotonic regression.
    pools: list[tuple[float, int]] = []
    for rank, place in enumerate(order):
        pools.append((wanted[place] - rank * gap, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, m), (b, n) = pools[-2:]
            pools[-2:] = [((a * m + b * n) / (m + n), m + n)]
    flat = [value for value, count in pools for _ in range(count)]
    top = high - (len(order) - 1) * gap
    heights = [0.0] * len(order)
    for rank, place in enumerate(order):
        heights[place] = min(max(flat[rank], low), top) + rank * gap
    return heights


def beside(x: float, y: float, wide: float, high: float, gap: float) -> list[tuple[Rectangle, str]]:
    """Places for a label of a point, best first, each with the anchor of its text."""
    middle, left, right = y - high / 2, x - gap - wide, x + gap
    across = x - wide / 2
    return [
        ((right, middle, right + wide, middle + high), "start"),
        ((left, middle, left + wide, middle + high), "end"),
        ((across, y - gap - high, across + wide, y - gap), "middle"),
        ((across, y + gap, across + wide, y + gap + high), "middle"),
        ((right - 2, y - gap - high + 3, right - 2 + wide, y - gap + 3), "start"),
        ((right - 2, y + gap - 3, right - 2 + wide, y + gap - 3 + high), "start"),
        ((left + 2, y - gap - high + 3, left + 2 + wide, y - gap + 3), "end"),
        ((left + 2, y + gap - 3, left + 2 + wide, y + gap - 3 + high), "end"),
    ]


def free(place: Rectangle, taken: Sequence[Rectangle], within: Rectangle) -> bool:
    """Whether a rectangle lies within another and touches none of those that are taken."""
    left, top, right, bottom = place
    if left < within[0] or top < within[1] or right > within[2] or bottom > within[3]:
        return False
    return not any(left < r and right > l and top < b and bottom > t for l, t, r, b in taken)  # noqa: E741
