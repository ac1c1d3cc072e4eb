"""A table as its template shows it: how columns are sorted and aligned, which lines its head has."""

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import ClassVar

from restorelab.report.table import Cell, Table

MANY = 9
"""Rows from which a table has a filter, and columns from which they can be put away."""


@dataclass(frozen=True)
class Head:
    """A heading: of one column, or over `columns` of them. tall: it stands beside such a group, over both lines."""

    text: str
    number: int = 0
    columns: int = 0
    tall: bool = False
    numeric: bool = True


@dataclass(frozen=True)
class ColumnView:
    """A column. numeric: it holds numbers, and so stands at the right. widest: the longest aside of a mean.

    shares: how near each number comes to the best, from the worst; None where the column has no best one.
    """

    numeric: bool
    widest: str
    shares: list[float | None]


class TableView:
    """What `table.html` needs to know of a table."""

    SPOKEN: ClassVar = {"best": "best", "both": "best", "classical": "best classical baseline"}
    """What a mark says to a screen reader."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.notes = {note: number for number, note in enumerate(table.footnotes, start=1)}
        self.letters = max((len(row[0].text) for row in table.rows), default=0)
        self.sortable = not table.ordered
        self.filtered = self.sortable and len(table.rows) >= MANY
        self.columns = [
            _column([row[number] for row in table.rows], table.ordered) for number in range(len(table.head))
        ]

    @property
    def groups(self) -> list[str]:
        """The first lines of the heads of two."""
        return list(dict.fromkeys(head.partition("\n")[0] for head in self.table.head if "\n" in head))

    @property
    def heads(self) -> list[str]:
        """What columns are called below their groups, where there are so many that some may be put away."""
        if len(self.table.head) <= MANY:
            return []
        below = dict.fromkeys(head.partition("\n")[2] for head in self.table.head if "\n" in head)
        return [*below, *(head for head in self.table.head[1:] if "\n" not in head)]

    @cached_property
    def head_lines(self) -> list[list[Head]]:
        """One line of headings, or two where some share a first one."""
        split = [tuple(head.split("\n", 1)) if "\n" in head else ("", head) for head in self.table.head]
        two = any(group for group, _ in split)
        above: list[Head] = []
        below: list[Head] = []
        for number, (group, text) in enumerate(split):
            numeric = number == 0 or self.columns[number].numeric
            (below if group else above).append(Head(text, number, tall=two and not group, numeric=numeric))
            if group and (number == 0 or split[number - 1][0] != group):
                columns = len(list(takewhile(group.__eq__, (other for other, _ in split[number:]))))
                above.append(Head(group, columns=columns))
        return [above, below] if two else [above]


def sort_key(cell: Cell) -> str:
    """What sorting reads of a cell: the number in full, or its text; nothing where there is no number."""
    if cell.value is not None and math.isfinite(cell.value):
        return repr(float(cell.value))
    return "" if cell.text in ("", "-") else cell.text


def _column(cells: list[Cell], ordered: bool) -> ColumnView:
    known = [cell for cell in cells if cell.text not in ("", "-")]
    numeric = not known or sum(cell.value is not None for cell in known) * 2 >= len(known)
    widest = max((cell.aside for cell in cells if cell.deviation is not None), key=len, default="")
    return ColumnView(numeric, widest, [None] * len(cells) if ordered else _shares(cells))


def _shares(cells: list[Cell]) -> list[float | None]:
    values = [cell.value if cell.value is not None and math.isfinite(cell.value) else None for cell in cells]
    known = [value for value in values if value is not None]
    best = next((v for v, cell in zip(values, cells, strict=True) if cell.mark in ("best", "both")), None)
    if best is None or len(known) < 3 or max(known) == min(known):
        return [None] * len(cells)
    low, high = min(known), max(known)
    worst = low if best > (low + high) / 2 else high
    return [None if value is None else abs(value - worst) / (high - low) for value in values]
