"""Dead pixels of a network's layers, counted and mapped."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from restorelab.errors import DataError
from restorelab.runs.record import Record, Runs
from restorelab.study.figures.dead_pixels import DEAD, DeadPixels
from study.figures.drawn_figures import size


def with_dead(runs: Runs, folder: Path, name: str, dead: np.ndarray | None, count: int | None = None) -> Record:
    path = folder / name
    shutil.copytree(runs["net"][0].path, path)
    result = json.loads((path / "result.json").read_text())
    result["evaluations"][0]["dead_pixels"] = int(dead.sum()) if count is None and dead is not None else count
    (path / "result.json").write_text(json.dumps(result))
    (path / "images" / "gaussian_25_dead.npy").unlink(missing_ok=True)
    if dead is not None and dead.any():
        np.save(path / "images" / "gaussian_25_dead.npy", dead)
    return Record(name, path)


def test_dead_pixels(runs: Runs, tmp_path: Path) -> None:
    dead = np.zeros((1, 32, 32), bool)
    dead[0, 3, 5] = dead[0, 7, 7] = True
    made = Runs([with_dead(runs, tmp_path, "mlp", dead), with_dead(runs, tmp_path, "cnn", None, 0)])
    figure = DeadPixels("c", ["mlp", "cnn"], "gaussian_25")(made)
    zoom = np.asarray(figure.images[0].get_array()).shape[0] // 32
    first, second = (np.asarray(image.get_array())[::zoom, ::zoom] for image in figure.images)
    assert np.array_equal((first == DEAD).all(axis=-1), dead[0])
    assert not (second == DEAD).all(axis=-1).any()
    assert second.shape == (32, 32, 3)
    words = [text.get_text() for text in figure.texts]
    assert "2 of 1,024 dead" in words
    assert "0 of 1,024 dead" in words
    alone = DeadPixels("c", ["cnn"], "gaussian_25")(made)  # no map anywhere: the size is the dataset's
    assert np.asarray(alone.images[0].get_array())[::zoom, ::zoom].shape == (32, 32, 3)


def test_dead_pixels_that_are_not_known(runs: Runs, tmp_path: Path) -> None:
    made = Runs([with_dead(runs, tmp_path, "none", None), with_dead(runs, tmp_path, "gone", None, 4)])
    with pytest.raises(DataError, match="not counted"):
        DeadPixels("c", ["none"], "gaussian_25")(made)
    with pytest.raises(DataError, match="is missing, though 4 pixels"):
        DeadPixels("c", ["gone"], "gaussian_25")(made)


def test_many_maps_break_into_rows(runs: Runs, tmp_path: Path) -> None:
    names = [f"a_long_name_{i}" for i in range(11)]
    made = Runs([with_dead(runs, tmp_path, name, None, 0) for name in names])
    size(DeadPixels("c", names, "gaussian_25")(made))
