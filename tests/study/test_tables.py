"""Tables hold the numbers of the runs, and say what they lack."""

import json
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from restorelab.config import build, schema, trust
from restorelab.errors import ConfigError
from restorelab.report.table import Cell, Table
from restorelab.runs.record import Record, Runs
from restorelab.study.beside import Beside
from restorelab.study.pooled import Pooled
from restorelab.study.tables import Leaderboard, ModelByEvaluation
from study.measured import html, record


def column(table: Table, head: str) -> dict[str, Cell]:
    """The cells below a head by the row's name; the report's by its run's name and `report`."""
    place, found, last = table.head.index(head), {}, ""
    for row in table.rows:
        name = f"{last} report" if row[0].mark == "report" else row[0].text
        last = row[0].text
        found[name] = row[place]
    return found


def test_numbers_are_those_of_the_runs(runs: Runs) -> None:
    report = {"net": {"strong": {"psnr": 24.3, "ssim": 0.76}}}
    table = ModelByEvaluation("t", ["net", "other", "median"], ["weak", "strong"], report=report)(runs)
    strong = column(table, "strong\nPSNR (dB)")
    assert strong["net"].value == pytest.approx(26)
    assert strong["net"].deviation == pytest.approx(1.0)  # of 25, 26, 27 with n - 1
    assert (strong["net"].text, strong["net"].aside) == ("26.00", "± 1.00")
    assert strong["other"].aside == ""
    assert strong["degraded input"].text == "15.00"
    assert strong["net report"].text == "24.30"
    assert column(table, "strong\nSSIM")["net report"].text == "0.76"
    assert column(table, "weak\nPSNR (dB)")["net report"].text == ""
    assert column(table, "time (s)")["net"].value == pytest.approx(61)
    assert column(table, "parameters")["net"].text == "1,000"
    assert column(table, "MACs")["net"].text == "5 k"
    assert column(table, "seeds")["net"].text == "3"


def test_what_learns_nothing_has_no_seeds_and_no_cost(runs: Runs) -> None:
    table = ModelByEvaluation("t", ["net", "median"], ["strong"])(runs)
    assert column(table, "strong\nPSNR (dB)")["median"].deviation is None
    assert column(table, "")["median"].aside == "classical"
    assert column(table, "")["net"].aside == ""
    assert [column(table, head)["median"].text for head in ("parameters", "time (s)", "seeds")] == ["0", "", ""]


def test_the_best_and_the_best_classical_are_marked_and_their_difference_stands_last(runs: Runs) -> None:
    table = ModelByEvaluation("t", ["net", "other", "median"], ["weak", "strong"])(runs)
    weak, strong = column(table, "weak\nPSNR (dB)"), column(table, "strong\nPSNR (dB)")
    assert {name: cell.mark for name, cell in weak.items()}["net"] == "best"
    assert weak["median"].mark == "classical"
    assert strong["median"].mark == "both"
    assert [name for name, cell in strong.items() if cell.mark] == ["median"]
    lead = "best network \N{MINUS SIGN} best classical"
    assert weak[lead].value == pytest.approx(31 - 28)
    assert strong[lead].text == "\N{MINUS SIGN}0.50"
    # Of 30, 31, 32 to 28 t is 5.2 with 2 degrees of freedom, p 0.035: among four columns 0.14.
    assert [(cell.aside, cell.mark) for cell in (weak[lead], strong[lead])] == [("undecided", "")] * 2


def test_the_lead_of_the_best_network_is_colored_where_a_verdict_says_so(tmp_path: Path) -> None:
    def leads(folder: str, net: float, *, seeds: int = 3) -> dict[str, Cell]:
        records = [record(tmp_path / folder, "net", s, {"e": net + 0.1 * s}) for s in range(seeds)]
        records.append(record(tmp_path / folder, "median", 0, {"e": 25.0}, parameters=0))
        table = ModelByEvaluation("t", ["net", "median"], ["e"], ["psnr", "mse"])(Runs(records))
        assert any(f"{cell.aside}: " in note for note in table.notes for cell in table.rows[-1])
        return {head: cell for head, cell in zip(table.head, table.rows[-1], strict=True) if cell.aside}

    for folder, net, verdict in (("a", 30.0, "better"), ("b", 20.0, "worse")):
        found = leads(folder, net)
        assert [(cell.aside, cell.mark) for cell in found.values()] == [(verdict, verdict)] * 2  # more dB, less error
    assert [(c.aside, c.mark) for c in leads("c", 30.0, seeds=1).values()] == [("underpowered", "")] * 2


def test_of_an_error_the_least_is_the_best(runs: Runs) -> None:
    mse = column(ModelByEvaluation("t", ["net", "other", "median"], ["strong"], ["mse"])(runs), "strong\nMSE")
    assert mse["median"].mark == "both"
    assert mse["degraded input"].value == pytest.approx(10**-1.5)


def test_a_run_on_other_images_wins_nothing(runs: Runs) -> None:
    strong = column(ModelByEvaluation("t", ["net", "elsewhere", "median"], ["strong"])(runs), "strong\nPSNR (dB)")
    assert strong["elsewhere"].text == "40.00"
    assert strong["elsewhere"].mark == ""
    assert "other images" in strong["elsewhere"].note
    assert strong["median"].mark == "both"


def test_what_is_missing_is_a_dash_with_a_reason(runs: Runs) -> None:
    table = ModelByEvaluation("t", ["net", "lost", "half"], ["weak", "strong"])(runs)
    weak, strong = column(table, "weak\nPSNR (dB)"), column(table, "strong\nPSNR (dB)")
    assert weak["lost"].text == "-"
    assert "lost" in weak["lost"].note
    assert weak["half"].text == "21.00"
    assert strong["half"].text == "-"
    assert "strong" in strong["half"].note
    for text in (html(table), table.to_markdown(), table.to_csv()):
        assert weak["lost"].note in unescape(text)


