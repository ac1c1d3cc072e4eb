"""The metric over the strength of a noise."""

from pathlib import Path

import folders
from restorelab.compare import levels, transfer_map
from restorelab.runs.board import Board
from restorelab.runs.comparable import alike, boards
from restorelab.runs.find import find


def board(folder: Path) -> Board:
    return boards(alike(find([folder]).runs)[0])[0]


def test_evaluations_that_differ_in_one_number_make_a_curve(tmp_path: Path) -> None:
    means = {"gaussian_90": 20, "gaussian_10": 30, "impulse_30": 25, "gaussian_50": 26}
    for seed in range(2):
        folders.write(tmp_path, folders.config(seed=seed), means)
    found = board(tmp_path)
    (chart,), said = levels.charts(found)
    assert said == []
    line, given = chart.series
    assert line.x == given.x == [10, 50, 90]
    values = [[record.metric(name, "psnr") for record in found.runs[found.names[0]]]
              for name in ("gaussian_10", "gaussian_50", "gaussian_90")]  # fmt: skip
    assert line.y == [sum(pair) / 2 for pair in values]
    assert line.low == [min(pair) for pair in values]
    assert given.label == "degraded input"
    assert [(span.low, span.high) for span in chart.shaded] == [(25, 75)]
    assert "8-bit" in chart.x_label


def test_each_training_range_is_shaded_with_whose_it_is(tmp_path: Path) -> None:
    for place, sigma in enumerate(([25, 75], 50, [25, 75])):
        settings = folders.config(model__width=place)
        settings["noise"] = {**folders.NOISES["gaussian"], "sigma": sigma}
        folders.write(tmp_path, settings, {"gaussian_10": 30, "gaussian_50": 26})
    folders.write(tmp_path, folders.config("median"), {"gaussian_10": 25, "gaussian_50": 24}, parameters=0)
    (chart,), _ = levels.charts(board(tmp_path))
    assert [(span.low, span.high) for span in chart.shaded] == [(25, 75), (50, 50)]
    assert "width=1" in chart.shaded[1].label


def test_a_mixture_is_shaded_over_its_members_of_that_noise() -> None:
    members = {"a": {"_target_": folders.GAUSSIAN, "sigma": [10, 20]}, "b": {"_target_": folders.IMPULSE, "amount": 1},
               "c": {"_target_": folders.GAUSSIAN, "sigma": 50}}  # fmt: skip
    found = list(levels.trained_on({"_target_": "x.Mixture", "noises": members}, folders.GAUSSIAN))
    assert [node["sigma"] for node in found] == [[10, 20], 50]


def test_of_levels_each_is_shaded_and_not_what_lies_between(tmp_path: Path) -> None:
    settings = folders.config()
    settings["noise"] = {**folders.NOISES["gaussian"], "sigma": [15, 25, 50]}
    folders.write(tmp_path, settings, {"gaussian_10": 30, "gaussian_50": 26})
    found = board(tmp_path)
    (chart,), _ = levels.charts(found)
    assert [(span.low, span.high) for span in chart.shaded] == [(15, 15), (25, 25), (50, 50)]
    assert [span.label for span in chart.shaded] == ["trained on 15, 25, 50", "", ""]
    inside = {column.label: transfer_map.within(found, found.names[0], column) for column in found.columns}
    assert inside == {"gaussian_10": False, "gaussian_50": True}


def test_of_a_mixture_each_members_strengths_are_shaded(tmp_path: Path) -> None:
    settings = folders.config(noise="mixture")
    members = {"a": {"_target_": folders.GAUSSIAN, "sigma": [10, 20]}, "b": {"_target_": folders.GAUSSIAN, "sigma": 50}}
    settings["noise"] = {"_target_": "restorelab.degradations.mixture.Mixture", "noises": members}
    folders.write(tmp_path, settings, {"gaussian_10": 30, "gaussian_50": 26})
    (chart,), _ = levels.charts(board(tmp_path))
    assert [(span.low, span.high) for span in chart.shaded] == [(10, 20), (50, 50)]


def test_clipped_and_unclipped_noise_are_two_noises(tmp_path: Path) -> None:
    import yaml

    path = folders.write(tmp_path, folders.config(), {"gaussian_10": 30, "gaussian_50": 26})
    config = yaml.safe_load((path / "config.yaml").read_text())
    config["evaluation"]["gaussian_50"]["noise"]["clip"] = False
    (path / "config.yaml").write_text(yaml.safe_dump(config))
    assert levels.ladders(board(tmp_path)) == []


def test_with_one_level_it_says_which_evaluations_to_add(tmp_path: Path) -> None:
    folders.write(tmp_path, folders.config(), {"gaussian_50": 26, "impulse_30": 25})
    charts, (said,) = levels.charts(board(tmp_path))
    assert charts == []
    assert "evaluation=[gaussian_10,gaussian_15,gaussian_25,gaussian_30,gaussian_50,gaussian_70,gaussian_75]" in said


def test_a_run_that_does_not_say_how_it_was_evaluated_is_no_exception(tmp_path: Path) -> None:
    settings = {"name": "theirs", "seed": 0, "external": True}
    path = folders.write(tmp_path, settings, {"x": 20, "y": 21}, parameters=None)
    (path / "config.yaml").write_text("{name: theirs, seed: 0, external: true}")
    charts, said = levels.charts(board(tmp_path))
    assert charts == []
    assert said
