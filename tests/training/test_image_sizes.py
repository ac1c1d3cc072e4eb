"""Sizes of images that a run cannot take are told from the headers, before anything is decoded or a folder is made."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import runs
from restorelab.data import cache_build as building
from restorelab.training import execute


def pictures(root: Path, *sizes: tuple[int, int], top: str = "") -> Path:
    (root / top).mkdir(parents=True, exist_ok=True)
    for i, size in enumerate(sizes):
        pixels = np.random.default_rng(i).integers(0, 256, size, np.uint8)
        Image.fromarray(pixels).save(root / top / f"{i}.png")
    return root


@pytest.fixture
def mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve images of 40 to 51 rows and 50 columns, in a cache of their own."""
    monkeypatch.setenv("RESTORELAB_CACHE", str(tmp_path / "cache"))
    return pictures(tmp_path / "images", *((40 + i, 50) for i in range(12)))


FOLDER = (
    "data=folder", "data.val=2", "data.test=2", "data.batch_size=2", "data.crop=24", "logger=csv", "callbacks=none",
    "trainer.max_epochs=1", "trainer.bar=false", "trainer.accelerator=cpu", "threads=1",
)  # fmt: skip


def run(folder: Path, root: Path, *overrides: str) -> execute.Outcome:
    given = [f"run_dir={folder}", f"data.root={root}"]
    return execute.execute(runs.composed([*FOLDER, *given, *overrides]))


@pytest.mark.parametrize(("overrides", "status", "words"), [
    (["data.crop=45"], 1, ["data.crop=[45, 45]", "under 45x45", "data.small=pad"]),
    (["data.crop=45", "data.small=pad", "downsample=avg_pool"], 2, ["45x45", "factor 2"]),
    (["downsample=avg_pool", "data.crop=24", "model=identity", "model.scale=2"], 2,
     [".png", "x50", "not divisible by factor 2", "data.multiple=2"]),
    (["data.crop=null", "data.augment=flip", "model=ae"], 2, [".png", "multiples of 4", "data.multiple=4"]),
    (["blur=gaussian", "blur.sigma=0.5", "+evaluation.wide.blur._target_=restorelab.degradations.blur.Box",
      "+evaluation.wide.blur.size=101"], 2, [".png", "a radius of 50 pixels"]),
    (["protocol.border=20"], 1, ["too small to be measured", "51x51", "data.small=skip"]),
    (["loss=ms_ssim", "loss.scales=3", "data.crop=48", "data.small=pad"], 2, ["loss=ms_ssim", "44 pixels"]),
    (["data.val=6", "data.test=6"], 1, ["data.val"]),
])  # fmt: skip
def test_a_misfit_is_told_before_anything_is_decoded(
    mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: list[str], status: int, words: list[str]
):
    decoded = []
    monkeypatch.setattr(building, "in_order", lambda *given: decoded.append(given))
    outcome = run(tmp_path / "run", mixed, *overrides)
    assert outcome.exit_status == status, outcome.message
    assert all(word in outcome.message for word in words), outcome.message
    assert decoded == []
    assert not (tmp_path / "run").exists()


def test_small_images_are_padded_or_left_out_and_counted(mixed: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    pictures(mixed, (9, 30), (10, 40), top="test")
    pictures(mixed, (60, 60), (48, 60), (60, 70), top="test/large")
    for name in sorted(path.name for path in mixed.glob("*.png")):
        (mixed / "train").mkdir(exist_ok=True)
        (mixed / name).rename(mixed / "train" / name)
    for small, told in (("pad", "padded by reflection"), ("skip", "left out of train")):
        caplog.clear()
        with caplog.at_level("INFO"):
            outcome = run(tmp_path / small, mixed, "data.crop=45", f"data.small={small}", "max_steps=2")
        assert outcome.status == "done", outcome.message
        assert told in caplog.text
        assert f"data.small={small}: 2 images under 11x11" in caplog.text
        (entry,) = json.loads((tmp_path / small / "result.json").read_text())["evaluations"]
        assert entry["images"] == 3


def test_pairs_of_a_factor_train_a_network_that_enlarges(mixed: Path, tmp_path: Path):
    """The inputs are the small images themselves; what is left over of an odd side is cut off."""
    for path in mixed.glob("*.png"):
        with Image.open(path) as image:
            (mixed / "lr").mkdir(exist_ok=True)
            (mixed / "hr").mkdir(exist_ok=True)
            image.resize((image.width // 2, image.height // 2), Image.Resampling.BICUBIC).save(mixed / "lr" / path.name)
        path.rename(mixed / "hr" / path.name)
    pairs = ["data=pairs", "noise=none", "data.channels=1", "data.source.degraded=lr", "data.source.clean=hr"]
    outcome = run(tmp_path / "x1", mixed, *pairs, "data.crop=24", "model=dncnn_small")
    assert outcome.exit_status == 2
    assert "1x24x24 images degraded to 12x12" in outcome.message
    assert "factor 2" in run(tmp_path / "odd", mixed, *pairs, "data.crop=25", "model=bicubic").message
    assert "data.size=null" in run(tmp_path / "size", mixed, *pairs, "data.size=32", "data.resize=stretch").message
    enlarging = ["model=bicubic", "model.scale=2", "train=false"]
    outcome = run(tmp_path / "x2", mixed, *pairs, *enlarging, "data.test=all")
    assert outcome.status == "done", outcome.message
    (entry,) = json.loads((tmp_path / "x2" / "result.json").read_text())["evaluations"]
    assert entry["images"] == 12
    expected = []
    for path in sorted((mixed / "lr").glob("*.png")):
        small = torch.from_numpy(np.asarray(Image.open(path))).float()[None, None] / 255
        size = (2 * small.shape[2], 2 * small.shape[3])
        clean = torch.from_numpy(np.asarray(Image.open(mixed / "hr" / path.name))).float()[: size[0], : size[1]] / 255
        large = torch.nn.functional.interpolate(small, size, mode="bicubic", antialias=True)[0, 0].clamp(0, 1)
        expected.append(-10 * (large - clean).double().square().mean().log10().item())
    assert entry["metrics"]["test/psnr"] == pytest.approx(np.mean(expected), abs=1e-3)
