"""What scoring refuses, what it takes besides, and where the result goes."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from scoring import Made, scored

from restorelab.errors import ConfigError, DataError, UserError
from restorelab.exchange import export_set, manifest, score
from restorelab.runs.record import Record


def bad(made: Made, tmp_path: Path, spoil: str) -> Path:
    """Outputs of which some are spoilt."""
    outputs = shutil.copytree(made.restored, tmp_path / "outputs")
    files = sorted((outputs / "impulse_30").iterdir())
    for file in files[:7]:
        array = np.load(file)
        if spoil == "missing":
            file.unlink()
        elif spoil == "size":
            np.save(file, array[:32])
        elif spoil == "channels":
            np.save(file, np.stack([array, array * 0.9, array], axis=-1))
        elif spoil == "nan":
            np.save(file, array * np.nan)
        elif spoil == "scale":
            np.save(file, array * 255)
    return outputs


@pytest.mark.parametrize(
    ("spoil", "words"),
    [("missing", "is missing"), ("size", "is 32x64, not 64x64"), ("channels", "unequal channels"),
     ("nan", "4096 values that are NaN"), ("scale", "divide them")],
)  # fmt: skip
def test_what_cannot_be_measured_is_named_and_counted(made: Made, tmp_path: Path, spoil: str, words: str):
    outputs = bad(made, tmp_path, spoil)
    name = min(image.file for image in manifest.read(made.set).evaluations[1].images)
    with pytest.raises(DataError) as error:
        scored(made, outputs, tmp_path / "out")
    message = str(error.value)
    assert message.startswith("impulse_30: 7 of ")
    assert words in message
    assert name in message
    assert "and 2 more" in message  # five are named
    assert {path.name for path in tmp_path.iterdir()} == {"outputs"}


def test_a_set_that_is_not_the_one_made_here_is_refused(made: Made, tmp_path: Path):
    content = json.loads((made.set / "manifest.json").read_text())

    def refused(words: str, change: object) -> None:
        set_ = tmp_path / "set"
        set_.mkdir(exist_ok=True)
        altered = json.loads(json.dumps(content))
        change(altered)  # type: ignore[operator]
        (set_ / "manifest.json").write_text(json.dumps(altered))
        with pytest.raises(UserError, match=words):
            score.run([str(made.restored), f"set={set_}", "name=m", f"out={tmp_path / 'out'}"])
        assert not (tmp_path / "out").exists()

    def entry(changed: dict, **values: object) -> None:
        changed["evaluations"][0].update(values)

    refused("have other bits", lambda c: entry(c, bits="0" * 16))
    refused("its spec is 0000", lambda c: entry(c, spec="0" * 16))
    refused("its spec is", lambda c: c["config"].update(eval_seed=1))  # the images at hand are degraded otherwise
    refused("gone is none of them", lambda c: [one["images"][0].update(id="gone") for one in c["evaluations"]])
    refused("schema 99", lambda c: c.update(schema=99))
    refused("cannot be read", lambda c: c.pop("part"))
    refused("cannot be read.*impulse_30, impulse_30", lambda c: c["evaluations"].append(c["evaluations"][1]))
    refused("cannot be read.*part 'train'", lambda c: c.update(part="train"))
    refused(
        "no evaluation impulse_31. Did you mean 'impulse_30'", lambda c: c["evaluations"][1].update(name="impulse_31")
    )
    refused("holds a list, not keys and values", lambda c: c.update(config=[1]))
    refused("not the config of a run: noise: missing", lambda c: c["config"].pop("noise"))
    refused("is none of them", lambda c: [one["images"][0].update(id=["x"]) for one in c["evaluations"]])
    (tmp_path / "set" / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(DataError, match="cannot be read"):
        manifest.read(tmp_path / "set")
    with pytest.raises(DataError, match="is not an exported set"):
        score.run([str(made.restored), f"set={made.run}", "name=m"])


def test_shapes_are_those_of_the_images_and_not_what_a_manifest_says(made: Made, tmp_path: Path):
    """A set from anyone could say that an image takes all the memory, or that one pixel is enough."""
    content = json.loads((made.set / "manifest.json").read_text())
    for entry in content["evaluations"]:
        for number, image in enumerate(entry["images"]):
            image["shape"] = [1, 10**9, 10**9] if number else [1, 1, 1]
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "manifest.json").write_text(json.dumps(content))
    assert score.run([str(made.restored), f"set={tmp_path / 'set'}", "name=m", f"out={tmp_path / 'out'}"]) == 0
    own = Record("run", made.run)
    for name in own.evaluations:
        assert Record("m", tmp_path / "out").metric(name, "psnr") == pytest.approx(own.metric(name, "psnr"), rel=1e-6)


def test_some_evaluations_only_and_the_folder_itself(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    shutil.copytree(made.restored / "impulse_30", tmp_path / "outputs" / "impulse_30")
    record = scored(made, tmp_path / "outputs", tmp_path / "out")
    assert record.evaluations == ["impulse_30"]
    assert list(record.config["evaluation"]) == ["impulse_30"]
    assert "not scored" in capsys.readouterr().out
    (tmp_path / "other" / "impulse_03").mkdir(parents=True)
    with pytest.raises(DataError, match="Did you mean 'impulse_30'"):
        scored(made, tmp_path / "other", tmp_path / "never")
    assert export_set.run(["data=photos", "data.limit=60", "data.val=8", "data.test=8", "noise=impulse",
                           f"out={tmp_path / 'one'}"]) == 0  # fmt: skip
    assert (
        score.run([str(made.restored / "impulse_30"), f"set={tmp_path / 'one'}", "name=m", f"out={tmp_path / 'flat'}"])
        == 0
    )
    assert Record("m", tmp_path / "flat").metric("impulse_30", "psnr") == record.metric("impulse_30", "psnr")


def test_validation_images_are_measured_and_no_run_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    assert export_set.run(["data=photos", "data.limit=60", "noise=impulse", "part=val", "out=set"]) == 0
    assert score.run(["set/impulse_30/input_exact", "set=set", "name=m"]) == 0
    assert "no run is written" in capsys.readouterr().out
    assert not (tmp_path / "runs").exists()


def test_whole_or_not_at_all_and_never_over_another(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from restorelab.exchange import scored_run

    scored(made, made.restored, tmp_path / "out")
    with pytest.raises(ConfigError, match="holds something already"):
        scored(made, made.restored, tmp_path / "out")
    monkeypatch.setattr(scored_run, "write_json", lambda *arguments: 1 / 0)
    for arguments in ([f"out={tmp_path / 'new'}"], [f"runs_dir={tmp_path / 'runs'}"]):
        with pytest.raises(ZeroDivisionError):
            score.run([str(made.restored), f"set={made.set}", "name=m", *arguments])
    assert not (tmp_path / "new").exists()
    assert list((tmp_path / "runs" / "m").iterdir()) == []


def test_without_out_a_new_folder_in_runs_dir(made: Made, tmp_path: Path):
    for _ in range(2):
        said = [str(made.restored), f"set={made.set}", "name=my method/2", f"runs_dir={tmp_path / 'runs'}"]
        assert score.run(said) == 0
    folders = list((tmp_path / "runs").glob("*/*"))
    assert len(folders) == 2
    for folder in folders:
        config = yaml.safe_load((folder / "config.yaml").read_text())
        assert config["name"] == "my method/2"
        assert config["run_dir"] == str(folder.resolve())
        assert (folder / "result.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["set=s", "name=m"], "first comes the folder"),
        (["{made}", "name=m"], "set= is missing"),
        (["{made}", "set=s"], "name= is missing"),
        (["{made}", "set=s", "nam=m"], "nam=m: unknown key 'nam'. Did you mean 'name'"),
        (["/nowhere", "set=s", "name=m"], "no such folder"),
        (["{made}", "set={set}", "name=m", "parameters=1e6"], "parameters=1e6: expected a whole number"),
        (["{made}", "set={set}", "name=m", "seconds=fast"], "seconds=fast"),
        (["{made}", "set={set}", "name=m", "copy=1"], "copy=1"),
    ],
)
def test_bad_words_are_named(made: Made, arguments: list[str], words: str):
    said = [argument.format(made=made.restored, set=made.set) for argument in arguments]
    with pytest.raises(ConfigError, match=words):
        score.run(said)


def test_a_dataset_that_lies_elsewhere(made: Made, tmp_path: Path):
    """root= replaces the folder that the set was exported from."""
    from PIL import Image

    images = tmp_path / "here"
    images.mkdir()
    for number in range(8):
        size = (32, 48) if number % 2 else (40, 24)  # mixed, so that sets are measured by shape
        values = np.random.default_rng(number).integers(0, 256, size, np.uint8)
        Image.fromarray(values).save(images / f"p{number}.png")
    said = [
        "data=folder",
        f"data.root={images}",
        "data.size=null",
        "data.crop=16",
        "data.val=2",
        "data.test=4",
        "data.channels=1",
    ]
    assert export_set.run([*said, "noise=impulse", f"out={tmp_path / 'set'}"]) == 0
    given = tmp_path / "set" / "impulse_30" / "input_exact"
    images.rename(tmp_path / "there")
    arguments = [str(given), f"set={tmp_path / 'set'}", "name=m", f"out={tmp_path / 'out'}"]
    with pytest.raises(DataError, match="here"):
        score.run(arguments)
    assert score.run([*arguments, f"root={tmp_path / 'there'}"]) == 0
    columns = Record("m", tmp_path / "out").per_image("impulse_30").columns
    assert columns["psnr"].tolist() == columns["input_psnr"].tolist()
    assert len(set(columns["psnr"])) == 4


def test_true_images_measure_as_perfect_also_where_inputs_are_smaller(tmp_path: Path):
    said = ["data=photos", "data.limit=60", "downsample=avg_pool", "evaluation=own", "clean=true"]
    assert export_set.run([*said, f"out={tmp_path / 'set'}"]) == 0
    assert {np.load(file).shape for file in (tmp_path / "set" / "own" / "input_exact").iterdir()} == {(32, 32)}
    said = [f"set={tmp_path / 'set'}", "name=truth", f"out={tmp_path / 'out'}"]
    assert score.run([str(tmp_path / "set" / "clean"), *said]) == 0
    record = Record("truth", tmp_path / "out")
    assert set(record.per_image("own").columns["psnr"]) == {100.0}
    assert record.evaluation("own")["capped"] == 9
    with pytest.raises(DataError, match="is 32x32, not 64x64"):
        score.run([str(tmp_path / "set" / "own" / "input_exact"), f"set={tmp_path / 'set'}", "name=m"])


def test_a_set_of_a_dataset_that_grew_is_scored_and_its_images_are_found_again(tmp_path: Path):
    """On the images of the set: a new division of the dataset would measure others."""
    noise = np.random.default_rng(0)
    (tmp_path / "images").mkdir()

    def add(*names: str) -> None:
        for name in names:
            Image.fromarray(noise.integers(0, 255, (16, 16), np.uint8)).save(tmp_path / "images" / name)

    add(*(f"{number}.png" for number in range(8)))
    data = ("data=folder", f"data.root={tmp_path / 'images'}", "data.val=2", "data.test=2")
    assert export_set.run([*data, "noise=impulse", f"out={tmp_path / 'set'}"]) == 0
    ids = [image.id for image in manifest.read(tmp_path / "set").evaluations[0].images]
    add(*(f"new{number}.png" for number in range(8)))
    outputs = tmp_path / "set" / "impulse_30" / "input_exact"
    out = tmp_path / "scored"
    assert score.run([str(outputs), f"set={tmp_path / 'set'}", "name=mine", f"out={out}"]) == 0
    assert Record("mine", out).frozen("impulse_30").ids == ids
