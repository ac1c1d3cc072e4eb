"""Training noise by test noise."""

from pathlib import Path

import pytest
from tests.compare import folders

from restorelab.compare import specialists, transfer_map
from restorelab.compare.agreement import Board, alike, boards
from restorelab.compare.find import find

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
    table = specialists.table(found)
    assert table is not None
    assert [head.partition("\n")[0] for head in table.head[1:]] == ["gaussian", "impulse"]
    rows = {row[0].text: [round(cell.value) for cell in row[1:]] for row in table.rows}
    assert rows == {"ae": [26, 30], "dual_ae": [27, 31], "median": [20, 20]}
    assert [cell.mark for row in table.rows if row[0].text == "dual_ae" for cell in row[1:]] == ["best", "best"]
    assert specialists.table(found[:1]) is None


def test_specialists_take_the_evaluation_that_they_were_trained_for(tmp_path: Path) -> None:
    for (model, noise), means in BOTH.items():
        folders.write(tmp_path, folders.config(model, noise), means)
    table = specialists.table(held(tmp_path))
    row = next(row for row in table.rows if row[0].text == "ae")
    cells = {head.partition("\n")[0]: round(cell.value) for head, cell in zip(table.head[1:], row[1:], strict=True)}
    assert cells == {"gaussian": 26, "impulse": 30}


def test_a_specialist_on_other_images_wins_nothing(tmp_path: Path) -> None:
    for model in ("ae", "dual_ae", "cnn"):
        for noise, own in (("gaussian", "gaussian_50"), ("impulse", "impulse_30")):
            spec = "other" if (model, noise) == ("cnn", "gaussian") else "s"
            mean = 40 if model == "cnn" else 26
            folders.write(tmp_path, folders.config(model, noise), {own: mean}, spec=spec)
    table = specialists.table(held(tmp_path))
    row = next(row for row in table.rows if row[0].text == "cnn")
    cells = {head.partition("\n")[0]: cell for head, cell in zip(table.head[1:], row[1:], strict=True)}
    assert (cells["gaussian"].mark, cells["impulse"].mark) == ("", "best")
    assert "other images" in cells["gaussian"].note
