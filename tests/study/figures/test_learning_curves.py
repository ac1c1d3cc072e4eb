"""Curves of a study: means of the seeds, with a band and axes that can be read."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from restorelab.errors import ConfigError, DataError
from restorelab.report import plots
from restorelab.report.pixels import rendered
from restorelab.runs.record import Record, Runs
from restorelab.study.figures.learning_curves import Curves
from study.figures.drawn_figures import size
from synthetic import groups, write


def history(folder: Path, name: str, seed: int, **columns: Any) -> Record:
    return write(folder, name, seed, {"e": {}}, of=groups(4, 1), history=columns)


def test_curves_are_the_mean_of_the_seeds_with_a_band(tmp_path: Path) -> None:
    nan = np.nan
    one = history(tmp_path, "net", 0, step=[1, 2, 3, 4], **{"train/loss": [4, 3, 2, 1], "val/loss": [nan, 3, nan, 1]})
    two = history(tmp_path, "net", 1, step=[1, 2, 3, 4], **{"train/loss": [6, 5, 4, 3], "val/loss": [nan, 5, nan, 2]})
    figure = Curves("c", ["net"], [["train/loss", "val/loss"]])(Runs([one, two]))
    (axis,) = figure.axes
    training, validation = (line for line in axis.lines if line.get_linestyle() != "None")
    assert training.get_xydata().tolist() == [[1, 5], [2, 4], [3, 3], [4, 2]]
    assert validation.get_xydata().tolist() == [[2, 4], [4, 1.5]]
    assert training.get_color() == validation.get_color()
    assert (training.get_linestyle(), validation.get_linestyle()) == ("--", "-")
    (band,) = axis.collections
    assert {tuple(point) for point in band.get_paths()[0].vertices.tolist()} >= {(2, 3), (2, 5), (4, 1), (4, 2)}
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["net", "training", "validation", "lowest to highest of 2 seeds"]


def test_seeds_of_other_lengths_share_what_both_have(tmp_path: Path) -> None:
    one = history(tmp_path, "net", 0, step=[0, 2, 4], **{"val/psnr": [10, 12, 14]})
    two = history(tmp_path, "net", 1, step=[1, 3], **{"val/psnr": [20, 22]})
    (axis,) = Curves("c", ["net"], [["val/psnr"]])(Runs([one, two])).axes
    assert axis.lines[0].get_xydata().tolist() == [[1, 15.5], [2, 16.5], [3, 17.5]]
    assert axis.get_title() == "validation PSNR (dB)"


def test_skipped_steps_the_last_step_and_the_running_mean(tmp_path: Path) -> None:
    record = history(tmp_path, "net", 0, step=[0, 1, 2, 3, 4, 5], **{"val/accuracy": [0, 3, 6, 9, 12, 15]})
    curves = Curves("c", ["net"], [["val/accuracy"]], smooth=3, skip_first=2, x_max=4)
    (axis,) = curves(Runs([record])).axes
    assert axis.lines[0].get_xydata().tolist() == [[2, 3], [3, 6], [4, 9]]
    assert axis.get_xlim() == (2, 4)


def test_training_alone_has_markers_and_a_band_too(tmp_path: Path) -> None:
    records = [
        history(tmp_path, "net", s, step=[1, 2], **{"train/loss": [4 + s, 3], "val/mse": [2, 1]}) for s in (0, 1)
    ]
    training, both = Curves("c", ["net"], [["train/loss"], ["train/loss", "val/mse"]])(Runs(records)).axes
    assert training.get_title() == "training loss"
    assert [line.get_linestyle() for line in training.lines] == ["--", "None"]
    assert len(training.collections) == 1
    assert [line.get_linestyle() for line in both.lines] == ["--", "-", "None"]


@pytest.mark.parametrize(
    ("log", "values", "scale"),
    [(None, [1, 0.5], "linear"), (None, [1, 0.01], "log"), (True, [1, 0.5], "log"), (False, [1, 0.01], "linear")],
)
def test_the_scale(log: bool | None, values: list[float], scale: str, tmp_path: Path) -> None:
    record = history(tmp_path, "net", 0, step=[1, 2], **{"val/mse": values, "val/psnr": values})
    errors, decibels = Curves("c", ["net"], [["val/mse"], ["val/psnr"]], log=log)(Runs([record])).axes
    assert errors.get_yscale() == scale
    assert decibels.get_yscale() == "linear"


def test_many_runs_differ_in_color_or_marker_and_the_legend_covers_nothing(tmp_path: Path) -> None:
    names = [f"a_rather_long_name_of_a_run_{i}" for i in range(12)]
    records = [
        history(tmp_path, n, 0, step=[1, 2, 3], **{"val/loss": [i + 1, i + 2, i + 3]}) for i, n in enumerate(names)
    ]
    figure = Curves("c", names, [["val/loss"]])(Runs(records))
    looks = [(line.get_color(), line.get_marker()) for line in figure.axes[0].lines if line.get_linestyle() == "None"]
    assert len(set(looks)) == len(names)
    width, height = size(figure)
    box = figure.legends[0].get_window_extent()
    assert box.y1 <= figure.axes[0].get_window_extent().y0
    assert 0 <= box.x0 < box.x1 <= width
    assert box.y0 >= 0
    assert figure.axes[0].get_window_extent().height > 0.4 * height - 2


@pytest.mark.slow
def test_curves_of_real_runs(runs: Runs) -> None:
    figure = Curves("c", ["net", "dual"], labels={"net": "A network"})(runs)
    assert [axis.get_title() for axis in figure.axes] == ["loss", "validation PSNR (dB)", "validation SSIM"]
    assert "A network" in [text.get_text() for text in figure.legends[0].get_texts()]
    size(figure)


@pytest.mark.parametrize(
    ("curves", "error", "words"),
    [
        (Curves("c", ["median"]), DataError, "it did not train"),
        (Curves("c", ["nte"]), ConfigError, "Did you mean 'net'"),
        (Curves("c", ["net"], [["val/pnsr"]]), ConfigError, "val/psnr"),
        (Curves("c", ["net"], skip_first=10_000), DataError, "no value among the steps shown"),
    ],
)
def test_curves_that_cannot_be_drawn(curves: Curves, error: type[Exception], words: str, runs: Runs) -> None:
    with pytest.raises(error, match=words):
        curves(runs)


def test_no_curves_at_all() -> None:
    with pytest.raises(ConfigError, match="at least one"):
        Curves("c", [])


@pytest.mark.parametrize(("low", "high"), [(0.02, 0.3), (0.2, 0.35), (1.0, 4.5), (3e-4, 0.2), (1e-6, 1.0)])
def test_a_logarithmic_axis_has_numbers_that_can_be_read(low: float, high: float) -> None:
    figure = plots.blank(2.0)
    axis = figure.subplots()
    axis.set_xscale("log")
    axis.set_xlim(low, high)
    plots.plain_log(axis.xaxis, low, high)
    rendered(figure)
    edges = (low * (1 - 1e-9), high * (1 + 1e-9))
    ticks = zip(axis.get_xticks(), axis.xaxis.get_ticklabels(), strict=True)
    shown = [label.get_text() for place, label in ticks if edges[0] <= place <= edges[1] and label.get_text()]
    assert 2 <= len(shown) <= 9
    assert not any(label.get_text() for label in axis.xaxis.get_ticklabels(minor=True))
    if high / low < 1000:
        assert all(float(text) > 0 for text in shown)
