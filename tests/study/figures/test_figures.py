"""Figures of real, very small runs: what is drawn is what was measured; what cannot be drawn is said."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from PIL import Image
from torch import Tensor, nn

import runs as small
from restorelab.config import build, composition, schema, trust
from restorelab.errors import ConfigError, DataError
from restorelab.metrics.protocol import Protocol
from restorelab.report.pixels import pixels, rendered
from restorelab.report.png import palette, png
from restorelab.report.sheet import GAP, MARGIN, Picture, sheet, wrapped
from restorelab.runs.record import Record, Runs
from restorelab.study.figures import style
from restorelab.study.figures.activations import Activations, montage
from restorelab.study.figures.box_plots import INPUT, Boxes
from restorelab.study.figures.dead_pixels import DEAD, DeadPixels
from restorelab.study.figures.grid import Grid
from restorelab.study.figures.image_rows import ShownImages
from restorelab.study.figures.learning_curves import Curves
from restorelab.study.figures.noises import Noises
from restorelab.study.figures.stages import Stages
from restorelab.training import execute
from synthetic import groups, write

TWO = ("evaluation=[gaussian_25,impulse_30]", "noise=mixture", "data.size=32", "trainer.max_epochs=2")
RUNS = {
    "net-0": ("model=dncnn", "model.depth=3", "model.features=4", *TWO),
    "net-1": ("model=dncnn", "model.depth=3", "model.features=4", *TWO, "seed=1"),
    "dual-0": ("model=dual_ae", *TWO, "loss=bce"),
    "median-0": ("model=median", *TWO),
    "open-0": ("model=median", "model.kernel=null", *TWO),
    "small-0": ("model=identity", "model.scale=2", "downsample=avg_pool", "evaluation=own", "data.size=32"),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """A network of two seeds, a dual autoencoder, a median filter, and images that were made half as large."""
    folder = tmp_path_factory.mktemp("runs")
    common = [override for override in small.TINY if not override.startswith("model")]
    for name, overrides in RUNS.items():
        outcome = execute.execute(composition.compose([*common, f"run_dir={folder / name}", *overrides]))
        assert outcome.status == "done", outcome
    return Runs([Record(name.partition("-")[0], folder / name) for name in RUNS])


def picture(figure: Figure, number: int, side: int = 32) -> np.ndarray:
    """The gray pixels of a sheet's picture, which shows an image of `side` x `side` pixels enlarged."""
    array = np.asarray(figure.images[number].get_array())
    assert (array == array[..., :1]).all()
    zoom = len(array) // side
    assert np.array_equal(array, array[::zoom, ::zoom].repeat(zoom, 0).repeat(zoom, 1))
    return array[::zoom, ::zoom, 0]


def size(figure: Figure) -> tuple[int, int]:
    """Width and height of the PNG, of a size that a page can show."""
    content = png(figure)
    picture = Image.open(io.BytesIO(content))
    assert picture.format == "PNG"
    assert 200 < picture.width <= 1400
    assert 100 < picture.height <= 2500
    assert len(content) < 1_500_000
    return picture.size


# --- curves


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


def test_many_runs_differ_in_colour_or_marker_and_the_legend_covers_nothing(tmp_path: Path) -> None:
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


# --- boxes


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


# --- pictures


def test_what_is_shown_is_what_was_measured(runs: Runs) -> None:
    """The PSNR under a picture, from per_image.csv, is that of the pixels in it."""
    view = ShownImages(runs, ["net", "median", "open"], "impulse_30", 3)
    for name in ("net", "median", "open", ""):
        images = view.restored(name) if name else view.degraded()
        for image, clean, note in zip(images, view.clean(), view.psnr(name), strict=True):
            value = float(Protocol().measure(image[None], clean[None])["psnr"])
            assert note == f"{value:.2f} dB"


