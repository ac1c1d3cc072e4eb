"""A table of numbers with footnotes, as Markdown, LaTeX and CSV; `templates/table.html` makes HTML of it."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

Mark = Literal["", "best", "classical", "both", "better", "worse", "report"]


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table.

    Attributes:
        text: as people read it; "-" where there is no number, with a note that says why.
        aside: small and soft behind it, such as "± 0.02".
        value, deviation: the number and its standard deviation in full, for the CSV.
        mark: "best" of its column; "classical", the best classical baseline; "both"; "better" or "worse" than what it
            is held against; "report", a number of the report's.
        note: a sentence for below the table; equal ones share a number.
        verdict: of a difference, see `judge.verdict_rule`, for the CSV; people read it in `text` or `aside`.
    """

    text: str
    aside: str = ""
    value: float | None = None
    deviation: float | None = None
    mark: Mark = ""
    note: str = ""
    verdict: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of cells under a head; the first column names the row.

    A head may be of two lines, such as gaussian_50 over PSNR: neighbors with the same first line share it. ordered:
    rows belong to those above them, so that they are not to be sorted, nor held against all others of a column.
    """

    title: str
    head: list[str]
    rows: list[list[Cell]]
    notes: list[str] = field(default_factory=list)
    ordered: bool = False

    @property
    def footnotes(self) -> list[str]:
        """The notes of the cells, each once, in reading order."""
        return list(dict.fromkeys(cell.note for row in self.rows for cell in row if cell.note))

    def to_markdown(self) -> str:
        """A table of GitHub's Markdown under its title; the best in bold, the best classical in italics."""
        numbers = {note: i for i, note in enumerate(self.footnotes, start=1)}
        lines = [
            _markdown_row([head.replace("\n", " ") for head in self.head]),
            f"|---|{'---:|' * (len(self.head) - 1)}",
            *(_markdown_row([_markdown_cell(cell, numbers) for cell in row]) for row in self.rows),
        ]
        notes = [f"{number}. {note}" for note, number in numbers.items()]
        parts = [f"**{self.title}**", "\n".join(lines), "\n".join(notes), *self.notes]
        return "\n\n".join(part for part in parts if part) + "\n"

    def to_latex(self) -> str:
        """A booktabs `table`, no wider than the text; the best in bold, the best classical underlined."""
        numbers = {note: i for i, note in enumerate(self.footnotes, start=1)}
        lines = [
            "% Needs \\usepackage{booktabs,graphicx}.",
            "\\begin{table}",
            "\\centering",
            f"\\caption{{{_latex(self.title)}}}\\smallskip",
            r"\resizebox{\ifdim\width>\linewidth \linewidth\else\width\fi}{!}{%",
            f"\\begin{{tabular}}{{@{{}}l{'r' * (len(self.head) - 1)}@{{}}}}",
            "\\toprule",
            *_latex_head(self.head),
            "\\midrule",
            *(" & ".join(_latex_cell(cell, numbers) for cell in row) + r" \\" for row in self.rows),
            "\\bottomrule",
            "\\end{tabular}}",
        ]
        notes = [f"$^{{{number}}}$ {_latex(note)}" for note, number in numbers.items()]
        for note in [*notes, *map(_latex, self.notes)]:
            lines.append(f"\\par\\smallskip{{\\footnotesize {note}}}")
        return "\n".join([*lines, "\\end{table}"]) + "\n"

    def to_csv(self) -> str:
        """Numbers in full; columns `<head> std` and `<head> verdict` where there are any; the row's notes last."""
        spread = [any(row[i].deviation is not None for row in self.rows) for i in range(len(self.head))]
        judged = [any(row[i].verdict for row in self.rows) for i in range(len(self.head))]
        head = []
        for name, deviations, verdicts in zip(self.head, spread, judged, strict=True):
            flat = name.replace("\n", " ")
            head += [flat, *([f"{flat} std"] if deviations else []), *([f"{flat} verdict"] if verdicts else [])]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*head, "notes"])
        for row in self.rows:
            cells: list[str] = []
            for cell, deviations, verdicts in zip(row, spread, judged, strict=True):
                plain = cell.text + (f" ({cell.aside})" if cell.aside else "")
                cells.append(plain if cell.value is None else f"{cell.value:.9g}")
                if deviations:
                    cells.append("" if cell.deviation is None else f"{cell.deviation:.9g}")
                cells += [cell.verdict] if verdicts else []
            writer.writerow([*cells, "; ".join(dict.fromkeys(cell.note for cell in row if cell.note))])
        return text.getvalue()


def _markdown_cell(cell: Cell, numbers: dict[str, int]) -> str:
    text = _escaped(cell.text)
    if cell.mark in ("classical", "both"):
        text = f"_{text}_"
    if cell.mark in ("best", "both"):
        text = f"**{text}**"
    if cell.note:
        text += f" [{numbers[cell.note]}]"
    return f"{text} {_escaped(cell.aside)}".rstrip() if cell.aside else text


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("_", "\\_").replace("\n", " ")


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "[": "{[}", "]": "{]}", "\n": " ", "\N{PLUS-MINUS SIGN}": r"$\pm$", "\N{MINUS SIGN}": "$-$",
    "\N{EN DASH}": "--", "\N{BULLET}": r"\textbullet{}", "\N{MULTIPLICATION SIGN}": r"$\times$",
}  # fmt: skip
"""What a character is in LaTeX's text. Brackets in braces: at the head of a row they would be an option of the last."""


def _latex(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in text)


def _latex_head(head: Sequence[str]) -> list[str]:
    """One line, or two with rules below the groups."""
    rows = [" & ".join(_latex(name.partition("\n")[2] if "\n" in name else name) for name in head) + r" \\"]
    if not any("\n" in name for name in head):
        return rows
    above, rules, place = [], [], 1
    for group, members in groupby(head, key=lambda name: name.partition("\n")[0] if "\n" in name else ""):
        count = len(list(members))
        above += [f"\\multicolumn{{{count}}}{{c}}{{{_latex(group)}}}"] if group else [""] * count
        rules += [f"\\cmidrule(lr){{{place}-{place + count - 1}}}"] if group else []
        place += count
    return [" & ".join(above) + r" \\", " ".join(rules), *rows]


def _latex_cell(cell: Cell, numbers: dict[str, int]) -> str:
    text = _latex(cell.text)
    if cell.mark in ("classical", "both"):
        text = f"\\underline{{{text}}}"
    if cell.mark in ("best", "both"):
        text = f"\\textbf{{{text}}}"
    text += f" {{\\scriptsize {_latex(cell.aside)}}}" if cell.aside else ""
    return text + (f"$^{{{numbers[cell.note]}}}$" if cell.note else "")