def test_nothing_finished_is_still_a_table() -> None:
    empty = Runs([])
    for table in (ModelByEvaluation("t", ["a"], ["e"])(empty), Leaderboard("t", ["e"], ["a"])(empty)):
        assert column(table, "e\nPSNR (dB)")["a"].text == "-"
    assert Leaderboard("t", ["e"])(empty).to_markdown()
    assert Beside("t", [{"run": "a", "evaluation": "e", "metric": "psnr", "report": 1.0}])(empty).to_markdown()
    assert Pooled("t", [{"run": "a", "evaluations": ["e"]}])(empty).rows[0][1].text == "-"


def test_not_a_number_is_said(tmp_path: Path) -> None:
    broken = record(tmp_path, "net", 0, {"e": 25.0})
    result = json.loads((broken.path / "result.json").read_text())
    result["evaluations"][0]["metrics"]["test/psnr"] = None
    (broken.path / "result.json").write_text(json.dumps(result))
    cell = column(ModelByEvaluation("t", ["net"], ["e"])(Runs([Record("net", broken.path)])), "e\nPSNR (dB)")["net"]
    assert cell.text == "-"
    assert "not a number" in cell.note


def test_a_value_of_the_reports_that_a_classical_method_beats_is_marked(runs: Runs) -> None:
    report = {"net": {"weak": {"psnr": 28.0}, "strong": {"psnr": 26.6}}}
    table = ModelByEvaluation("t", ["net", "median"], ["weak", "strong"], report=report, labels={"median": "Median"})(
        runs
    )
    assert column(table, "weak\nPSNR (dB)")["net report"].mark == "worse"
    assert "Median" in column(table, "weak\nPSNR (dB)")["net report"].note
    assert column(table, "strong\nPSNR (dB)")["net report"].mark == "report"


def test_tuned_values_are_told(tmp_path: Path) -> None:
    tuned = record(tmp_path, "tv", 0, {"e": 25.0}, parameters=0, entry={"tuned": {"weight": 0.125, "steps": 20}})
    cell = column(ModelByEvaluation("t", ["tv"], ["e"])(Runs([tuned])), "")["tv"]
    assert cell.note == "Tuned on validation images: e weight=0.125 steps=20."


def test_a_leaderboard_is_sorted_by_the_mean(runs: Runs) -> None:
    table = Leaderboard("t", ["weak", "strong"], ["other", "median", "net", "lost"], ["psnr"])(runs)
    assert [row[0].text for row in table.rows][1:5] == ["net", "median", "other", "lost"]
    overall = column(table, "mean of all\nPSNR (dB)")
    assert overall["net"].value == pytest.approx((31 + 26) / 2)
    assert overall["net"].deviation == pytest.approx(1.0)
    by_error = Leaderboard("t", ["strong"], ["other", "median", "net"], ["mse"])(runs)
    assert [row[0].text for row in by_error.rows][1:4] == ["median", "net", "other"]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (lambda: Beside("t", [{"run": "a", "report": 1}]), "metric is missing"),
        (lambda: Beside("t", [{"run": "a", "metric": "psnr", "report": 1, "lable": ""}]), "Did you mean 'label'"),
        (lambda: Pooled("t", [{"run": "a"}]), "evaluations is missing"),
        (lambda: Pooled("t", [{"psnr": 1.0}]), "label is missing"),
        (lambda: Beside("t", [{"run": "a", "column": "accuracy", "report": 1}]), "such as val/accuracy"),
        (lambda: Beside("t", [{"run": "a", "column": "val/loss", "metric": "m", "report": 1}]), "'metric' is unknown"),
        (lambda: ModelByEvaluation("t", ["net"], ["e"], report={"nte": {}}), "Did you mean 'net'"),
        (lambda: ModelByEvaluation("t", ["net"], ["e"], report={"net": {"f": {}}}), "report.net: 'f'"),
        (lambda: ModelByEvaluation("t", ["net"], ["e"], report={"net": {"e": {"pnsr": 1.0}}}), "Did you mean 'psnr'"),
    ],
)
def test_what_a_study_gets_wrong_is_said(table: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        table()


@pytest.mark.parametrize(
    "node",
    [
        {"_target_": "restorelab.study.tables.ModelByEvaluation", "title": "t", "runs": ["a"], "evaluations": ["e"],
         "report": {"a": {"e": {"psnr": 24}}}, "metrics": ["psnr"], "notes": ["n"], "report_notes": ["r"]},
        {"_target_": "restorelab.study.tables.Leaderboard", "title": "t", "evaluations": ["e"]},
        {"_target_": "restorelab.study.beside.Beside", "title": "t",
         "entries": [{"run": "a", "evaluation": "e", "metric": "mse", "report": 0.1, "label": "l", "note": "n"}]},
        {"_target_": "restorelab.study.pooled.Pooled", "title": "t", "entries": [{"run": "a", "evaluations": ["e"]}]},
    ],
)  # fmt: skip
def test_a_yaml_can_name_them(node: dict[str, Any]) -> None:
    schema.check_node("tables.x", node)
    trust.note(node)  # as reading a study's file does
    assert isinstance(build.make("tables.x", node)(Runs([])), Table)
    with pytest.raises(ConfigError, match="titel"):
        schema.check_node("tables.x", node | {"titel": "t"})
