"""Training noise by test noise."""

from pathlib import Path

import pytest

import folders
from restorelab.compare import specialists, transfer_map
from restorelab.report.table import Cell, Table
from restorelab.runs.board import Board
from restorelab.runs.comparable import alike, boards
from restorelab.runs.find import find

BOTH = {
    ("ae", "gaussian"): {"gaussian_50": 26, "impulse_30": 12},
    ("ae", "impulse"): {"gaussian_50": 18, "impulse_30": 30},
    ("dual_ae", "gaussian"): {"gaussian_50": 27, "impulse_30": 20},
    ("dual_ae", "impulse"): {"gaussian_50": 17, "impulse_30": 31},
}


def held(folder: Path) -> list[Board]:
    return boards(alike(find([folder]).runs)[0])


def test_a_map_a_network_with_its_training_noises_as_rows(tmp_path: Path) -> None:
    for (model, noise), means in BOTH.items():
        folders.write(tmp_path, folders.config(model, noise), means)
    (board,) = held(tmp_path)
    maps = {chart.title.partition(":")[0]: chart for chart in transfer_map.charts(board)}
    assert set(maps) == {"ae", "dual_ae"}
    chart = maps["ae"]
    assert set(chart.rows) == {"gaussian", "impulse"}
    assert chart.columns == ["gaussian_50", "impulse_30"]
    place = chart.rows.index("impulse")
    name = next(name for name in board.names if name == "ae-impulse")
    assert chart.values[place] == pytest.approx(
        [board.runs[name][0].metric(column, "psnr") for column in chart.columns], rel=1e-5
    )
    assert chart.reference == [[15.0, 15.0]] * 2
    assert chart.marks[place] == ["", transfer_map.TRAINED]
    assert chart.marks[1 - place] == [transfer_map.TRAINED, ""]


def test_without_two_training_noises_there_is_one_map_of_all_runs(tmp_path: Path) -> None:
    for model in ("ae", "dual_ae"):
        folders.write(tmp_path, folders.config(model), BOTH[model, "gaussian"])
    (chart,) = transfer_map.charts(held(tmp_path)[0])
    assert set(chart.rows) == {"ae", "dual_ae"}


def test_under_one_evaluation_there_is_no_map(tmp_path: Path) -> None:
    folders.write(tmp_path, folders.config(), {"gaussian_50": 26})
    (board,) = held(tmp_path)
    assert transfer_map.charts(board) == []
    assert transfer_map.table(board) is None


def test_outside_the_range_of_its_training_is_not_marked(tmp_path: Path) -> None:
    folders.write(tmp_path, folders.config(), {"gaussian_10": 30, "gaussian_50": 26, "gaussian_90": 20})
    (chart,) = transfer_map.charts(held(tmp_path)[0])
    assert chart.marks == [["", transfer_map.TRAINED, ""]]


def test_where_a_run_is_worse_than_its_input_is_said_the_worst_first(tmp_path: Path) -> None:
    for (model, noise), means in BOTH.items():
        low = {name: mean - 5 for name, mean in means.items()}  # the input has 15 dB
        folders.write(tmp_path, folders.config(model, noise), low)
    (board,) = held(tmp_path)
    (said,) = transfer_map.fails(board)
    assert said.index("ae-gaussian under impulse_30 (\N{MINUS SIGN}") < said.index("dual_ae-impulse under gaussian_50")
    assert said.count(" under ") == 3
    table = transfer_map.table(board)
    assert sum(cell.mark == "worse" for row in table.rows for cell in row) == 3


def cells(table: Table, title: str) -> dict[str, Cell]:
    """The cells of a row by the first line of their heads."""
    row = next(row for row in table.rows if row[0].text == title)
    return {head.partition("\n")[0]: cell for head, cell in zip(table.head[1:], row[1:], strict=True)}


def test_specialists_stand_by_network_and_noise_though_no_table_holds_them_all(tmp_path: Path) -> None:
    # Each run was measured under its own noise only, so there are two boards; the grid is one table nevertheless.
    for (model, noise), means in BOTH.items():
        own = "gaussian_50" if noise == "gaussian" else "impulse_30"
        for seed in range(2):
            folders.write(tmp_path, folders.config(model, noise, seed=seed), {own: means[own]})
    for own in ("gaussian_50", "impulse_30"):
        noise = own.partition("_")[0]
        folders.write(tmp_path, folders.config("median", noise), {own: 20}, parameters=0)
    found = held(tmp_path)
    assert len(found) == 2
    (table,) = specialists.tables(found)
    assert [head.partition("\n")[0] for head in table.head[1:]] == ["gaussian", "impulse"]
    rows = {row[0].text: [round(cell.value) for cell in row[1:]] for row in table.rows}
    assert rows == {"ae": [26, 30], "dual_ae": [27, 31], "median": [20, 20]}
    assert [cell.mark for row in table.rows if row[0].text == "dual_ae" for cell in row[1:]] == ["best", "best"]
    assert specialists.tables(found[:1]) == []


