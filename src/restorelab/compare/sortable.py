"""A table on the page: sortable, filtered, with columns that can be put away, and files to take along."""

import base64
import html
import math
import re
from collections.abc import Mapping, Sequence
from itertools import takewhile

from restorelab.report.charts.look import Look
from restorelab.report.table import Cell, Table

MANY = 9
"""Rows from which a table has a filter, and columns from which they can be put away."""

MARKS = {"best": "best", "both": "best", "classical": "best of those that learn nothing"}
"""What a mark says to a screen reader."""


def sortable(table: Table, looks: Mapping[str, Look], name: str, *, filtered: bool = False, titled: bool = True) -> str:
    """A table with its controls, footnotes and downloads.

    looks: of the runs; a row that is named as one belongs to it. name: its anchor. filtered: with a filter, however
    short it is. titled: its title is shown, and not only said to a screen reader.
    """
    notes = {note: number for number, note in enumerate(table.footnotes, start=1)}
    shares = [_shares(table, column) for column in range(len(table.head))]
    lines = []
    for place, row in enumerate(table.rows):
        look = looks.get(row[0].text) if row else None
        run = f" data-run='{look.number}'" if look and look.colour is not None else ""
        swatch = look.swatch() if look else ""
        cells = [_name(row[0], swatch, notes)] if row else []
        cells += [
            _cell(cell, notes, column, shares[column][place], plain=not _numeric(table, column))
            for column, cell in enumerate(row) if column
        ]  # fmt: skip
        lines.append(f"<tr class='{row[0].mark if row else ''}'{run} data-place={place}>{''.join(cells)}</tr>")
    letters = max((len(row[0].text) for row in table.rows if row), default=0)
    controls = _controls(table, filtered=filtered or len(table.rows) >= MANY)
    title, hidden = html.escape(table.title), "" if titled else " class=vh"
    return (
        f"<div class=tabular id='{name}'><h3{hidden}>{title}</h3>{controls}"
        f"<div class=scroll tabindex=0 role=region aria-label='{title}'>"
        f"<table class=sortable style='--letters:{letters}'><caption class=vh>{title}. Each heading sorts.</caption>"
        f"{_head(table)}<tbody>{''.join(lines)}</tbody></table></div>"
        f"{_notes(table, notes)}<p class=downloads>{downloads(table, name)}</p></div>"
    )


def broken(markup: str) -> str:
    """A name that may be broken behind its hyphens and underscores."""
    return re.sub(r"([_-])(?=\w)(?![^<]*>)", r"\1<wbr>", markup)


def plain(table: Table) -> str:
    """A table that stands still, with its footnotes."""
    return table.to_html().replace("<div class=scroll>", "<div class=scroll tabindex=0>", 1)


def downloads(table: Table, name: str) -> str:
    """Links to the table as files, held in the page."""
    files = [
        ("csv", "CSV", table.to_csv()), ("md", "Markdown", table.to_markdown()), ("tex", "LaTeX", table.to_latex()),
    ]  # fmt: skip
    return " ".join(
        f"<a download='{html.escape(name)}.{kind}' "
        f"href='data:text/plain;charset=utf-8;base64,{_base64(text)}'>{label}</a>"
        for kind, label, text in files
    )


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _numeric(table: Table, column: int) -> bool:
    """Whether a column holds numbers, and so stands at the right."""
    found = [row[column] for row in table.rows if column < len(row) and row[column].text not in ("", "-")]
    return not found or sum(cell.value is not None for cell in found) * 2 >= len(found)


def _shares(table: Table, column: int) -> list[float | None]:
    """How near each number of a column comes to the best, from the worst; None where the column has no best one."""
    cells = [row[column] if column < len(row) else Cell("") for row in table.rows]
    values = [cell.value if cell.value is not None and math.isfinite(cell.value) else None for cell in cells]
    known = [value for value in values if value is not None]
    best = next((v for v, cell in zip(values, cells, strict=True) if cell.mark in ("best", "both")), None)
    if best is None or len(known) < 3 or max(known) == min(known):
        return [None] * len(cells)
    low, high = min(known), max(known)
    worst = low if best > (low + high) / 2 else high
    return [None if value is None else abs(value - worst) / (high - low) for value in values]


