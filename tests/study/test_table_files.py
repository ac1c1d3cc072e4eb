"""A study's tables as HTML, CSV, Markdown and W&B's columns."""

import csv
import io
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from restorelab.report.table_cells import in_report, large, written
from restorelab.runs.record import Runs
from restorelab.study.tables import ModelByEvaluation
from restorelab.training.loggers.wandb_leaderboard import typed
from study.measured import html, record


def test_forms() -> None:
    assert written("psnr", -0.514, sign=True) == "\N{MINUS SIGN}0.51"
    assert written("mse", 0.00356) == "0.00356"
    assert in_report("psnr", 24.3) == "24.30"
    assert in_report("loss", 0.0871) == "0.0871"
    assert in_report("mse", 1e-5) == "0.00001"
    assert in_report("parameters", 36386) == "36,386"
    assert [large(n) for n in (950, 1_234_000, 12_345_678, 2.5e9)] == ["950", "1.23 M", "12.3 M", "2.5 G"]


class Grid(HTMLParser):
    """The texts of a table's cells by row, with their spans; and every tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: list[str] = []
        self.spans = 0
        self._open = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._open = True
            self.spans += (int(dict(attrs).get("colspan", 1)) - 1) if tag == "th" else 0

    def handle_endtag(self, tag: str) -> None:
        self._open = self._open and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._open:
            self.rows[-1][-1] += data


def test_html_has_a_cell_for_each_and_escapes(runs: Runs) -> None:
    table = ModelByEvaluation(
        "t", ["net", "median"], ["weak", "strong"], labels={"net": "<script>a|b</script>"}, notes=["a < b & c"]
    )(runs)
    text = html(table)
    grid = Grid(text)
    assert "script" not in grid.tags
    assert "a &lt; b &amp; c" in text
    assert sum(map(len, grid.rows[:2])) - 2 == len(table.head)  # of two groups
    assert all(len(row) == len(table.head) for row in grid.rows[2:])
    assert any("26.00 ± 1.00" in cell for cell in grid.rows[3])
    assert text.count('class="gap"') == sum(
        cell.text != "" and not cell.aside and any(row[i].aside and row[i].deviation is not None for row in table.rows)
        for row in table.rows for i, cell in enumerate(row)
    )  # fmt: skip
    assert "a\\|b" in table.to_markdown()


def test_csv_has_the_numbers_in_full(runs: Runs) -> None:
    table = ModelByEvaluation("t", ["net", "median", "lost"], ["strong"], ["mse"])(runs)
    head, *rows = csv.reader(io.StringIO(table.to_csv()))
    assert all(len(row) == len(head) for row in rows)
    own = dict(zip(head, rows[1], strict=True))
    errors = [10 ** (-v / 10) for v in (25, 26, 27)]
    assert float(own["strong MSE"]) == pytest.approx(np.mean(errors), rel=1e-8)
    assert float(own["strong MSE std"]) == pytest.approx(np.std(errors, ddof=1), rel=1e-8)
    assert dict(zip(head, rows[3], strict=True))["strong MSE"] == "-"


def test_csv_has_the_verdicts_beside_the_numbers(tmp_path: Path) -> None:
    records = [record(tmp_path, "net", s, {"e": 30.0 + 0.1 * s}) for s in range(3)]
    records.append(record(tmp_path, "median", 0, {"e": 25.0}, parameters=0))
    table = ModelByEvaluation("t", ["net", "median"], ["e"], ["psnr"])(Runs(records))
    *_, lead = csv.DictReader(io.StringIO(table.to_csv()))
    assert float(lead["e PSNR (dB)"]) == pytest.approx(5.1)
    assert lead["e PSNR (dB) verdict"] == "better"
    columns, rows = typed(table)  # for W&B
    assert dict(zip(columns, rows[-1], strict=True))["e PSNR (dB) verdict"] == "better"


def test_markdown_is_a_table(runs: Runs) -> None:
    lines = ModelByEvaluation("t", ["net", "median"], ["strong"])(runs).to_markdown().splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len({line.count("|") for line in rows}) == 1
    assert any("**_26.50_**" in line for line in rows)
