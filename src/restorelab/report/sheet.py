"""A sheet of pictures with words under them, on which every pixel of an image is a whole number of the sheet's."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from restorelab.report.pixels import pixels

CELL = 192
"""Pixels a side that a picture takes, about: a whole multiple of the image's own."""

DPI = 110

MARGIN, GAP, TITLE = 14, 10, 34
"""Pixels: around the sheet, between the columns, for the sheet's title."""

HEAD, LABEL = 8.6, 6.3
"""Pixels that a letter takes, about, in a heading, and in a label or a note, for breaking lines."""

FEW, MANY = 11, 18
"""Letters of a line that a heading and a note may always have, and a label at most."""


@dataclass(frozen=True)
class SheetPicture:
    """One picture: `pixels` uint8 (h, w) or (h, w, 3), shown `height` x `width` pixels large, and what stands under it.

    Sharp where `height` and `width` are whole multiples of h and w.
    """

    pixels: np.ndarray
    height: int
    width: int
    note: str = ""


def times(height: int, width: int, most: int = CELL) -> int:
    """The whole number by which an image of that size is enlarged to about `most` pixels."""
    return max(1, round(most / max(height, width)))


def middle(picture: Tensor, whole: Sequence[int], most: int = CELL) -> Tensor:
    """The part of a picture (C, h, w) that shows the middle `most` pixels of an image of size `whole` (H, W)."""
    for axis in (-2, -1):
        side = picture.shape[axis]
        kept = max(1, min(whole[axis], most) * side // whole[axis])
        picture = picture.narrow(axis, (side - kept) // 2, kept)
    return picture


def shown(image: Tensor, whole: Sequence[int], zoom: int, most: int, note: str = "") -> SheetPicture:
    """An image (C, h, w) in [0, 1] as a picture: the middle `most` pixels of `whole` (H, W), each `zoom` pixels wide.

    An image that is smaller than `whole` fills the same place with larger pixels.
    """
    height, width = (min(side, most) * zoom for side in whole)
    return SheetPicture(pixels(middle(image, whole, most)), height, width, note)


def enlarged(picture: SheetPicture) -> np.ndarray:
    """The pixels of a picture as it is shown, (height, width, 3) uint8: each takes the value of the nearest."""
    rows = np.arange(picture.height) * picture.pixels.shape[0] // picture.height
    columns = np.arange(picture.width) * picture.pixels.shape[1] // picture.width
    pixels = picture.pixels[rows[:, None], columns]
    # As colors: through a color map some gray values come out one lower.
    return np.stack([pixels] * 3, axis=-1) if pixels.ndim == 2 else pixels


def wrapped(text: str, letters: int) -> list[str]:
    """Lines of at most `letters`: it breaks behind spaces, underscores, hyphens, slashes and dots, and long words."""
    broken = []
    for paragraph in text.split("\n"):
        lines = [""]
        pieces = re.findall(r"[^\s_/.-]*[\s_/.-]+|[^\s_/.-]+", paragraph)
        for piece in (part for whole in pieces for part in _pieces(whole, letters)):
            if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > letters:
                lines.append("")
            lines[-1] += piece
        broken += [line.rstrip() for line in lines]
    return broken


def _pieces(word: str, letters: int) -> list[str]:
    """A word that is longer than a line in parts of a line's length; any other as it is."""
    if len(word.rstrip()) <= letters:
        return [word]
    return [word[start : start + letters] for start in range(0, len(word), letters)]


def sheet(
    rows: Sequence[Sequence[SheetPicture]],
    heads: Sequence[tuple[str, str]] = (),
    *,
    labels: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """Draw rows of pictures. heads: above each column, a name and a softer line. labels: to the left of each row.

    Names, notes, labels and a title that are too long for their place are broken into lines.
    """
    cell = max(picture.width for row in rows for picture in row)
    names = [wrapped(name, max(FEW, int((cell + GAP) / HEAD))) for name, _ in heads]
    cell = max(cell, *(int(HEAD * len(line)) for name in names for line in name), 0)
    lines = max((len(name) for name in names), default=0)
    head = (4 + 15 * (lines + any(soft for _, soft in heads))) if heads else 0
    notes = [[wrapped(picture.note, max(FEW, int((cell + GAP) / LABEL))) for picture in row] for row in rows]
    below = [6 + 13 * max(map(len, row)) for row in notes]
    sides = [wrapped(label, MANY) for label in labels]
    left = MARGIN + (int(LABEL * max(len(line) for side in sides for line in side)) + GAP if sides else 0)
    heights = [max(picture.height for picture in row) for row in rows]
    width = left + max(map(len, rows)) * (cell + GAP) - GAP + MARGIN
    titles = wrapped(title, max(FEW, int((width - 2 * MARGIN) / HEAD)))
    top = TITLE + 17 * (len(titles) - 1) if title else MARGIN
    height = top + head + sum(heights) + sum(below) + MARGIN
    canvas = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")

    def text(x: float, y: float, words: str, **style: Any) -> None:
        canvas.text(x / width, 1 - y / height, words, **{"va": "top", "linespacing": 1.15, **style})

    text(MARGIN, 10, "\n".join(titles), fontsize=10)
    for i, (name, (_, soft)) in enumerate(zip(names, heads, strict=True)):
        x = left + i * (cell + GAP) + cell / 2
        for number, line in enumerate(name):
            y = top + 15 * (number + lines - len(name)) + 10
            text(x, y, line, fontsize=8, ha="center", va="baseline", weight="bold")
        text(x, top + 15 * lines, soft, fontsize=6.5, ha="center", color="#666666")
    y = top + head
    for number, (row, high) in enumerate(zip(rows, heights, strict=True)):
        for i, (picture, note) in enumerate(zip(row, notes[number], strict=True)):
            x = left + i * (cell + GAP)
            # Without axes, which take longer than all the rest of a run that has a minute.
            canvas.figimage(
                enlarged(picture),
                int(x + (cell - picture.width) // 2),
                int(height - y - picture.height),
                origin="upper",
            )
            text(x + cell / 2, y + picture.height + 3, "\n".join(note), fontsize=7, ha="center", color="#333333")
        if sides:
            text(MARGIN, y + high / 2, "\n".join(sides[number]), fontsize=7.5, va="center", linespacing=1.25)
        y += high + below[number]
    return canvas
