"""Several test sets in one run: each measured whole under every evaluation, and told apart wherever runs are read."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import runs
from restorelab.config import build, composition
from restorelab.config.run_config import read_config
from restorelab.errors import ConfigError
from restorelab.exchange import export_set, score, sets
from restorelab.exchange.method import Method
from restorelab.runs import comparable, keeping
from restorelab.runs.record import Record, Runs
from restorelab.runs.run_identity import identity
from restorelab.runs.samples import samples
from restorelab.training import execute

TARGET = "restorelab.data.sources.image_set.ImageSet"
NAMES = ["a/gaussian_25", "a/gaussian_50", "b/gaussian_25", "b/gaussian_50"]


def images(folder: Path, count: int, shape: tuple[int, int]) -> Path:
    """Images of equal names in every set, so that nothing is told by them."""
    rng = np.random.default_rng(count)
    folder.mkdir(parents=True)
    for number in range(count):
        Image.fromarray(rng.integers(0, 256, shape, np.uint8)).save(folder / f"{number}.png")
    return folder


def overrides(folder: Path) -> list[str]:
    sets = [f"+test.{name}={{_target_:{TARGET},root:{folder / name},images:{count}}}" for name, count in COUNTS.items()]
    return [*sets, "noise=gaussian", "evaluation=[gaussian_25,gaussian_50]"]


COUNTS = {"a": 3, "b": 4}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    images(folder / "a", 3, (24, 24))
    images(folder / "b", 4, (20, 28))
    outcome = runs.run(folder / "run", *overrides(folder), "trainer.max_epochs=1", "pictures=1")
    assert outcome.status == "done", outcome.message
    return folder


@pytest.fixture(scope="module")
def record(place: Path) -> Record:
    return Record("mine", place / "run")


def test_each_set_is_measured_under_each_evaluation(record: Record) -> None:
    assert record.evaluations == NAMES
    assert [(e["set"], e["images"]) for e in record.result["evaluations"]] == [("a", 3), ("a", 3), ("b", 4), ("b", 4)]
    with record.folder.per_image.open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["evaluation"] for row in rows] == [name for name in NAMES for _ in range(COUNTS[name[0]])]
    for name in NAMES:
        mean = np.mean([float(row["psnr"]) for row in rows if row["evaluation"] == name])
        assert record.metric(name, "psnr") == pytest.approx(float(mean), abs=1e-6)
        assert (record.folder.images / f"{name}.png").is_file()
        assert f"error under {name}" in record.folder.page.read_text()


def test_a_set_is_the_same_as_a_folder_that_is_measured_whole(place: Path, record: Record) -> None:
    """By its spec and bits, so the two may be compared."""
    settings = runs.composed(
        ["data=folder", f"data.root={place / 'b'}", "data.test=all", "noise=gaussian", "evaluation=gaussian_50"]
    )
    (frozen,) = build.parts(settings).data().frozen("test")
    entry = record.evaluation("b/gaussian_50")
    assert (frozen.spec, frozen.bits) == (entry["spec"], entry["bits"])
    assert record.frozen("b/gaussian_50").ids == ["0.png", "1.png", "2.png", "3.png"]


def test_images_of_equal_names_in_two_sets_are_two_images(record: Record) -> None:
    (found,) = samples(Runs([record]), ["mine"], "psnr", None)
    assert found.values.shape == (1, 7)
    assert found.groups is not None
    assert len(set(found.groups)) == 7
    means = [record.metric(name, "psnr") for name in NAMES]
    assert found.values.mean() == pytest.approx(float(np.mean(means)), abs=1e-6)


def test_the_leaderboard_has_a_block_of_columns_a_set(record: Record) -> None:
    (board,) = comparable.boards(Runs([record]))
    assert [column.label for column in board.columns] == NAMES


def test_the_identity_goes_by_the_content_of_the_sets(place: Path, tmp_path: Path) -> None:
    plain, own = runs.composed(runs.TINY), runs.composed([*runs.TINY, *overrides(place)])
    assert plain["test"] == {}
    before = {key: value for key, value in plain.items() if key != "test"}
    assert identity(plain) == identity(before)  # that of a config from before there were test sets
    for name in COUNTS:
        shutil.copytree(place / name, tmp_path / name)
    moved = runs.composed([*runs.TINY, *overrides(tmp_path)])
    assert identity(moved) == identity(own) != identity({**own, "test": {}})
    Image.fromarray(np.zeros((24, 24), np.uint8)).save(tmp_path / "a" / "0.png")
    assert identity(moved) != identity(own)


def test_an_incomplete_set_ends_the_run_before_it_has_a_folder(place: Path, tmp_path: Path) -> None:
    five = f"+test.five={{_target_:{TARGET},root:{place / 'b'},images:5,title:Five}}"
    outcome = runs.run(tmp_path / "run", *overrides(place), five)
    assert outcome.exit_status == 1
    assert outcome.message.startswith("test.five: Five has 5 images, and ")
    assert not (tmp_path / "run").exists()


def test_test_images_among_the_training_images_are_told_of(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = runs.composed(
        ["data=folder", f"data.root={place / 'a'}", "data.val=0", "data.test=0", "data.crop=16", *overrides(place)]
    )
    built = build.parts(settings)
    tables = [dataset.open(0)[0] for dataset in built.tests.values()]
    keeping.tell_of_trained(settings, built.dataset.open(0), tables)
    assert "test: 3 of the 7 test images are among the training images" in caplog.text


def test_what_is_tuned_goes_with_the_evaluation(place: Path, tmp_path: Path) -> None:
    plain = [override for override in runs.TINY if not override.startswith("model")]
    settings = runs.composed(
        [*plain, f"run_dir={tmp_path / 'run'}", "model=median", "model.kernel=null", *overrides(place)]
    )
    outcome = runs.execute.execute(settings)
    assert outcome.status == "done", outcome.message
    entries = json.loads((tmp_path / "run" / "result.json").read_text())["evaluations"]
    tuned = [entry["tuned"] for entry in entries]
    assert tuned[:2] == tuned[2:]
    assert tuned[0] is not None


def test_a_method_from_elsewhere_is_scored_on_every_set(place: Path, tmp_path: Path) -> None:
    export_set.export(read_config(place / "run"), tmp_path / "set", clean=True)
    for name, count in COUNTS.items():  # images of equal names
        for number in range(count):
            stored, own = (
                Image.open(folder / name / f"{number}.png") for folder in (tmp_path / "set" / "clean", place)
            )
            np.testing.assert_array_equal(stored, own)
    for name in NAMES[1:]:
        shutil.copytree(tmp_path / "set" / name / "input_exact", tmp_path / "outputs" / name)
    text = score.score(tmp_path / "outputs", tmp_path / "set", Method("theirs"), tmp_path / "theirs", copy=True)
    assert "a/gaussian_25" in text.partition("not scored")[2]
    theirs = Record("theirs", tmp_path / "theirs")
    assert theirs.evaluations == NAMES[1:]
    for name in NAMES[1:]:
        assert theirs.metric(name, "psnr") == pytest.approx(theirs.metric(name, "input_psnr"), abs=1e-6)
    assert theirs.frozen("b/gaussian_25").spec == theirs.evaluation("b/gaussian_25")["spec"]


def test_crossing_measures_every_set(place: Path, tmp_path: Path) -> None:
    from restorelab.compare import cross

    shutil.copytree(place / "run", tmp_path / "run")
    evaluations = runs.composed(["evaluation=gaussian_15"])["evaluation"]
    crossed = cross.cross_one(tmp_path / "run", evaluations)
    assert crossed.measured == ["a/gaussian_15", "b/gaussian_15"]
    assert cross.cross_one(tmp_path / "run", evaluations).measured == []
    beside = Record("mine", tmp_path / "run").crossed
    assert beside is not None
    assert beside.per_image("b/gaussian_15").ids == ["0.png", "1.png", "2.png", "3.png"]


def test_the_best_checkpoint_is_chosen_on_the_validation_set(place: Path, tmp_path: Path) -> None:
    """Its value in metrics.csv is what the best checkpoint scores on that set, and none of the training images is."""
    val = f"+val.b={{_target_:{TARGET},root:{place / 'b'},images:4}}"
    fixed = ["noise=gaussian", "evaluation=gaussian_25", "data.val=0"]
    outcome = runs.run(tmp_path / "run", val, *fixed, "trainer.max_epochs=2")
    assert outcome.status == "done", outcome.message
    with (tmp_path / "run" / "metrics.csv").open() as stream:
        validated = [float(row["val/psnr"]) for row in csv.DictReader(stream) if row["val/psnr"]]
    config = read_config(tmp_path / "run")
    measured = composition.compose([
        *runs.TINY, *fixed[:2], f"ckpt={tmp_path / 'run'}", "train=false", f"run_dir={tmp_path / 'again'}",
        f"+test.b={{_target_:{TARGET},root:{place / 'b'},images:4}}",
    ])  # fmt: skip
    assert execute.execute(measured).status == "done"
    again = Record("again", tmp_path / "again")
    assert max(validated) == pytest.approx(again.metric("b/gaussian_25", "psnr"), abs=1e-4)
    assert identity(config) != identity({**config, "val": {}})
    (frozen,) = sets.open_sets(config, "val")[1]
    assert frozen.ids == ["0.png", "1.png", "2.png", "3.png"]


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (["val=set12", "test=[bsd68,set12]"], r"val=set12: it is the test set test\.set12\. "),
        (
            ["val=set12", "test=bsd68", "val.set12.root=/x", "test.bsd68.root=/x"],
            r"val=set12: it is the test set test\.bsd68\. ",
        ),
        (["val=[set12,bsd68]"], r"val: expected one set, got set12, bsd68\."),
    ],
)
def test_a_validation_set_that_is_tested_on_is_refused(chosen: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        runs.composed(chosen)


def test_validation_images_that_are_test_images_are_refused_whatever_their_set_is_called(
    place: Path, tmp_path: Path
) -> None:
    shutil.copytree(place / "a", tmp_path / "copy")
    images(tmp_path / "more", 1, (24, 24)).joinpath("0.png").rename(tmp_path / "copy" / "new.png")
    val = f"+val.mine={{_target_:{TARGET},root:{tmp_path / 'copy'},images:4}}"
    outcome = runs.run(tmp_path / "run", *overrides(place), val)
    assert outcome.exit_status == 2
    assert outcome.message.startswith("val.mine: 3 of its 4 images are images of test.a. ")


def test_null_leaves_out_the_sets_of_an_experiment() -> None:
    assert len(runs.composed(["experiment=sr_x2/color"])["test"]) == 4
    plain = runs.composed(["experiment=sr_x2/color", "test=null", "val=null"])
    assert (plain["test"], plain["val"]) == ({}, {})
