"""Tables in LaTeX."""

import shutil
import subprocess
from pathlib import Path

import pytest

from restorelab.report.table import Cell, Table

ODD = "a_b & 50% of $5 #1 {x} ~ ^ \\ < > | [y] \N{PLUS-MINUS SIGN} \N{MINUS SIGN} \N{EN DASH} "
ODD += "\N{BULLET} \N{MULTIPLICATION SIGN}"


def test_every_character_that_means_something_is_escaped() -> None:
    text = Table("title", ["", "n"], [[Cell(ODD), Cell("1")]]).to_latex()
    row = text.split("\\midrule\n")[1].splitlines()[0]
    assert row == (
        r"a\_b \& 50\% of \$5 \#1 \{x\} \textasciitilde{} \textasciicircum{} \textbackslash{} \textless{} "
        r"\textgreater{} \textbar{} {[}y{]} $\pm$ $-$ -- \textbullet{} $\times$ & 1 \\"
    )


def test_notes_have_their_numbers_and_equal_ones_share_one() -> None:
    cells = [Cell("a", note="first"), Cell("1", "\N{PLUS-MINUS SIGN} 2", note="second"), Cell("2", note="first")]
    text = Table("t", ["", "x", "y"], [cells], ["last"]).to_latex()
    assert r"a$^{1}$ & 1 {\scriptsize $\pm$ 2}$^{2}$ & 2$^{1}$ \\" in text
    assert [text.index(word) for word in ("$ first", "$ second", "last")] == sorted(
        text.index(word) for word in ("$ first", "$ second", "last")
    )


def test_heads_of_two_lines_are_joined_over_their_columns() -> None:
    text = Table("t", ["", "g\nPSNR", "g\nSSIM", "cost", "h\nPSNR"], []).to_latex()
    assert r" & \multicolumn{2}{c}{g} &  & \multicolumn{1}{c}{h} \\" in text
    assert r"\cmidrule(lr){2-3} \cmidrule(lr){5-5}" in text
    assert r" & PSNR & SSIM & cost & PSNR \\" in text
    assert r"\begin{tabular}{@{}lrrrr@{}}" in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_takes_it(tmp_path: Path) -> None:
    cells = [Cell("[x]"), Cell("1", "\N{PLUS-MINUS SIGN} 2", mark="both"), Cell(ODD, note=ODD)]
    tables = [Table(ODD, ["", "g\nPSNR", "g\nSSIM"], [cells]), Table("wide", ["n"] * 40, [[Cell("12.345")] * 40])]
    body = "".join(table.to_latex() for table in tables)
    document = "\\documentclass{article}\\usepackage{booktabs,graphicx}\\begin{document}" + body + "\\end{document}"
    (tmp_path / "t.tex").write_text(document)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert "Overfull" not in done.stdout
