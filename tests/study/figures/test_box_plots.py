"""Box plots of a study: every image of every seed."""

from pathlib import Path

import numpy as np
import pytest

from restorelab.errors import ConfigError, DataError
from restorelab.runs.record import Runs
from restorelab.study.figures.box_plots import INPUT, Boxes
from study.figures.drawn_figures import size
from synthetic import groups, write


def test_boxes_hold_every_image_of_every_seed(tmp_path: Path) -> None:
    columns = [np.array([1.0, 2, 3, 4, 5]), np.array([3.0, 4, 5, 6, 7])]
    given = np.full(5, 9.0)
    records = [write(tmp_path, "net", seed, {"e": {"mse": mse, "input_mse": given}}, of=groups(5, 1))
               for seed, mse in enumerate(columns)]  # fmt: skip
    records += [write(tmp_path, "tv", 0, {"e": {"mse": given}}, of=groups(5, 1), parameters=0)]
    figure = Boxes("c", ["net", "tv"], "e", labels={"net": "Network"})(Runs(records))
    axis = figure.axes[0]
    assert [text.get_text() for text in axis.get_yticklabels()] == [INPUT, "Network", "tv"]
    medians = [text.get_text() for text in axis.child_axes[0].get_yticklabels()]
    assert medians == ["9", f"{np.median(np.concatenate(columns)):.3g}", "9"]
    assert axis.get_xscale() == "log"
    assert "5 test images, 2 seeds each" in axis.get_xlabel()
    size(figure)
    assert Boxes("c", ["net"], "e", "psnr")(Runs(records)).axes[0].get_xscale() == "linear"


def test_boxes_that_cannot_be_drawn(tmp_path: Path) -> None:
    one = write(tmp_path, "one", 0, {"e": {"mse": np.ones(4)}}, of=groups(4, 1))
    two = write(tmp_path, "two", 0, {"e": {"mse": np.ones(4)}}, of=groups(4, 1), spec="another")
    with pytest.raises(DataError, match="cannot be compared"):
        Boxes("c", ["one", "two"], "e")(Runs([one, two]))
    with pytest.raises(ConfigError, match="Did you mean 'mse'"):
        Boxes("c", ["one"], "e", "mes")(Runs([one]))
