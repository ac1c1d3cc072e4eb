"""Trees of images as people have them."""

import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restorelab.data.cache import prepare
from restorelab.data.decode import Decoding
from restorelab.data.sources import folder as folder_module
from restorelab.data.sources.folder import Folder
from restorelab.errors import ConfigError, DataError


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8), 9).save(path, format="PNG")
    return path


def ids(root: Path, **options: str) -> list[str]:
    return [item.id for item in Folder(root, **options).items()]


def test_every_extension_in_depth_sorted_hidden_left_out(tmp_path: Path):
    names = ["b.JPG", "a/z.jpeg", "a/b/c.png", "x.tif", "x.TIFF", "x.bmp", "x.pgm", "y.webp", "ä.png", "x.gif"]
    names += ["x.npy", "x.npz"]
    for name in [*names, ".hidden.png", ".git/a.png", "a/._b.png", "notes.txt", "a.xcf", "png"]:
        picture(tmp_path / name)
    found = ids(tmp_path)
    assert set(found) == set(names)
    assert found == ids(tmp_path)
    assert [item.clean for item in Folder(str(tmp_path)).items()] == [tmp_path / name for name in found]
    assert all(item.group == item.id and item.split is None for item in Folder(tmp_path).items())


def test_links_are_followed_once(tmp_path: Path):
    picture(tmp_path / "tree" / "a" / "1.png")
    picture(tmp_path / "elsewhere" / "2.png")
    (tmp_path / "tree" / "a" / "loop").symlink_to(tmp_path / "tree")
    (tmp_path / "tree" / "other").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "tree" / "same").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "tree" / "file.png").symlink_to(tmp_path / "elsewhere" / "2.png")
    assert ids(tmp_path / "tree") == ["a/1.png", "file.png", "other/2.png"]


def test_a_broken_link_is_a_bad_image(tmp_path: Path):
    for i in range(3):
        picture(tmp_path / "tree" / f"{i}.png")
    (tmp_path / "tree" / "3.png").symlink_to(tmp_path / "gone.png")
    table = prepare(Folder(tmp_path / "tree"), Decoding(1), cache_dir=tmp_path / "c")
    assert [name for name, _ in table.bad] == ["3.png"]


def test_groups(tmp_path: Path):
    for name in ("ann_1.png", "ann_2.png", "sub/bob_1.png"):
        picture(tmp_path / name)
    groups = {group: [item.group for item in Folder(tmp_path, group=group).items()] for group in ("file", "parent")}
    assert groups == {"file": ["ann_1.png", "ann_2.png", "sub/bob_1.png"], "parent": [".", ".", "sub"]}
    assert [item.group for item in Folder(tmp_path, group=r"([a-z]+)_\d").items()] == ["ann", "ann", "bob"]
    assert [item.group for item in Folder(tmp_path, group=r"_\d").items()] == ["_1", "_2", "_1"]
    with pytest.raises(DataError, match=r"group='parents' does not match ann_1\.png; allowed: file, parent"):
        Folder(tmp_path, group="parents").items()
    with pytest.raises(ConfigError, match="regular expression"):
        Folder(tmp_path, group="(")


def test_official_parts(tmp_path: Path):
    for name in ("train/a.png", "train/deep/b.png", "test/c.png", "val/d.png"):
        picture(tmp_path / name)
    parts = {item.id: item.split for item in Folder(tmp_path).items()}
    assert parts == {"train/a.png": "train", "train/deep/b.png": "train", "test/c.png": "test", "val/d.png": "val"}
    assert {item.split for item in Folder(tmp_path, parts="none").items()} == {None}
    assert Folder(tmp_path).remarks() == []
    picture(tmp_path / "only" / "train" / "a.png")
    picture(tmp_path / "only" / "other" / "a.png")
    assert {item.split for item in Folder(tmp_path / "only").items()} == {None}
    assert "train/ (1 of 2 images are outside" in Folder(tmp_path / "only").remarks()[0]


