"""Exported sets: what lies in the files, against the frozen sets that runs are measured on."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import runs
from restorelab.cli.main import main
from restorelab.config import composition
from restorelab.errors import ConfigError, DataError
from restorelab.exchange import export_set, manifest
from restorelab.runs.record import Record

SAID = ["data=photos", "data.limit=60"]


def export(out: Path, *more: str) -> Path:
    assert export_set.run([*SAID, *more, f"out={out}"]) == 0
    return out


def test_exact_inputs_are_what_a_run_is_measured_on(tmp_path: Path):
    said = ["evaluation=[gaussian_25_unclipped,impulse_30]", "data.channels=3"]
    set_ = export(tmp_path / "set", *said)
    found = manifest.read(set_)
    outcome = runs.run(tmp_path / "run", *said, "model.channels=3", "max_steps=2", "data.val=0.1", "data.test=0.1")
    assert outcome.status == "done", outcome.message
    record = Record("run", tmp_path / "run")
    assert [e.name for e in found.evaluations] == record.evaluations
    for entry in found.evaluations:
        own = record.evaluation(entry.name)
        assert (entry.spec, entry.bits, len(entry.images)) == (own["spec"], own["bits"], own["images"])
        frozen = record.frozen(entry.name)
        for place, image in enumerate(entry.images):
            given = np.load(set_ / entry.folder / "input_exact" / f"{image.file}.npy")
            assert given.dtype == np.float32
            assert given.shape == (64, 64, 3)
            np.testing.assert_array_equal(given.transpose(2, 0, 1), frozen.image(place).numpy())
            assert (image.id, image.group) == (frozen.ids[place], frozen.groups[place])
            looked_at = np.asarray(Image.open(set_ / entry.folder / "input" / f"{image.file}.png"))
            np.testing.assert_array_equal(looked_at, np.rint(np.clip(given, 0, 1) * 255))
    unclipped, clipped = found.evaluations
    stored = [np.load(file) for file in (set_ / unclipped.folder / "input_exact").iterdir()]
    assert unclipped.outside == sum(int(((a < 0) | (a > 1)).sum()) for a in stored) > 0
    assert clipped.outside == 0
    assert not (set_ / "clean").exists()


def test_gray_arrays_are_flat_and_true_images_only_come_when_asked_for(tmp_path: Path):
    set_ = export(tmp_path / "set", "noise=impulse", "clean=true", "part=val")
    found = manifest.read(set_)
    assert found.part == "val"
    from restorelab.exchange.sets import open_sets

    _, (frozen,) = open_sets(found.config, "val")
    assert len(frozen) == len(found.evaluations[0].images) > 0
    for place, image in enumerate(found.evaluations[0].images):
        assert np.load(set_ / "impulse_30" / "input_exact" / f"{image.file}.npy").shape == (64, 64)
        clean = np.asarray(Image.open(set_ / "clean" / f"{image.file}.png"), np.float32) / np.float32(255)
        torch.testing.assert_close(torch.from_numpy(clean)[None], frozen.clean(place), rtol=0, atol=1e-7)


def test_what_a_network_is_given_is_clipped_where_the_protocol_says_so(tmp_path: Path):
    set_ = export(tmp_path / "set", "evaluation=gaussian_25_unclipped", "protocol.clip_input=true")
    values = np.stack([np.load(file) for file in set_.glob("*/input_exact/*.npy")])
    assert (values.min(), values.max()) == (0, 1)
    assert manifest.read(set_).evaluations[0].outside == 0


def test_that_of_a_run_and_twice_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert runs.run(tmp_path / "run", "noise=speckle", "max_steps=2").status == "done"
    assert export_set.run([f"run={tmp_path / 'run'}", f"out={tmp_path / 'set'}"]) == 0
    own = Record("run", tmp_path / "run").evaluation("speckle_002")
    entry = manifest.read(tmp_path / "set").evaluations[0]
    assert (entry.spec, entry.bits) == (own["spec"], own["bits"])
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "set").rglob("*")}
    assert export_set.run([f"run={tmp_path / 'run'}", f"out={tmp_path / 'set'}"]) == 0
    assert "holds this set already" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "set").rglob("*")} == before
    with pytest.raises(ConfigError, match="holds something else"):
        export(tmp_path / "set", "noise=impulse")
    (lost, *_) = sorted((tmp_path / "set" / "speckle_002" / "input_exact").iterdir())
    lost.unlink()
    with pytest.raises(ConfigError, match=f"this set without speckle_002/input_exact/{lost.name}"):
        export_set.run([f"run={tmp_path / 'run'}", f"out={tmp_path / 'set'}"])
    with pytest.raises(ConfigError, match=r"leave out noise=impulse"):
        export_set.run([f"run={tmp_path / 'run'}", "noise=impulse", f"out={tmp_path / 'other'}"])


def test_a_folder_that_holds_something_else_is_told_before_images_are_read(tmp_path: Path):
    (tmp_path / "mine.txt").touch()
    with pytest.raises(ConfigError, match="holds something else"):
        export_set.run(["data=mnist", "data.root=/nowhere", f"out={tmp_path}"])


def test_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from restorelab.exchange import write_set

    save, calls = np.save, []

    def killed(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        save(*arguments)

    monkeypatch.setattr(write_set.np, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        export(tmp_path / "set", "noise=impulse")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_found_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from restorelab.exchange import write_set

    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(write_set.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(DataError, match="1,000 free"):
        export(tmp_path / "set", "noise=impulse")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "say where to, out=FOLDER"),
        (["out=x", "part=train"], "part=train: .*Allowed: test, val"),
        (["out=x", "prt=val"], "prt=val: unknown key 'prt'. Did you mean 'part'"),
        (["out=x", "clean=yes"], "clean=yes: .*true"),
        (["out=x", "noise=impulze"], "Did you mean 'impulse'"),
        (["out=x", "out=y"], "given twice"),
        (["out=x", "data.lmit=3"], "data.lmit: unknown key"),
        (["out=x", "--force"], "expected key=value"),
        (["out=x", "run=/nowhere"], "leave out"),
        (["out=x", "data=mnist", "objective=classify", "model=classifier"], "restores no images"),
    ],
)
def test_bad_words_are_named(arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    said = [o for o in SAID if "data=mnist" not in arguments]
    with pytest.raises(ConfigError, match=words):
        export_set.run([*said, *arguments])
    assert list(tmp_path.iterdir()) == []


def test_a_missing_dataset_is_named(tmp_path: Path):
    with pytest.raises(DataError, match="MNIST was looked for in /nowhere"):
        export_set.run(["data=mnist", "data.root=/nowhere", f"out={tmp_path / 'x'}"])
    assert list(tmp_path.iterdir()) == []


def test_the_manifest_says_all_and_needs_no_weights(tmp_path: Path):
    """A set of a run with weights of its own, on a machine without them."""
    settings = composition.compose([*SAID, "noise=impulse", "ckpt=/nowhere.ckpt", "loss=l1"])
    export_set.export(settings, tmp_path / "set")
    content = json.loads((tmp_path / "set" / "manifest.json").read_text())
    assert content["config"]["ckpt"] is None
    assert content["config"]["model"]["_target_"].endswith("Identity")
    assert content["protocol"]["border"] == 0
    assert "exact" in content["inputs"]
    assert "8 bits" in content["inputs"]
    assert (tmp_path / "set" / "README.md").read_text().count("impulse_30") >= 3


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["export-set", *SAID, "noise=impulse", f"out={tmp_path / 'set'}"]) == 0
    given = tmp_path / "set" / "impulse_30" / "input_exact"
    assert main(["score", str(given), f"set={tmp_path / 'set'}", "name=input", f"out={tmp_path / 'run'}"]) == 0
    assert str(tmp_path / "run") in capsys.readouterr().out
    assert main(["score", str(given), f"set={tmp_path / 'set'}", "name=input", f"out={tmp_path / 'run'}"]) == 2
    assert "holds something already" in capsys.readouterr().err
    for command in ("export-set", "score"):
        assert main([command, "--help"]) == 0
        assert "restorelab score mine set=set" in capsys.readouterr().out
