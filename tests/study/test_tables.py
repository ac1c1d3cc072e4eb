"""Tables hold the numbers of the runs, and say what they lack."""

import csv
import io
import json
import math
from collections.abc import Sequence
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from restorelab.config import build, schema, trust
from restorelab.errors import ConfigError
from restorelab.report.page import environment
from restorelab.report.table import Cell, Table
from restorelab.report.table_cells import in_report, large, written
from restorelab.runs.record import Record, Runs
from restorelab.study.beside import Beside
from restorelab.study.pooled import Pooled
from restorelab.study.printed import beats
from restorelab.study.tables import Leaderboard, ModelByEvaluation
from restorelab.training.loggers.wandb_leaderboard import typed
from synthetic import groups, write

IMAGES = 10


def record(folder: Path, name: str, seed: int, psnr: dict[str, float], **result: Any) -> Record:
    """A run whose images all measure `psnr` (by evaluation), with an input of 15 dB and the MSEs that go with it."""
    columns = {
        evaluation: {
            "psnr": np.full(IMAGES, value),
            "ssim": np.full(IMAGES, value / 100),
            "mse": np.full(IMAGES, 10 ** (-value / 10)),
            "input_mse": np.full(IMAGES, 10**-1.5),
        }
        for evaluation, value in psnr.items()
    }
    made = write(folder, name, seed, columns, of=groups(IMAGES, 1), **result)
    settings = made.config | {"choices": {"data": "photos"}, "data": {"batch_size": 8}}
    (made.path / "config.yaml").write_text(yaml.safe_dump(settings))
    return Record(name, made.path)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    values = {0: 25.0, 1: 26.0, 2: 27.0}
    return Runs([
        *(record(tmp_path, "net", s, {"weak": v + 5, "strong": v}, seconds=60.0 + s) for s, v in values.items()),
        record(tmp_path, "other", 0, {"weak": 29.0, "strong": 20.0}),
        *(record(tmp_path, "median", seed, {"weak": 28.0, "strong": 26.5}, parameters=0) for seed in range(3)),
        record(tmp_path, "elsewhere", 0, {"weak": 40.0, "strong": 40.0}, spec="another"),
        record(tmp_path, "half", 0, {"weak": 21.0}),
    ])  # fmt: skip


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


def test_the_lead_of_the_best_network_is_coloured_where_a_verdict_says_so(tmp_path: Path) -> None:
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


def test_a_difference_to_a_printed_number_is_coloured_where_a_verdict_says_so(tmp_path: Path) -> None:
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


def test_pooled_is_the_logarithm_of_the_mean_error(runs: Runs) -> None:
    entries = [
        {"run": "net", "evaluations": ["weak", "strong"], "report": 0.02, "label": "skips"},
        {"run": "other", "evaluations": ["strong"], "report": 0.0315},
        {"run": "half", "evaluations": ["weak", "strong"]},
    ]
    table = Pooled("t", entries)(runs)
    errors = [(10 ** (-v / 10) + 10 ** (-(v + 5) / 10)) / 2 for v in (25, 26, 27)]
    skips, other, half = table.rows
    assert skips[0].text == "skips"
    assert skips[3].value == pytest.approx(np.mean(errors))
    assert skips[4].value == pytest.approx(-10 * math.log10(np.mean(errors)))
    assert skips[4].value != pytest.approx(np.mean([-10 * math.log10(e) for e in errors]), abs=1e-3)
    assert skips[6].value == pytest.approx(-10 * math.log10(0.02))
    assert skips[5].mark == ""
    assert other[5].mark == "worse"  # 0.0315 of 0.0316: no more than a tie
    assert half[3].text == "-"
    assert "strong" in half[3].note


def test_beats() -> None:
    assert not beats("mse", 0.00356, 0.00359)  # the deblurring report's best, beside the blurred input
    assert beats("mse", 0.00350, 0.00359)
    assert not beats("psnr", 20.04, 20.0)
    assert beats("psnr", 20.06, 20.0)


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


def test_forms() -> None:
    assert written("psnr", -0.514, sign=True) == "\N{MINUS SIGN}0.51"
    assert written("mse", 0.00356) == "0.00356"
    assert in_report("psnr", 24.3) == "24.30"
    assert in_report("loss", 0.0871) == "0.0871"
    assert in_report("mse", 1e-5) == "0.00001"
    assert in_report("parameters", 36386) == "36,386"
    assert [large(n) for n in (950, 1_234_000, 12_345_678, 2.5e9)] == ["950", "1.23 M", "12.3 M", "2.5 G"]


def html(table: Table) -> str:
    module = environment().get_template("table.html").module
    return str(module.data_table(table, {}, "t", True, False))


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