def test_fingerprint_follows_names_and_content(tmp_path: Path):
    root = tmp_path / "images"
    picture(root / "a.png")
    (root / "notes.txt").write_text("1")
    prints = [Folder(root).fingerprint()]
    (root / "notes.txt").write_text("22")
    os.utime(root / "a.png", ns=(5, 5))
    shutil.copytree(root, tmp_path / "copy")
    root = root.rename(tmp_path / "moved")
    assert Folder(root).fingerprint() == Folder(tmp_path / "copy").fingerprint() == prints[0]
    (root / "a.png").rename(root / "b.png")
    prints.append(Folder(root).fingerprint())
    picture(root / "c.png")
    prints.append(Folder(root).fingerprint())
    assert len({str(told) for told in prints}) == 3


def test_missing_and_empty(tmp_path: Path):
    with pytest.raises(DataError, match=f"is {tmp_path}/none, which does not exist.*data.root"):
        Folder(tmp_path / "none").fingerprint()
    with pytest.raises(DataError, match=r"`restorelab fetch data=folder data\.root=.*from http://host/a\.zip"):
        Folder(tmp_path / "none", url="http://host/a.zip").items()
    with pytest.raises(DataError, match="which is a file"):
        Folder(picture(tmp_path / "file.png")).items()
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"holds no images .*; it holds nothing"):
        Folder(tmp_path / "empty").items()
    for name in ("a.xcf", "b.xcf", "c"):
        (tmp_path / "empty" / name).write_text("")
    with pytest.raises(DataError, match=r"it holds 2 \.xcf, 1 no suffix"):
        Folder(tmp_path / "empty").items()
    with pytest.raises(DataError, match=r"data\.root is not set"):
        Folder().items()


def test_names_that_are_not_utf8(tmp_path: Path):
    raw = os.fsencode(tmp_path) + b"/a\xff.png"
    with open(raw, "wb") as file:  # noqa: PTH123 - a path of bytes
        file.write(picture(tmp_path / "b.png").read_bytes())
    assert ids(tmp_path) == ["a\\xff.png", "b.png"]
    assert len(prepare(Folder(tmp_path), Decoding(1), cache_dir=tmp_path / "c")) == 2


def test_fetch_unpacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked = []

    def fake(url: str, target: Path, *, sha256: str | None) -> Path:
        asked.append((url, sha256))
        target.parent.mkdir(parents=True)
        with zipfile.ZipFile(target, "w") as archive:
            archive.write(picture(tmp_path / "x.png"), "deep/x.png")
        return target

    monkeypatch.setattr(folder_module, "download", fake)
    source = Folder(tmp_path / "data" / "set", url="http://host/some%20set.zip?x=1", sha256="ab" * 32)
    source.fetch()
    assert asked == [("http://host/some%20set.zip?x=1", "ab" * 32)]
    assert [item.id for item in source.items()] == ["deep/x.png"]
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["set"]
    with pytest.raises(DataError, match="is not empty"):
        source.fetch()
    with pytest.raises(DataError, match=r"data\.source\.url=ADDRESS"):
        Folder(tmp_path).fetch()


def test_real_faces_are_listed(shared: Path):
    items = Folder(shared / "data" / "faces").items()
    assert len(items) == 12_000
    assert len({item.id for item in items}) == 12_000


def test_real_images_of_each_format(shared: Path, tmp_path: Path):
    for name, channels, shapes in (
        ("set12", 1, {(1, 256, 256): 7, (1, 512, 512): 5}),
        ("stl10_sample", 3, {(3, 96, 96): 249}),
    ):
        source = Folder(shared / "data" / name)
        table = prepare(source, Decoding(channels), cache_dir=tmp_path)
        assert {shape: len(rows) for shape, rows in table.buckets().items()} == shapes
        for row in (0, len(table) - 1):
            with Image.open(shared / "data" / name / table.ids[row]) as image:
                expected = np.asarray(image.convert("L" if channels == 1 else "RGB"))
            assert np.array_equal(table.clean(row), np.atleast_3d(expected).transpose(2, 0, 1))
