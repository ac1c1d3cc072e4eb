"""SVG as text: elements, numbers, and how wide words will be."""

import html
import math

NARROW, WIDE = "fijlrtI.,:;'|!()[] ", "mwMW@%—"
"""Letters that take about half as much, and half as much again, as others."""


def element(tag: str, *inner: str, **attributes: str | float | None) -> str:
    """One element. Names of attributes: `_` becomes `-`, one at the end goes; None is left out. `inner` is markup."""
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_quoted(value) if isinstance(value, str) else number(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    return f"<{tag}{written}>{''.join(inner)}</{tag}>" if inner else f"<{tag}{written}/>"


def _quoted(value: str) -> str:
    return html.escape(value).replace("\n", "&#10;")  # XML reads a bare line break in an attribute as a space


def number(value: float) -> str:
    """A coordinate, to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


def words(text: str, x: float, y: float, **attributes: str | float | None) -> str:
    """A line of text."""
    return element("text", html.escape(text), x=x, y=y, **attributes)


def path(points: list[tuple[float, float]], **attributes: str | float | None) -> str:
    """A line through points; broken where one is NaN. Empty where fewer than two are left."""
    parts, pen = [], "M"
    for x, y in points:
        if math.isnan(x) or math.isnan(y):
            pen = "M"
            continue
        parts.append(f"{pen}{number(x)} {number(y)}")
        pen = "L"
    return element("path", d="".join(parts), **attributes) if len(parts) > 1 else ""


def width(text: str, size: float) -> float:
    """Pixels that a line takes in a sans-serif of that size: an estimate, a little too large rather than too small."""
    letters = sum(0.34 if letter in NARROW else 0.9 if letter in WIDE else 0.6 for letter in text)
    return letters * size


def short(text: str, room: float, size: float) -> str:
    """The text, or as much of its beginning and end as `room` pixels hold, joined by an ellipsis.

    Names of runs differ at their ends as often as at their beginnings.
    """
    if width(text, size) <= room:
        return text
    for kept in range(len(text) - 1, 2, -1):
        front = (kept + 1) // 2
        shorter = f"{text[:front]}…{text[len(text) - (kept - front) :]}"
        if width(shorter, size) <= room:
            return shorter
    return "…"
