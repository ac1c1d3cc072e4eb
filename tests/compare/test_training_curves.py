"""Curves over the steps."""

from pathlib import Path

import numpy as np
import pytest

import folders
from restorelab.compare import training_curves
from restorelab.runs.comparable import alike, boards
from restorelab.runs.find import find


def test_a_line_is_the_mean_of_the_seeds_with_their_ends(tmp_path: Path) -> None:
    for seed, last in enumerate((24.0, 25.0, 27.5)):
        folders.write(tmp_path, folders.config(seed=seed), {"gaussian_50": 25}, history=folders.curve(last))
    (board,) = boards(alike(find([tmp_path]).runs)[0])
    chart, loss = training_curves.charts(board)
    (line,) = chart.series
    assert line.x == [10, 20, 30, 40, 50]
    assert line.y[-1] == pytest.approx(25.5)
    assert (line.low[-1], line.high[-1]) == (24.0, 27.5)
    assert loss.series[0].y[1] == pytest.approx(0.5)


def test_only_steps_that_all_seeds_reach_are_shown(tmp_path: Path) -> None:
    # A longer seed that is 10 dB lower would make the mean jump where the shorter one ends.
    for seed, (last, steps) in enumerate(((24.0, 3), (14.0, 6))):
        folders.write(tmp_path, folders.config(seed=seed), {"gaussian_50": 25}, history=folders.curve(last, steps))
    (board,) = boards(alike(find([tmp_path]).runs)[0])
    assert training_curves.charts(board)[0].series[0].x == [10, 20, 30]


def test_long_curves_are_thinned_and_keep_their_ends(tmp_path: Path) -> None:
    folders.write(tmp_path, folders.config(), {"gaussian_50": 25}, history=folders.curve(24.0, 5000))
    (board,) = boards(alike(find([tmp_path]).runs)[0])
    line = training_curves.charts(board)[0].series[0]
    assert len(line.x) == training_curves.POINTS
    assert (line.x[0], line.x[-1], line.y[-1]) == (10, 50_000, 24.0)
    assert line.low is None


def test_runs_validated_under_other_noises_have_their_own_chart(tmp_path: Path) -> None:
    for noise, means in (("gaussian", {"gaussian_50": 25}), ("impulse", {"impulse_30": 25, "gaussian_50": 20})):
        folders.write(tmp_path, folders.config(noise=noise), means, history=folders.curve(25.0))
    (board,) = boards(alike(find([tmp_path]).runs)[0])
    titles = [chart.title for chart in training_curves.charts(board)]
    assert len([title for title in titles if "validation" in title]) == 2


def test_losses_that_are_other_functions_are_not_drawn_together(tmp_path: Path) -> None:
    for loss in ("mse.MSE", "l1.L1"):
        settings = folders.config(loss___target_=f"restorelab.losses.{loss}")
        folders.write(tmp_path, settings, {"gaussian_50": 25}, history=folders.curve(25.0))
    (board,) = boards(alike(find([tmp_path]).runs)[0])
    assert "Training loss" not in [chart.title for chart in training_curves.charts(board)]


def test_without_training_there_is_no_curve_and_no_exception(tmp_path: Path) -> None:
    folders.write(tmp_path, folders.config("median"), {"gaussian_50": 25}, parameters=0)
    gaps = folders.curve(25.0) | {"val/psnr": [float("nan")] * 5}
    folders.write(tmp_path, folders.config("ae"), {"gaussian_50": 25}, history=gaps)
    (board,) = boards(alike(find([tmp_path]).runs)[0])
    assert [chart.title for chart in training_curves.charts(board)] == ["Training loss"]
    assert np.isfinite(training_curves.charts(board)[0].series[0].y).all()