def _head(table: Table) -> str:
    """One line of headings, or two where some share a first one."""
    split = [tuple(head.split("\n", 1)) if "\n" in head else ("", head) for head in table.head]
    two = any(above for above, _ in split)
    above: list[str] = []
    below: list[str] = []
    for number, (group, head) in enumerate(split):
        kind = "" if number == 0 or _numeric(table, number) else " class=text"
        span = " rowspan=2" if two and not group else ""
        label = html.escape(head) or ("run" if number == 0 else "")
        column = (f"<th scope=col data-column={number} aria-sort=none{span}{kind}><button type=button>{label}"
                  f"<i aria-hidden=true></i></button></th>")  # fmt: skip
        (below if two and group else above).append(column)
        if two and group and (number == 0 or split[number - 1][0] != group):
            count = len(list(takewhile(group.__eq__, (other for other, _ in split[number:]))))
            above.append(f"<th scope=colgroup class=group colspan={count} data-group='{html.escape(group)}'>"
                         f"{html.escape(group)}</th>")  # fmt: skip
    second = f"<tr>{''.join(below)}</tr>" if two else ""
    return f"<thead><tr>{''.join(above)}</tr>{second}</thead>"


def _name(cell: Cell, swatch: str, notes: Mapping[str, int]) -> str:
    text = f"<span class=named>{swatch}<span>{broken(_text(cell, notes))}</span></span>"
    return f"<th scope=row data-v='{html.escape(cell.text)}'>{text}</th>"


def _cell(cell: Cell, notes: Mapping[str, int], column: int, share: float | None, *, plain: bool) -> str:
    classes = " ".join(filter(None, [cell.mark, "text" if plain else "", "meter" if share is not None else ""]))
    known = cell.value is not None and math.isfinite(cell.value)
    sort = f"{float(cell.value or 0)!r}" if known else html.escape(cell.text)
    sort = "" if not known and cell.text in ("", "-") else sort
    style = f" style='--f:{share:.3f}'" if share is not None else ""
    said = f"<span class=vh> ({MARKS[cell.mark]})</span>" if cell.mark in MARKS else ""
    return f"<td data-column={column} data-v='{sort}' class='{classes}'{style}>{_text(cell, notes)}{said}</td>"


def _text(cell: Cell, notes: Mapping[str, int]) -> str:
    aside = f" <small>{html.escape(cell.aside)}</small>" if cell.aside else ""
    note = f"<sup>{notes[cell.note]}</sup>" if cell.note else ""
    return f"{html.escape(cell.text)}{aside}{note}"


def search(what: str) -> str:
    """A field that filters."""
    return (
        f"<label class=filter><span class=vh>{what}</span>"
        f"<input type=search placeholder='{what}' autocomplete=off spellcheck=false></label>"
    )


def _controls(table: Table, *, filtered: bool) -> str:
    parts = []
    if filtered:
        parts.append(search("Filter rows"))
    groups = list(dict.fromkeys(head.partition("\n")[0] for head in table.head if "\n" in head))
    below = list(dict.fromkeys(head.partition("\n")[2] for head in table.head if "\n" in head))
    alone = [head for head in table.head[1:] if "\n" not in head]
    if len(groups) > 1:
        parts.append(_chips("Evaluations", "group", groups))
    if len(table.head) > MANY:
        parts.append(_chips("Columns", "head", [*below, *alone]))
    return f"<div class=controls>{''.join(parts)}</div>" if parts else ""


def _chips(title: str, kind: str, names: Sequence[str]) -> str:
    """Buttons that show columns or put them away."""
    said = [html.escape(name) for name in names]
    chip = "<button type=button class=chip aria-pressed=true"
    found = "".join(f"{chip} data-{kind}='{name}'>{name}</button>" for name in said)
    return f"<div class=chips role=group aria-label='{title} shown'><span class=lead>{title}</span>{found}</div>"


def _notes(table: Table, notes: Mapping[str, int]) -> str:
    numbered = f"<ol class=notes>{''.join(f'<li>{html.escape(note)}</li>' for note in notes)}</ol>" if notes else ""
    return numbered + "".join(f"<p class=notes>{html.escape(note)}</p>" for note in table.notes)