def test_specialists_take_the_evaluation_that_they_were_trained_for(tmp_path: Path) -> None:
    for (model, noise), means in BOTH.items():
        folders.write(tmp_path, folders.config(model, noise), means)
    (table,) = specialists.tables(held(tmp_path))
    found = {noise: round(cell.value) for noise, cell in cells(table, "ae").items()}
    assert found == {"gaussian": 26, "impulse": 30}


def test_a_specialist_on_other_images_stands_in_a_column_of_its_own(tmp_path: Path) -> None:
    for model in ("ae", "dual_ae", "cnn"):
        for noise, own in (("gaussian", "gaussian_50"), ("impulse", "impulse_30")):
            spec = "other" if (model, noise) == ("cnn", "gaussian") else "s"
            mean = 40 if model == "cnn" else 26 if model == "ae" else 25
            folders.write(tmp_path, folders.config(model, noise), {own: mean}, spec=spec)
    (table,) = specialists.tables(held(tmp_path))
    found = {name: {title: cells(table, title)[name] for title in ("ae", "dual_ae", "cnn")}
             for name in ("gaussian, gaussian_50", "gaussian, gaussian_50 (images 2)", "impulse")}  # fmt: skip
    alone, two, all_three = sorted(found.values(), key=lambda column: sum(cell.text != "" for cell in column.values()))
    assert len(table.head) == 4
    assert [title for title, cell in alone.items() if cell.text] == ["cnn"]
    assert [title for title, cell in two.items() if cell.text] == ["ae", "dual_ae"]
    assert [next(title for title in column if column[title].mark == "best") for column in (two, all_three)] == [
        "ae",
        "cnn",
    ]
    assert alone["cnn"].mark == ""


def test_each_dataset_has_its_own_table_of_specialists(tmp_path: Path) -> None:
    for data, gain in (("photos", 0), ("faces", 5)):
        for (model, noise), means in BOTH.items():
            own = "gaussian_50" if noise == "gaussian" else "impulse_30"
            config = folders.config(model, noise, choices__data=data, data__root=f"/{data}")
            config["data"]["_target_"] = f"restorelab.data.{data}.X"
            folders.write(tmp_path, config, {own: means[own] + gain}, spec=data)
    found = specialists.tables(held(tmp_path))
    assert [table.title.rpartition(": ")[2] for table in found] == ["photos", "faces"]
    values = [sorted(round(cell.value) for row in table.rows for cell in row[1:]) for table in found]
    assert values == [[26, 27, 30, 31], [31, 32, 35, 36]]


def test_one_network_on_two_datasets_is_no_comparison_of_networks(tmp_path: Path) -> None:
    for data in ("photos", "faces"):
        for noise, own in (("gaussian", "gaussian_50"), ("impulse", "impulse_30")):
            config = folders.config("ae", noise, choices__data=data)
            config["data"]["_target_"] = f"restorelab.data.{data}.X"
            folders.write(tmp_path, config, {own: 26}, spec=data)
    assert specialists.tables(held(tmp_path)) == []


def test_cells_that_exist_are_filled_and_say_where_the_training_does_not_cover_them(tmp_path: Path) -> None:
    # Trained at sigma 10 alone and measured at 50 and 90, and under impulses: the nearest is its own kind of noise.
    for model, mean in (("ae", 26), ("dual_ae", 27)):
        three = {"gaussian_50": mean, "gaussian_90": mean - 4, "impulse_30": 12}
        little = folders.config(model) | {"noise": {**folders.NOISES["gaussian"], "sigma": 10}}
        folders.write(tmp_path, little, three)
        folders.write(tmp_path, folders.config(model, "impulse"), three | {"impulse_30": 30})
    (table,) = specialists.tables(held(tmp_path))
    found = cells(table, "ae")
    assert {noise: round(cell.value) for noise, cell in found.items()} == {"gaussian": 24, "impulse": 30}
    assert found["gaussian"].note == "Measured under gaussian_50, gaussian_90, which its training does not cover."
    assert found["impulse"].note == ""
