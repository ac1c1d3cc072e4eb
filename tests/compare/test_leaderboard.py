"""The leaderboard's numbers, marks and files."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

import folders
import synthetic
from restorelab.compare import leaderboard, significance
from restorelab.report import pareto
from restorelab.report.table import Table
from restorelab.runs.board import Board
from restorelab.runs.comparable import alike, boards
from restorelab.runs.find import find


def board(folder: Path, metric: str | None = None) -> Board:
    return boards(alike(find([folder]).runs)[0], metric)[0]


def write(folder: Path, seeds: int = 3) -> None:
    for name, mean, cost in (("ae", 25, 1000), ("dual_ae", 27, 250_000), ("median", 22, 0)):
        for seed in range(seeds):
            folders.write(folder, folders.config(name, seed=seed), {"gaussian_50": mean}, place=name, parameters=cost,
                          macs=cost * 10 or None, peak_memory=3 * 2**20, seconds=100.0 + seed)  # fmt: skip


def rows(table: Table) -> dict[str, dict[str, object]]:
    return {row[0].text: dict(zip(table.head, row, strict=True)) for row in table.rows}


def test_one_evaluation_is_one_table_with_all_that_was_asked(tmp_path: Path) -> None:
    write(tmp_path)
    found = board(tmp_path)
    table, costs = leaderboard.tables(found, None)
    assert [row[0].text for row in table.rows] == ["degraded input", "dual_ae", "ae", "median"]
    own = rows(table)["dual_ae"]
    values = [record.metric("gaussian_50", "psnr") for record in found.runs["dual_ae"]]
    cell = own["gaussian_50\nPSNR (dB)"]
    assert (cell.value, cell.deviation) == pytest.approx((np.mean(values), np.std(values, ddof=1)))
    spent = rows(costs)["dual_ae"]
    heads = [*(cost.heading for cost in leaderboard.COSTS), "seeds"]
    assert {head: spent[head].value for head in heads} == pytest.approx({
        "parameters": 250_000, "MACs": 2_500_000, "time (s)": 101, "images/s": 100, "ms/image": 3000 / 120,
        "memory (MiB)": 3, "seeds": 3,
    })  # fmt: skip
    assert spent["MACs"].text == "2.5 M"
    assert {"gaussian_50\nSSIM", "gaussian_50\nMSE"} <= set(table.head)
    assert rows(table)["degraded input"]["gaussian_50\nPSNR (dB)"].value == 15


def test_a_time_has_the_quartiles_of_its_batches(tmp_path: Path) -> None:
    for name, spread in (("ae", [0.001, 0.002, 0.004]), ("dual_ae", None)):
        folders.write(tmp_path, folders.config(name), {"gaussian_50": 25}, place=name, entry={"image_seconds": spread})
    folders.write(
        tmp_path, folders.config("ae", seed=1), {"gaussian_50": 25}, entry={"image_seconds": [0.002, 0.003, 0.005]}
    )
    found = board(tmp_path)
    _, costs = leaderboard.tables(found, None)
    cells = {name: row["ms/image"] for name, row in rows(costs).items()}
    assert (cells["ae"].text, cells["ae"].aside, cells["ae"].value) == ("2.5", "1\N{EN DASH}5", pytest.approx(2.5))
    assert (cells["dual_ae"].text, cells["dual_ae"].aside) == ("25", "")  # one time only: 3 s for 120 images
    told = {row["run"]: row["costs"] for row in leaderboard.plain(found, [])["rows"]}
    assert told["ae"]["image_seconds_quartiles"] == (0.001, 0.005)
    (chart,) = [one for one in pareto.charts(found) if "restore" in one.x_label]
    assert {(dot.label, dot.left, dot.right) for dot in chart.dots} == {("ae", 1.0, 5.0), ("dual_ae", None, None)}


def test_best_and_best_classical_are_marked_and_a_classical_method_has_no_spread(tmp_path: Path) -> None:
    write(tmp_path)
    table, costs = leaderboard.tables(board(tmp_path), None)
    marks = {name: row["gaussian_50\nPSNR (dB)"].mark for name, row in rows(table).items()}
    assert marks == {"degraded input": "", "dual_ae": "best", "ae": "", "median": "classical"}
    median = rows(table)["median"]
    assert (median[""].aside, rows(costs)["median"]["seeds"].text, median["gaussian_50\nPSNR (dB)"].aside) == (
        "classical",
        "",
        "",
    )


def test_each_run_says_how_it_stands_to_the_best(tmp_path: Path) -> None:
    write(tmp_path)
    found = board(tmp_path)
    (best,) = significance.against(found, ["dual_ae"])
    table, *_ = leaderboard.tables(found, best)
    standing = {name: row["gaussian_50\nagainst dual_ae"].text for name, row in rows(table).items()}
    assert standing == {"degraded input": "", "dual_ae": "best", "ae": "worse", "median": "worse"}


def test_the_verdict_is_of_the_column_that_ranks(tmp_path: Path) -> None:
    # a and b were measured under both, c under the second only: that ranks, and c leads there.
    for seed in range(3):
        for name, means in (("a", (30, 25)), ("b", (31, 24))):
            both = dict(zip(("gaussian_10", "gaussian_50"), means, strict=True))
            folders.write(tmp_path, folders.config(name, seed=seed), both, place=name)
        folders.write(tmp_path, folders.config("c", seed=seed), {"gaussian_50": 26}, place="c")
    found = board(tmp_path)
    assert (found.ranked_by, found.best) == ("gaussian_50", "c")
    (best,) = significance.against(found, ["c"])
    table, *_ = leaderboard.tables(found, best)
    standing = {name: row["gaussian_50\nagainst c"].text for name, row in rows(table).items()}
    assert standing == {"degraded input": "", "c": "best", "a": "worse", "b": "worse"}
    assert significance.summary(best, found).startswith("Against c, under gaussian_50: worse: a, b")


def test_one_group_of_images_decides_nothing_and_says_so(tmp_path: Path) -> None:
    for seed in range(3):
        for name, mean in (("a", 25), ("b", 24)):
            one = ["g"] * synthetic.GROUPS * synthetic.EACH
            folders.write(tmp_path, folders.config(name, seed=seed), {"gaussian_50": mean}, place=name, of=one)
    found = board(tmp_path)
    (best,) = significance.against(found, ["a"])
    table, *_ = leaderboard.tables(found, best)
    cell = rows(table)["b"]["gaussian_50\nagainst a"]
    assert cell.text == "-"
    assert "belong to one group" in cell.note


def test_many_evaluations_are_a_table_a_metric_with_the_mean_first(tmp_path: Path) -> None:
    means = {"gaussian_10": 30, "gaussian_50": 26, "impulse_30": 22}
    for name, more in (("ae", 0), ("dual_ae", 1)):
        folders.write(tmp_path, folders.config(name), {key: mean + more for key, mean in means.items()}, place=name)
    found = board(tmp_path)
    tables = leaderboard.tables(found, None)
    assert [table.title for table in tables] == [
        "Leaderboard: PSNR (dB)", "Leaderboard: costs", "Leaderboard: SSIM", "Leaderboard: MSE",
    ]  # fmt: skip
    assert [head.partition("\n")[0] for head in tables[0].head] == ["", "mean of all", *means]
    row = rows(tables[0])["dual_ae"]
    values = [row[f"{name}\nPSNR (dB)"].value for name in means]
    assert row["mean of all\nPSNR (dB)"].value == pytest.approx(np.mean(values))
    assert "parameters" in tables[1].head


def test_what_was_not_measured_is_a_dash_with_the_reason(tmp_path: Path) -> None:
    folders.write(tmp_path, folders.config("ae"), {"gaussian_50": 26, "impulse_30": 22})
    folders.write(tmp_path, folders.config("dual_ae"), {"gaussian_50": 27}, macs=None)
    table, costs, *_ = leaderboard.tables(board(tmp_path), None)
    row = rows(table)["dual_ae"]
    assert (row["impulse_30\nPSNR (dB)"].text, rows(costs)["dual_ae"]["MACs"].text) == ("-", "-")
    assert "not measured under impulse_30" in row["impulse_30\nPSNR (dB)"].note


def test_no_number_is_a_dash_and_never_the_best(tmp_path: Path) -> None:
    folders.write(tmp_path, folders.config("ae"), {"gaussian_50": 26})
    folders.write(tmp_path, folders.config("dual_ae"), {"gaussian_50": 27}, metrics={"test/psnr": None})
    table, *_ = leaderboard.tables(board(tmp_path), None)
    marks = {name: (row["gaussian_50\nPSNR (dB)"].text, row["gaussian_50\nPSNR (dB)"].mark)
             for name, row in rows(table).items()}  # fmt: skip
    assert marks["dual_ae"] == ("-", "")
    assert marks["ae"][1] == "best"


def test_a_classifier_is_ranked_by_accuracy(tmp_path: Path) -> None:
    for name, accuracy in (("a", 0.7), ("b", 0.9)):
        path = folders.write(tmp_path, folders.config(name), {"gaussian_50": 1.0}, place=name)
        result = json.loads((path / "result.json").read_text())
        result["evaluations"][0]["metrics"] = {"test/accuracy": accuracy, "test/entropy": 1.0, "test/loss": 1.0}
        (path / "result.json").write_text(json.dumps(result))
    found = board(tmp_path)
    table, *_ = leaderboard.tables(found, None)
    assert [row[0].text for row in table.rows] == ["b", "a"]
    assert table.head[1:3] == ["gaussian_50\naccuracy", "gaussian_50\ncross-entropy"]


def test_a_method_from_elsewhere_stands_among_the_others(tmp_path: Path) -> None:
    write(tmp_path)
    settings = {"name": "theirs", "seed": 0, "external": True}
    folders.write(tmp_path, settings, {"gaussian_50": 30}, parameters=None, macs=None, seconds=None,
                  images_per_second=None, peak_memory=None)  # fmt: skip
    table, costs = leaderboard.tables(board(tmp_path), None)
    assert [row[0].text for row in table.rows][1] == "theirs"
    row = rows(table)["theirs"]
    assert (row[""].aside, rows(costs)["theirs"]["parameters"].text) == ("external", "-")


def test_plain_data_has_every_number_and_is_json(tmp_path: Path) -> None:
    write(tmp_path)
    found = board(tmp_path)
    plain = json.loads(json.dumps(leaderboard.plain(found, significance.against(found, ["dual_ae"]))))
    first = plain["rows"][0]
    assert (first["run"], first["rank"], first["seeds"]) == ("dual_ae", 1, [0, 1, 2])
    values = [record.metric("gaussian_50", "psnr") for record in found.runs["dual_ae"]]
    assert first["evaluations"]["gaussian_50"]["psnr"]["values"] == values
    assert {one["run"]: one["verdict"] for one in plain["against"]["dual_ae"]}["ae"] == "worse"
    assert plain["evaluations"][0]["spec"] == "s-gaussian_50"


def test_latex_has_a_line_a_row_with_as_many_cells_as_columns(tmp_path: Path) -> None:
    write(tmp_path)
    found = board(tmp_path)
    (best,) = significance.against(found, ["dual_ae"])
    table, *_ = leaderboard.tables(found, best)
    text = table.to_latex()
    body = text.split("\\midrule\n")[1].split("\\bottomrule")[0].strip().splitlines()
    assert len(body) == len(table.rows)
    assert all(line.endswith(r" \\") and line.count(" & ") == len(table.head) - 1 for line in body)
    assert body[1].startswith(r"dual\_ae & \textbf{27")
    assert r"\underline{2" in body[3]
    assert r"\multicolumn{4}{c}{gaussian\_50}" in text
    assert r"\cmidrule(lr){2-5}" in text
    assert text.count("{") == text.count("}")
    assert not set("\N{PLUS-MINUS SIGN}\N{MINUS SIGN}_&%") & set(
        "".join(line.replace(r"\_", "").replace(" & ", "").replace(r"\%", "") for line in body)
    )


def test_csv_has_them_in_full(tmp_path: Path) -> None:
    write(tmp_path)
    found = board(tmp_path)
    table, *_ = leaderboard.tables(found, None)
    read = {row[""]: row for row in csv.DictReader(io.StringIO(table.to_csv()))}
    values = [record.metric("gaussian_50", "psnr") for record in found.runs["ae"]]
    assert float(read["ae"]["gaussian_50 PSNR (dB)"]) == pytest.approx(np.mean(values), rel=1e-8)
    assert float(read["ae"]["gaussian_50 PSNR (dB) std"]) == pytest.approx(np.std(values, ddof=1), rel=1e-6)


def test_where_the_input_is_the_best_it_has_the_mark(tmp_path: Path) -> None:
    for name in ("ae", "dual_ae"):
        folders.write(tmp_path, folders.config(name), {"gaussian_50": 12}, place=name)  # the input has 15 dB
    table, *_ = leaderboard.tables(board(tmp_path), None)
    marks = {name: row["gaussian_50\nPSNR (dB)"].mark for name, row in rows(table).items()}
    assert marks == {"degraded input": "best", "ae": "", "dual_ae": ""}
