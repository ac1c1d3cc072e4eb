"""Figures of real, very small runs: what is drawn is what was measured; what cannot be drawn is said."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor, nn

from restorelab.config import build, schema, trust
from restorelab.errors import ConfigError, DataError
from restorelab.metrics.protocol import Protocol
from restorelab.report.pixels import pixels, rendered
from restorelab.report.sheet import GAP, MARGIN
from restorelab.runs.record import Record, Runs
from restorelab.study.figures.activations import Activations, montage
from restorelab.study.figures.grid import Grid
from restorelab.study.figures.image_rows import ShownImages
from restorelab.study.figures.noises import Noises
from restorelab.study.figures.stages import Stages
from study.figures.drawn_figures import picture, size


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
