"""Boxes, against matplotlib's."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.cbook import boxplot_stats

import folders
from restorelab.compare import per_image_boxes
from restorelab.runs.comparable import alike, boards
from restorelab.runs.find import find


@pytest.mark.parametrize("values", [
    np.random.default_rng(0).normal(size=300), np.random.default_rng(1).standard_t(2, size=50),
    np.array([1.0, 2.0]), np.array([3.0]), np.full(9, 4.0), np.array([0.0, 0.0, 0.0, 0.0, 100.0]),
], ids=["normal", "long tails", "two", "one", "equal", "one far"])  # fmt: skip
def test_it_is_tukeys_box(values: np.ndarray) -> None:
    ours = per_image_boxes.box("a", values)
    theirs = boxplot_stats(values)[0]
    assert ours is not None
    assert (ours.low, ours.q1, ours.median, ours.q3, ours.high, ours.mean) == pytest.approx(
        [theirs[key] for key in ("whislo", "q1", "med", "q3", "whishi", "mean")]
    )
    assert ours.outliers == pytest.approx(sorted(theirs["fliers"]), rel=1e-4)


def test_without_a_number_there_is_no_box() -> None:
    assert per_image_boxes.box("a", np.array([np.nan])) is None


def test_of_many_outliers_the_farthest_stay() -> None:
    values = np.concatenate([np.zeros(1000), np.arange(1.0, 101.0)])
    found = per_image_boxes.box("a", values)
    assert found is not None
    assert found.outliers == list(np.arange(101.0 - per_image_boxes.OUTLIERS, 101.0))


def test_a_chart_an_evaluation_with_the_input_first(tmp_path: Path) -> None:
    for seed in range(3):
        for name, mean in (("a", 24), ("b", 26)):
            folders.write(
                tmp_path, folders.config(name, seed=seed), {"gaussian_50": mean, "impulse_30": mean}, place=name
            )
    (board,) = boards(alike(find([tmp_path]).runs)[0])
    first, second = per_image_boxes.charts(board)
    assert [box.label for box in first.boxes] == ["degraded input", "b", "a"]
    assert "impulse_30" in second.title
    columns = [record.per_image("gaussian_50").columns["psnr"] for record in board.runs["b"]]
    assert first.boxes[1].median == pytest.approx(np.median(np.mean(columns, axis=0)))
