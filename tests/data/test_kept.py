"""A run keeps its images in their parts, whatever becomes of the dataset."""

import gzip
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import runs
from restorelab.data import split_record
from restorelab.data.dataset import Dataset, Opened
from restorelab.data.sources.folder import Folder
from restorelab.data.split_record import Kept
from restorelab.degradations.blur import NoBlur
from restorelab.degradations.downsample import NoDownsample
from restorelab.degradations.mixture import Each
from restorelab.degradations.noise import Gaussian, Impulse
from restorelab.degradations.pipeline import Degradation
from restorelab.errors import DataError
from restorelab.runs import keeping, split_file
from restorelab.runs.run_folder import RunFolder

FOLDER = ("data=folder", "data.crop=16", "data.limit=null", "data.batch_size=2", "data.val=2", "data.test=2")


def image(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (24, 24), np.uint8)).save(path)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten images."""
    monkeypatch.setenv("RESTORELAB_CACHE", str(tmp_path / "cache"))
    for number in range(10):
        image(tmp_path / "tree" / f"{number}.png", number)
    return tmp_path / "tree"


def dataset(tree: Path, **options: Any) -> Dataset:
    return Dataset(partial(Folder), root=str(tree), **{"val": 2, "test": 2, **options})


def parts(opened: Opened) -> dict[str, set[str]]:
    table, rows = opened
    return {part: {table.ids[row] for row in found} for part, found in rows.items()}


def written(folder: Path, opened: Opened) -> Kept:
    """What a run in the folder would read back."""
    RunFolder(folder).path.mkdir()
    keep = split_record.of(*opened)
    split_file.write(RunFolder(folder), keep)
    RunFolder(folder).inputs.write_text(json.dumps({"table": keep.table}))
    found = split_file.read(folder)
    assert found == keep
    return keep


@pytest.mark.parametrize("limit", [None, 8])
def test_images_that_are_added_are_left_out_and_the_others_stay_in_their_parts(
    tree: Path, tmp_path: Path, limit: int | None
) -> None:
    own = dataset(tree, limit=limit)
    before = own.open(28)
    keep = written(tmp_path / "run", before)
    for number in range(10, 30):
        image(tree / f"new{number}.png", number)
    assert parts(own.open(28)) != parts(before)
    after = own.open(28, None, keep)
    assert parts(after) == parts(before)
    changes = own.changes(after[0], keep)
    assert (len(changes.added), changes.removed) == (20 if limit is None else 0, [])
    assert split_record.of(*after).digest == keep.digest


def test_what_is_gone_is_named(tree: Path, tmp_path: Path) -> None:
    own = dataset(tree)
    before = own.open(0)
    keep = written(tmp_path / "run", before)
    gone, *train = sorted(parts(before)["train"])
    (tree / gone).unlink()
    table, rows = own.open(0, None, keep)
    changes = own.changes(table, keep)
    assert (changes.added, changes.removed) == ([], [gone])
    assert str(changes) == f"1 images removed or unreadable, which this run continues without: {gone}"
    assert parts((table, rows)) == {**parts(before), "train": set(train)}
    assert split_record.of(table, rows).digest != keep.digest


@pytest.mark.parametrize("part", ["train", "test"])
def test_an_image_of_another_content_is_refused(tree: Path, tmp_path: Path, part: str) -> None:
    own = dataset(tree)
    before = own.open(0)
    keep = written(tmp_path / "run", before)
    changed = min(parts(before)[part])
    (tree / changed).write_bytes((tree / max(parts(before)["train"])).read_bytes())
    with pytest.raises(DataError, match=rf"1 of 10 images have another content .*\({changed}\)"):
        own.open(0, None, keep)


def test_a_dataset_that_is_as_it_was_is_not_decoded_again(tree: Path, tmp_path: Path) -> None:
    own = dataset(tree)
    keep = written(tmp_path / "run", own.open(0))
    moved = tree.rename(tmp_path / "moved")
    table, _ = dataset(moved).open(0, None, keep)
    assert table.folder.name == keep.table
    assert len(list((tmp_path / "cache" / "tables").glob("folder-*"))) == 1


def test_a_dataset_without_any_image_of_the_run_is_refused(tree: Path, tmp_path: Path) -> None:
    own = dataset(tree)
    keep = written(tmp_path / "run", own.open(0))
    for path in list(tree.iterdir()):
        path.rename(path.with_name(f"renamed{path.name}"))
    with pytest.raises(DataError, match="none of the images that the run began with"):
        own.open(0, None, keep)


def test_images_that_are_divided_among_noises_stay_with_theirs(tree: Path, tmp_path: Path) -> None:
    noise = Each(
        {"weak": Gaussian(5, clip=True), "strong": Gaussian(50, clip=True), "salt": Impulse(0.1, salt=0.5, clip=True)}
    )
    degradation = Degradation(NoBlur(), NoDownsample(), noise)
    own = dataset(tree, split_by="pair", val=4, test=4)
    before = own.open(0, degradation)
    keep = written(tmp_path / "run", before)
    image(tree / "a.png", 77)
    after = own.open(0, degradation, keep)
    shown = [
        {(part, name): {table.ids[row] for row in found} for part, by in (rows.shown or {}).items()
         for name, found in by.items()}
        for table, rows in (before, after)
    ]  # fmt: skip
    assert shown[0] == shown[1]
    assert list((after[1].shown or {})["train"]) == ["weak", "strong", "salt"]


def test_equal_divisions_are_equal_files_and_a_damaged_one_is_said(tree: Path, tmp_path: Path) -> None:
    own = dataset(tree)
    written(tmp_path / "a", own.open(0))
    written(tmp_path / "b", own.open(0))
    files = [tmp_path / name / "split.csv.gz" for name in "ab"]
    assert files[0].read_bytes() == files[1].read_bytes()
    head, first, *_ = gzip.decompress(files[0].read_bytes()).decode().splitlines()
    assert (head, first.split(",")[1]) == ("id,part,content,noises", "train")
    files[0].write_bytes(files[0].read_bytes()[:40])
    with pytest.raises(DataError, match=r"split\.csv\.gz: cannot be read"):
        split_file.read(tmp_path / "a")


def test_a_run_that_goes_on_never_tests_on_what_it_trained_on(
    tree: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = (*FOLDER, f"data.root={tree}", "split_seed=28")
    done = runs.run(tmp_path / "run", *options, "trainer.max_epochs=1")
    assert done.status == "done", done.message
    before = split_file.read(tmp_path / "run")
    assert before is not None
    for number in range(10, 20):
        image(tree / f"new{number}.png", number)
    (tree / sorted(before.parts["train"])[0]).unlink()
    moved = tree.rename(tmp_path / "moved")
    options = (*FOLDER, f"data.root={moved}", "split_seed=28")
    again = runs.run(tmp_path / "run", *options, "trainer.max_epochs=2", "resume=true")
    assert again.status == "done", again.message
    rows = (tmp_path / "run" / "per_image.csv").read_text().splitlines()[1:]
    assert {row.split(",")[0] for row in rows} == set(before.parts["test"])
    assert "10 images added, which this run leaves out: new10.png" in caplog.text
    assert "1 images removed" in json.loads((tmp_path / "run" / "inputs.json").read_text())["changes"][0]
    (tmp_path / "run" / "split.csv.gz").unlink()
    lost = runs.run(tmp_path / "run", *options, "trainer.max_epochs=3", "resume=true")
    assert "which images it was trained on is not known" in lost.message


def test_a_run_does_not_go_on_from_other_weights(tmp_path: Path) -> None:
    import torch

    start = tmp_path / "start.pth"
    torch.save({"model.0.weight": torch.zeros(4, 1, 3, 3)}, start)
    assert runs.run(tmp_path / "run", f"transfer={start}", "max_steps=1").status == "done"
    torch.save({"model.0.weight": torch.ones(4, 1, 3, 3)}, start)
    other = runs.run(tmp_path / "run", f"transfer={start}", "max_steps=2", "resume=true")
    assert other.exit_status == 2
    assert "transfer: these are other weights" in other.message


def test_it_is_said_where_test_images_were_trained_on_by_the_run_of_the_weights(
    tree: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = dataset(tree)
    keep = written(tmp_path / "run", own.open(0))
    ckpt = str(tmp_path / "run" / "checkpoints" / "best.ckpt")
    keeping.tell_of_trained({"ckpt": ckpt, "transfer": None}, own.open(0))
    assert "test images are images that" not in caplog.text
    table, rows = own.open(1)
    trained = {table.ids[row] for row in rows["test"]} & set(keep.parts["train"])
    assert trained
    keeping.tell_of_trained({"ckpt": ckpt, "transfer": None}, (table, rows))
    assert f"ckpt: {len(trained)} of the 2 test images are images that" in caplog.text
    for number in range(3):
        image(tmp_path / "others" / f"{number}.png", 100 + number)
    written(tmp_path / "tuned", dataset(tmp_path / "others", val=0, test=0).open(0))
    (tmp_path / "tuned" / "config.yaml").write_text(f"ckpt: {ckpt}\ntransfer: null\n")  # from the weights of that run
    caplog.clear()
    keeping.tell_of_trained({"ckpt": str(tmp_path / "tuned"), "transfer": None}, (table, rows))
    assert f"{len(trained)} of the 2 test images are images that {tmp_path / 'run'}" in caplog.text
