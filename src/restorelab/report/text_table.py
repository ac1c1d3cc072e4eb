"""Tables of plain text, for a terminal."""

from collections.abc import Collection, Sequence


def aligned(rows: Sequence[Sequence[str]], *, left: Collection[int] = (0,), gap: str = "  ") -> list[str]:
    """A line a row, with columns of equal width: those of the places in `left` flush left, the others flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        gap.join(
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def ruled(lines: Sequence[str]) -> list[str]:
    """Return the lines of a table with a rule below its head."""
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]
