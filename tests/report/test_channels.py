"""Images of other than one or three channels, from their files to a comparison's pictures."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

import restorelab
import runs
from restorelab.cli import main
from restorelab.compare.crops import crops
from restorelab.report.pixels import pixels, shown_bands
from restorelab.runs.record import Record

Y, X = np.mgrid[0:24, 0:32]


def cube(number: int, bands: int) -> np.ndarray:
    return np.stack([(np.sin(X / 7 + number + band) + np.cos(Y / 5) + 2) / 4 for band in range(bands)], axis=-1)


def files(folder: Path, bands: int) -> list[str]:
    folder.mkdir()
    for i in range(6):
        pixels = (cube(i, bands) * 65535).astype(np.uint16)
        np.save(folder / f"{i}.npy", pixels if i % 2 else np.moveaxis(pixels, -1, 0))
    data = ("root=" + str(folder), f"channels={bands}", "crop=16", "val=1", "test=2", "batch_size=2", "limit=null")
    return ["data=folder", *(f"data.{setting}" for setting in data), "max_steps=2", "trainer.max_epochs=1"]


def test_from_files_to_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    bands = 5
    options = files(tmp_path / "images", bands)
    assert runs.run(tmp_path / "run", *options).exit_status == 0
    net = restorelab.load(tmp_path / "run")
    assert next(net.parameters()).shape[1] == bands
    # The numbers of the input, by NumPy and scikit-image from what export-set writes.
    assert main.main(["export-set", f"run={tmp_path / 'run'}", f"out={tmp_path / 'set'}", "clean=true"]) == 0
    assert f"looked at** ({shown_bands(bands)})" in (tmp_path / "set" / "README.md").read_text()
    manifest = json.loads((tmp_path / "set" / "manifest.json").read_text())
    (evaluation,) = manifest["evaluations"]
    with (tmp_path / "run" / "per_image.csv").open() as stream:
        rows = {row["id"]: row for row in csv.DictReader(stream)}
    theirs = tmp_path / "theirs" / evaluation["folder"]
    theirs.mkdir(parents=True)
    for image in evaluation["images"]:
        clean = np.load(tmp_path / "set" / "clean" / f"{image['file']}.npy").astype(np.float64)
        given = np.load(tmp_path / "set" / evaluation["folder"] / "input_exact" / f"{image['file']}.npy")
        shown = given.clip(0, 1).astype(np.float64)
        assert image["shape"] == [bands, 24, 32]
        psnr = -10 * np.log10(np.mean((shown - clean) ** 2))
        ssim = structural_similarity(
            shown, clean, gaussian_weights=True, use_sample_covariance=False, data_range=1, channel_axis=-1
        )
        assert float(rows[image["id"]]["input_psnr"]) == pytest.approx(psnr, abs=1e-4)
        assert float(rows[image["id"]]["input_ssim"]) == pytest.approx(ssim, abs=1e-4)
        np.save(theirs / f"{image['file']}.npy", np.moveaxis(given, -1, 0))
    made = ("score", str(theirs.parent), f"set={tmp_path / 'set'}", "name=theirs", f"runs_dir={tmp_path / 'scored'}")
    assert main.main(made) == 0
    out = capsys.readouterr().out
    assert f"{np.mean([float(row['input_psnr']) for row in rows.values()]):.2f}" in out
    (external,) = (tmp_path / "scored").rglob("result.json")
    found = crops({"run": [Record("run", tmp_path / "run")], "theirs": [Record("theirs", external.parent)]})
    (view,) = found.views
    assert f"The pictures show {shown_bands(bands)}." in view.text
    assert all(len(case.restored) == 2 for case in view.cases)


def test_what_a_picture_shows_of_other_channels():
    shown = {2: (0,), 3: (0, 1, 2), 4: (0, 1, 2), 5: (0, 1, 2)}
    for bands, kept in shown.items():
        image = torch.arange(bands).view(bands, 1, 1).expand(bands, 4, 4) / 10
        expected = (np.array(kept) / 10 * 255).round()
        assert np.array_equal(np.unique(pixels(image)), expected)
    assert [shown_bands(bands) for bands in (1, 3)] == ["", ""]


def test_luma_is_of_rgb_only(tmp_path: Path):
    options = files(tmp_path / "images", 2)
    outcome = runs.run(tmp_path / "run", *options, "protocol.color=y")
    assert outcome.exit_status == 2
    assert "protocol.color=y is the luma of RGB, and data.channels=2" in outcome.message
