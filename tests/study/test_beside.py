"""A report's printed numbers beside ours."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from restorelab.report.table import Cell
from restorelab.runs.record import Record, Runs
from restorelab.study.beside import Beside
from restorelab.study.pooled import Pooled
from restorelab.study.printed import beats
from restorelab.study.tables import ModelByEvaluation
from study.measured import record


def test_beside(runs: Runs) -> None:
    entries = [
        {"run": "net", "evaluation": "strong", "metric": "psnr", "report": 24.3, "note": "other data"},
        {"run": "net", "evaluation": "strong", "metric": "psnr", "report": 14.9, "label": "ours"},
        {"run": "net", "metric": "parameters", "report": 1001},
        {"run": "lost", "evaluation": "strong", "metric": "psnr", "report": 1.0},
        {"run": "median", "evaluation": "weak", "metric": "loss", "report": 0.0871},
    ]
    table = Beside("t", entries)(runs)
    first, second, third, lost, loss = table.rows
    assert [cell.text for cell in first] == [
        "net, strong", "PSNR (dB)", "15.00", "26.50", "24.30", "26.00", "+1.70",
    ]  # fmt: skip
    assert first[3].aside == "median"
    assert (first[6].mark, first[6].aside) == ("", "undecided")  # 25, 26, 27 for 24.3
    assert "other data" in first[4].note
    assert "median" in first[4].note
    assert first[4].mark == "worse"
    assert second[0].text == "ours"
    assert "degraded input" in second[4].note
    assert [cell.text for cell in third[2:]] == ["", "", "1,001", "1,000", "\N{MINUS SIGN}1"]
    assert third[6].mark == ""
    assert [cell.text for cell in lost[2:]] == ["", "", "1.00", "-", "-"]
    assert loss[5].text == "-"
    assert any("red" in note for note in table.notes)


def test_a_difference_to_a_printed_number_is_colored_where_a_verdict_says_so(tmp_path: Path) -> None:
    def last(folder: str, values: Sequence[float], stand_in: Sequence[str] = ()) -> tuple[Cell, Cell]:
        records = [record(tmp_path / folder, "net", seed, {"e": value}) for seed, value in enumerate(values)]
        (row,) = Beside("t", [{"run": "net", "evaluation": "e", "metric": "psnr", "report": 14.0}])(
            Runs(records, stand_in=stand_in)
        ).rows
        return row[4], row[6]

    printed, between = last("a", (25.0, 25.1, 25.2))
    assert (printed.mark, between.mark, between.aside) == (
        "worse",
        "better",
        "better",
    )
    assert last("b", (13.9, 14.0, 14.2))[1].aside == "undecided"
    assert last("c", (13.99, 14.0, 14.01))[1].aside == "tie"  # +-0.025: within 0.05 dB
    assert last("d", (25.0,))[1].aside == "underpowered"
    printed, between = last("e", (25.0, 25.1, 25.2), ["Data: the report used svhn, these runs mnist."])
    assert (printed.mark, between.mark, between.aside, between.text) == ("", "", "", "+11.10")


def test_on_a_stand_in_no_value_of_the_report_is_marked(runs: Runs) -> None:
    apart = Runs([one for found in runs.values() for one in found], stand_in=["Data: other images."])
    report = {"net": {"weak": {"psnr": 20.0}}}
    for table in (
        ModelByEvaluation("t", ["net", "median"], ["weak"], ["psnr"], report=report)(apart),
        Beside("t", [{"run": "net", "evaluation": "weak", "metric": "psnr", "report": 10.0}])(apart),
        Pooled("t", [{"run": "net", "evaluations": ["weak"], "report": 0.5}])(apart),
    ):
        assert not any(cell.mark == "worse" for row in table.rows for cell in row)
        assert sum("shown here, and not judged" in note for note in table.notes) == 1
        assert not any("not beat" in note for note in table.footnotes)


def test_values_of_the_training_curve_at_a_step(tmp_path: Path) -> None:
    records = []
    for seed in range(3):
        made = record(tmp_path, "net", seed, {"e": 25.0})
        rows = ["step,epoch,val/accuracy", *(f"{step},0,{step / 1000 + seed / 100}" for step in (10, 20, 100, 300))]
        (made.path / "metrics.csv").write_text("\n".join(rows) + "\n")
        records.append(Record("net", made.path))
    entries = [
        {"run": "net", "column": "val/accuracy", "step": 20, "report": 0.05, "label": "at 20"},
        {"run": "net", "column": "val/accuracy", "report": 0.35},
        {"run": "net", "column": "val/accuracy", "step": 60, "report": 0.25},
        {"run": "net", "column": "val/accuracy", "step": 100},
    ]
    early, end, never, alone = Beside("t", entries)(Runs(records)).rows
    assert [cell.text for cell in early] == ["at 20", "accuracy", "", "", "0.05", "0.030", "\N{MINUS SIGN}0.020"]
    assert early[5].deviation == pytest.approx(0.01)
    assert (end[0].text, end[5].text) == ("net, val/accuracy at the end", "0.310")
    assert [cell.text for cell in alone[2:]] == ["", "", "", "0.110", ""]
    assert never[5].text == "-"
    assert "not measured near step 60" in never[5].note


def test_the_printed_psnr_stands_beside_the_formula_that_gives_most_of_it(runs: Runs) -> None:
    """The GoPro report's Table 1: four of its six values of PSNR are 20 log10(1 / (255 MSE))."""
    entries = [{"run": "net", "evaluations": ["strong"], "report": 0.00677, "psnr": -4.74},
               {"label": "Nah et al.", "psnr": 29.08, "note": "at full resolution"}]  # fmt: skip
    table = Pooled("t", entries)(runs)
    assert table.head[-1] == "report\nPSNR as printed"
    net, other = (dict(zip(table.head, row, strict=True)) for row in table.rows)
    assert net["report\nPSNR as printed"].text == "\N{MINUS SIGN}4.74"
    ours = net["ours\n20 log10(1 / (255 MSE)) (dB)"].value
    assert ours == pytest.approx(20 * math.log10(1 / (255 * net["ours\nMSE"].value)))
    for mse, psnr in ((0.00677, -4.74), (0.0045, -1.19), (0.004, -0.17), (0.00356, 0.84)):
        assert 20 * math.log10(1 / (255 * mse)) == pytest.approx(psnr, abs=0.011)
    assert other["report\nPSNR as printed"].text == "29.08"
    assert [cell.text for cell in table.rows[1][1:-1]] == [""] * (len(table.head) - 2)
    assert "PSNR as printed" not in " ".join(Pooled("t", [{"run": "net", "evaluations": ["strong"]}])(runs).head)


def test_beats() -> None:
    assert not beats("mse", 0.00356, 0.00359)  # the deblurring report's best, beside the blurred input
    assert beats("mse", 0.00350, 0.00359)
    assert not beats("psnr", 20.04, 20.0)
    assert beats("psnr", 20.06, 20.0)
