"""Scored methods: the degraded input and a run's own outputs must measure what they measured in the run."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from scoring import Made, scored

from restorelab.compare.significance import Verdict, against
from restorelab.errors import ConfigError, DataError
from restorelab.exchange import manifest, stored_outputs
from restorelab.metrics.protocol import Protocol
from restorelab.runs.comparable import boards
from restorelab.runs.record import Record, Runs


def test_the_input_measures_what_the_input_measures(made: Made, tmp_path: Path):
    record = scored(made, made.inputs, tmp_path / "out")
    own = Record("run", made.run)
    for evaluation in own.evaluations:
        ours, theirs = record.per_image(evaluation), own.per_image(evaluation)
        assert (ours.ids, ours.groups) == (theirs.ids, theirs.groups)
        for metric in ("psnr", "ssim"):
            assert ours.columns[metric].tolist() == theirs.columns[f"input_{metric}"].tolist()
            assert ours.columns[f"input_{metric}"].tolist() == theirs.columns[f"input_{metric}"].tolist()
        assert record.metric(evaluation, "psnr") == own.metric(evaluation, "input_psnr")


def test_a_runs_own_outputs_measure_what_the_run_measured(made: Made, tmp_path: Path):
    record, own = scored(made, made.restored, tmp_path / "out"), Record("run", made.run)
    for evaluation in own.evaluations:
        assert list(record.per_image(evaluation).columns) == list(own.per_image(evaluation).columns)
        for name, values in own.per_image(evaluation).columns.items():
            found = record.per_image(evaluation).columns[name]
            np.testing.assert_allclose(found, values, rtol=2e-6, err_msg=name)  # batches of one, float32
        entry, other = record.evaluation(evaluation), own.evaluation(evaluation)
        assert entry.keys() == other.keys()
        for key in ("set", "spec", "bits", "protocol", "images", "capped", "dead_pixels"):
            assert entry[key] == other[key], key


def test_it_stands_like_a_run(made: Made, tmp_path: Path):
    more = ("parameters=1234", "seconds=60.5", "seed=2")
    record, own = scored(made, made.restored, tmp_path / "out", *more), Record("run", made.run)
    assert own.result.keys() <= record.result.keys()
    known = {key: record.result[key] for key in ("model", "parameters", "macs", "seconds", "images_per_second")}
    assert known == {
        "model": "method", "parameters": 1234, "macs": None, "seconds": 60.5, "images_per_second": None,
    }  # fmt: skip
    assert record.result["peak_memory"] is None
    assert record.evaluation("impulse_30")["seconds"] is None
    assert np.isnan(record.metric("impulse_30", "loss"))
    assert (record.external, own.external) == (True, False)
    assert (record.seed, record.trained, record.config["name"]) == (2, False, "method")
    assert record.config["choices"]["model"] == "method"
    assert record.config["choices"]["data"] == "photos"
    assert "loss" not in record.config["choices"]
    assert own.config.keys() <= record.config.keys()
    for name in ("impulse_30", "gaussian_25_unclipped"):
        assert (tmp_path / "out" / "images" / f"{name}.png").stat().st_size > 10000
    assert record.frozen("impulse_30").spec == record.evaluation("impulse_30")["spec"]
    with pytest.raises(ConfigError, match="no network"):
        record.net("impulse_30")
    with (tmp_path / "out" / "per_image.csv").open() as ours, (made.run / "per_image.csv").open() as theirs:
        assert next(csv.reader(ours)) == next(csv.reader(theirs))


def judged(one: Record, other: Record) -> Verdict:
    (board,) = boards(Runs([one, other]), "psnr", ["impulse_30"])
    (found,) = against(board, [other.name])
    return found.verdicts[one.name, "impulse_30"]


def test_it_is_compared_like_a_run(made: Made, tmp_path: Path):
    own = Record("run", made.run)
    learned = judged(own, scored(made, made.inputs, tmp_path / "out"))
    gain = own.metric("impulse_30", "psnr") - own.metric("impulse_30", "input_psnr")
    assert learned.difference == pytest.approx(gain)
    assert learned.images == own.evaluation("impulse_30")["images"]
    assert learned.verdict == "underpowered"
    # The same again, said to learn nothing: two fixed methods need no seeds.
    fixed = [scored(made, path, tmp_path / name, "parameters=0", name=name) for name, path in
             (("itself", made.restored), ("nothing", made.inputs))]  # fmt: skip
    decided = judged(*fixed)
    assert decided.difference == pytest.approx(gain, abs=1e-4)
    assert decided.verdict != "underpowered"
    assert decided.corrected is not None


def test_stored_outputs_are_found_again(made: Made, tmp_path: Path):
    outputs = shutil.copytree(made.restored, tmp_path / "outputs")
    at_place = scored(made, outputs, tmp_path / "at_place")
    copied = scored(made, outputs, tmp_path / "copied", "copy=true")
    moved = Record("method", (tmp_path / "copied").rename(tmp_path / "moved"))
    frozen = Record("run", made.run).frozen("impulse_30")
    protocol = Protocol()
    for place in (0, len(frozen) - 1):
        image = stored_outputs.restored(at_place, "impulse_30", place)
        assert image.shape == frozen.clean(place).shape
        psnr = protocol.measure(image[None], frozen.clean(place)[None])["psnr"].item()
        assert psnr == pytest.approx(at_place.per_image("impulse_30").columns["psnr"][place], rel=1e-8)
        torch.testing.assert_close(stored_outputs.restored(moved, "impulse_30", place), image, rtol=0, atol=0)
    changed = outputs / "impulse_30" / f"{manifest.read(made.set).evaluations[1].images[0].file}.npy"
    np.save(changed, np.load(changed) * 0.9)
    with pytest.raises(DataError, match="has changed since it was measured"):
        stored_outputs.restored(at_place, "impulse_30", 0)
    kept = tmp_path / "at_place" / "outputs.json"
    for text in ("{", "[]", '{"evaluations": {"impulse_30": {"images": {}}}}'):
        whole = kept.read_text()
        kept.write_text(text)
        with pytest.raises(DataError, match=r"outputs\.json does not say where the output of .* lies"):
            stored_outputs.restored(at_place, "impulse_30", 0)
        kept.write_text(whole)
    shutil.rmtree(outputs)
    with pytest.raises(DataError, match="cannot be read"):
        stored_outputs.restored(at_place, "impulse_30", 1)
    assert stored_outputs.restored(moved, "impulse_30", 0) is not None
    assert copied.name == "method"


def test_values_beyond_are_clamped_counted_and_told(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    outputs = shutil.copytree(made.restored, tmp_path / "outputs")
    stored = sorted((outputs / "impulse_30").iterdir())
    images = np.stack([np.load(file) for file in stored])
    images[0, :2] = 1.5
    images[1, 0] = -0.5
    for file, image in zip(stored, images, strict=True):
        np.save(file, image)
    record = scored(made, outputs, tmp_path / "out")
    outside = ((images < 0) | (images > 1)).mean()
    said = capsys.readouterr().out
    assert f"impulse_30: {outside:.2%} of the values" in said
    told = record.result["external"]["outputs"]["impulse_30"]
    assert told["outside"] == pytest.approx(outside)
    assert told["forms"] == {"npy float32": len(images)}
    for file, image in zip(stored, images, strict=True):
        np.save(file, np.clip(image, 0, 1))
    again = scored(made, outputs, tmp_path / "again")
    columns = [r.per_image("impulse_30").columns["psnr"].tolist() for r in (record, again)]
    assert columns[0] == columns[1]