def test_images_are_spread_or_chosen(runs: Runs) -> None:
    ids = runs["net"][0].per_image("impulse_30").ids
    assert ShownImages(runs, ["net"], "impulse_30", 2).places == [len(ids) // 4, 3 * len(ids) // 4]
    assert ShownImages(runs, ["net"], "impulse_30", 10_000).places == list(range(len(ids)))
    assert ShownImages(runs, ["net"], "impulse_30", [ids[3], ids[0]]).places == [3, 0]
    with pytest.raises(ConfigError, match="none of the"):
        _ = ShownImages(runs, ["net"], "impulse_30", ["nothing"]).places


def test_a_grid_shows_each_pixel_as_a_square(runs: Runs) -> None:
    figure = Grid("c", ["net"], "impulse_30", 2)(runs)
    view = ShownImages(runs, ["net"], "impulse_30", 2)
    panel = rendered(figure)
    zoom = 6  # 192 pixels for 32
    rows = [(view.degraded(), 0), (view.restored("net"), 1), (view.clean(), 2)]
    top = MARGIN + 4 + 15  # the margin, and a line of headings
    for images, column in rows:
        left = MARGIN + column * (32 * zoom + GAP)
        shown = panel[top : top + 32 * zoom, left : left + 32 * zoom, 0]
        assert np.array_equal(shown, pixels(images[0]).repeat(zoom, 0).repeat(zoom, 1))
    size(figure)


def test_smaller_inputs_fill_the_place_with_larger_pixels(runs: Runs) -> None:
    figure = Grid("c", ["small"], "own", 1, zoom=4)(runs)
    degraded = ShownImages(runs, ["small"], "own", 1).degraded()[0]
    assert degraded.shape[-2:] == (16, 16)
    assert [np.asarray(image.get_array()).shape for image in figure.images] == [(32 * 4, 32 * 4, 3)] * 3
    assert np.array_equal(picture(figure, 0, 16), pixels(degraded))
    assert picture(figure, 2).shape == (32, 32)


def test_rows_are_the_grid_turned_over(runs: Runs) -> None:
    ids = runs["net"][0].per_image("gaussian_25").ids[:3]
    labels = {"degraded": "measurement", "clean": "truth"}
    columns = Grid("c", ["net", "median"], "gaussian_25", ids, zoom=2, labels=labels)(runs)
    rows = Grid("c", ["net", "median"], "gaussian_25", ids, zoom=2, labels=labels, layout="rows")(runs)
    shown = [np.asarray(image.get_array()) for image in columns.images]
    turned = [np.asarray(image.get_array()) for image in rows.images]
    assert len(shown) == len(turned) == 3 * 4
    assert all(np.array_equal(shown[4 * i + j], turned[3 * j + i]) for i in range(3) for j in range(4))
    words = [text.get_text() for text in rows.texts]
    assert [word for word in words if word in ("measurement", "net", "median", "truth")] == [
        "measurement", "net", "median", "truth",
    ]  # fmt: skip


def test_stages(runs: Runs) -> None:
    figure = Stages("c", "dual", ["gaussian_25", "impulse_30"], 2)(runs)
    assert len(figure.images) == 4 * 4
    view = ShownImages(runs, ["dual"], "gaussian_25", 2)
    net: Any = runs["dual"][0].net("gaussian_25")
    with torch.inference_mode():
        first, last = net.stages(view.degraded()[0][None])
    assert np.array_equal(picture(figure, 1), pixels(first[0]))
    assert np.array_equal(picture(figure, 2), pixels(last[0]))
    assert f"{float(first.min()):.2f} to {float(first.max()):.2f}" in [text.get_text() for text in figure.texts]
    size(figure)
    with pytest.raises(ConfigError, match="DnCNN has no stages"):
        Stages("c", "net", ["gaussian_25"])(runs)


def test_noises_take_the_best_trained_run(runs: Runs) -> None:
    one = Noises("c", ["gaussian_25", "impulse_30"], "median", 1)(runs)
    assert len(one.images) == 6
    own = Noises("c", ["gaussian_25", "impulse_30"], images=1, runs={"gaussian_25": "net", "impulse_30": "median"})
    texts = [text.get_text() for text in own(runs).texts]
    assert {"gaussian_25:\nnet", "impulse_30:\nmedian"} <= set(texts)
    with pytest.raises(ConfigError, match="Did you mean 'impulse_30'"):
        Noises("c", ["impulse_30"], runs={"impulse_3": "net"})
    best = Noises("c", ["gaussian_25"], images=1)(runs)
    name = max(("net", "dual"), key=lambda name: runs.mean(name, "gaussian_25", "psnr"))
    view = ShownImages(runs, [name], "gaussian_25", 1)
    assert np.array_equal(picture(best, 1), pixels(view.clean()[0]))
    assert np.array_equal(picture(best, 2), pixels(view.restored(name)[0]))
    assert f"gaussian_25:\n{name}" in [text.get_text() for text in best.texts]
    with pytest.raises(DataError, match="no trained run"):
        Noises("c", ["gaussian_25"])(Runs(runs["median"]))


class Layers(nn.Module):
    """Two layers: the first gives the image and its negative, the second is half as large."""

    def forward(self, degraded: Tensor) -> Tensor:
        return degraded

    def activations(self, degraded: Tensor) -> list[Tensor]:
        return [torch.cat([degraded, -degraded, 0 * degraded], dim=1), degraded[..., ::2, ::2]]


def test_activations(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="DnCNN has no activations"):
        Activations("c", "net", "gaussian_25")(runs)
    monkeypatch.setattr(Record, "net", lambda self, evaluation: Layers())
    figure = Activations("c", "net", "gaussian_25", 2, channels=2)(runs)
    shown = picture(figure, 1, 64)
    assert shown.shape == (64, 64)
    image = ShownImages(runs, ["net"], "gaussian_25", 2).degraded()[0][0]
    assert np.array_equal(shown[:32, 32:], pixels(((image - image.min()) / (image.max() - image.min()))[None]))
    assert shown[:32, :32].max() <= 1  # the mean over the three channels is 0
    assert "mean, channels 0, 1" in [text.get_text() for text in figure.texts]
    assert picture(Activations("c", "net", "gaussian_25", 1, "conv2")(runs), 1).shape == (32, 32)
    with pytest.raises(ConfigError, match="layer=conv3"):
        Activations("c", "net", "gaussian_25", layer="conv3")(runs)


def test_a_montage_fills_up_with_white() -> None:
    maps = torch.stack([torch.eye(2), torch.zeros(2, 2)])
    assert montage(maps, [0, 1])[0].tolist() == [[1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 1], [0, 0, 1, 1]]


def test_pictures_of_runs_on_other_images_are_refused(runs: Runs) -> None:
    both = Runs([runs["net"][0], *runs["small"]])
    with pytest.raises(ConfigError, match="not measured under 'own'"):
        Grid("c", ["small", "net"], "own")(both)
    with pytest.raises(ConfigError, match="no finished run is called 'lost'"):
        Grid("c", ["net", "lost"], "impulse_30")(runs)


def test_a_dataset_that_changed_is_told(runs: Runs, tmp_path: Path) -> None:
    path = tmp_path / "moved"
    shutil.copytree(runs["median"][0].path, path)
    settings = yaml.safe_load((path / "config.yaml").read_text())
    settings["eval_seed"] = 1
    (path / "config.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(DataError, match="has changed"):
        Grid("c", ["moved"], "impulse_30")(Runs([Record("moved", path)]))


# --- dead pixels


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


# --- sheet and PNG


def test_words_on_a_sheet_do_not_run_into_each_other() -> None:
    gray = np.full((8, 8), 128, np.uint8)
    picture = Picture(gray, 64, 64, "mean, channels 29, 36, 37, 38, 42, 50")
    names = [("method_one_with_a_long_name", ""), ("unbreakablename", ""), ("clean", "")]
    figure = sheet([[picture] * 3] * 2, names, labels=["gaussian_50:\nsome_network", "impulse_30"], title="title")
    width, height = (figure.get_size_inches() * figure.dpi).tolist()
    rendered(figure)
    boxes = [text.get_window_extent() for text in figure.texts if text.get_text()]
    assert all(b.x0 >= 0 and b.y0 >= 0 and b.x1 <= width and b.y1 <= height for b in boxes)
    places = [Bbox.from_extents(x0, y0, x1, y1) for x0, x1, y0, y1 in (image.get_extent() for image in figure.images)]
    for number, box in enumerate(boxes):
        others = boxes[number + 1 :] + places
        assert not any(
            min(box.x1, o.x1) - max(box.x0, o.x0) > 0.5 and min(box.y1, o.y1) - max(box.y0, o.y0) > 0.5 for o in others
        ), figure.texts[number].get_text()


def test_lines_break_where_words_end() -> None:
    assert wrapped("dual_ae_skip_sep", 12) == ["dual_ae_", "skip_sep"]
    assert wrapped("one two\nthree", 20) == ["one two", "three"]
    assert wrapped("", 5) == [""]
    assert "".join(wrapped("a_b c-d/e", 1)).replace(" ", "") == "a_bc-d/e"


def test_a_png_keeps_every_value_and_a_palette_is_smaller() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    gray = Image.open(io.BytesIO(png(sheet([[Picture(ramp, 160, 160)]]))))
    assert gray.mode == "L"
    assert set(np.asarray(gray).ravel().tolist()) >= set(range(256))
    noise = np.random.default_rng(0).integers(0, 256, (160, 160, 3)).astype(np.uint8)
    content = png(sheet([[Picture(noise, 160, 160)]]))
    coloured = Image.open(io.BytesIO(content))
    assert coloured.mode == "RGB"
    assert np.array_equal(np.asarray(coloured)[MARGIN : MARGIN + 160, MARGIN : MARGIN + 160], noise)
    small = palette(content)
    assert Image.open(io.BytesIO(small)).mode == "P"
    assert len(small) < len(content) / 2


@pytest.mark.parametrize(
    "node",
    [
        {
            "_target_": "restorelab.study.figures.learning_curves.Curves",
            "runs": ["a"],
            "columns": [["val/psnr"]],
            "log": None,
        },
        {"_target_": "restorelab.study.figures.box_plots.Boxes", "runs": ["a"], "evaluation": "e", "log": False},
        {"_target_": "restorelab.study.figures.grid.Grid", "runs": ["a"], "evaluation": "e", "images": ["x", "y"]},
        {"_target_": "restorelab.study.figures.grid.Grid", "runs": ["a"], "evaluation": "e", "layout": "rows"},
        {"_target_": "restorelab.study.figures.stages.Stages", "run": "a", "evaluations": ["e"], "images": 2},
        {"_target_": "restorelab.study.figures.noises.Noises", "evaluations": ["e"], "run": None},
        {
            "_target_": "restorelab.study.figures.activations.Activations",
            "run": "a",
            "evaluation": "e",
            "layer": "conv1",
        },
        {"_target_": "restorelab.study.figures.dead_pixels.DeadPixels", "runs": ["a"], "evaluation": "e"},
    ],
)
def test_a_yaml_can_name_them(node: dict[str, Any]) -> None:
    node = {**node, "caption": "What it shows."}
    schema.check_node("figures.x", node)
    trust.note(node)  # as reading a study's file does
    assert build.make("figures.x", node).caption == "What it shows."
    for wrong in ({"capton": ""}, {"runs": 3}, {"images": 1.5}):
        with pytest.raises(ConfigError):
            schema.check_node("figures.x", node | wrong)


def test_a_wrong_layout_is_refused() -> None:
    node = {"_target_": "restorelab.study.figures.grid.Grid", "caption": "", "runs": [], "evaluation": "e"}
    with pytest.raises(ConfigError, match="layout"):
        schema.check_node("figures.x", node | {"layout": "diagonal"})


@pytest.mark.parametrize(("low", "high"), [(0.02, 0.3), (0.2, 0.35), (1.0, 4.5), (3e-4, 0.2), (1e-6, 1.0)])
def test_a_logarithmic_axis_has_numbers_that_can_be_read(low: float, high: float) -> None:
    figure = style.blank(2.0)
    axis = figure.subplots()
    axis.set_xscale("log")
    axis.set_xlim(low, high)
    style.plain_log(axis.xaxis, low, high)
    rendered(figure)
    edges = (low * (1 - 1e-9), high * (1 + 1e-9))
    ticks = zip(axis.get_xticks(), axis.xaxis.get_ticklabels(), strict=True)
    shown = [label.get_text() for place, label in ticks if edges[0] <= place <= edges[1] and label.get_text()]
    assert 2 <= len(shown) <= 9
    assert not any(label.get_text() for label in axis.xaxis.get_ticklabels(minor=True))
    if high / low < 1000:
        assert all(float(text) > 0 for text in shown)
