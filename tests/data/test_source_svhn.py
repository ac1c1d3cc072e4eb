"""SVHN's MATLAB files, written as MATLAB would, and the real piece."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat, savemat

from data.test_download import Server, server
from restorelab.data.cache import prepare
from restorelab.data.decode import Decoding
from restorelab.data.sources import svhn as module
from restorelab.data.sources.svhn import Svhn
from restorelab.data.split import split
from restorelab.errors import ConfigError, DataError

__all__ = ["server"]


def digits(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 32, 32, 3) and the labels as the file has them, 1 to 10."""
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (count, 32, 32, 3), np.uint8), generator.integers(1, 11, count).astype(np.uint8)


def write(path: Path, images: np.ndarray, labels: np.ndarray, **more: Any) -> None:
    savemat(path, {"X": images.transpose(1, 2, 3, 0), "y": labels[:, None], **more}, do_compression=True)


@pytest.fixture
def made(tmp_path: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    made = {part: digits(count, count) for part, count in (("train", 11), ("test", 5), ("extra", 4))}
    for part, (images, labels) in made.items():
        write(tmp_path / f"{part}_32x32.mat", images, labels)
    return made


@pytest.mark.parametrize("extra", [False, True])
def test_official_files(tmp_path: Path, made: dict[str, tuple[np.ndarray, np.ndarray]], extra: bool):
    items = Svhn(str(tmp_path), extra=extra).items()
    parts = ["train", "test", "extra"] if extra else ["train", "test"]
    assert [item.id for item in items] == [f"{part}/{i:06d}" for part in parts for i in range(len(made[part][1]))]
    assert [item.split for item in items] == [*["train"] * 11, *["test"] * 5, *["train"] * 4][: len(items)]
    assert np.array_equal([item.clean for item in items], np.concatenate([made[part][0] for part in parts]))
    labels = np.concatenate([made[part][1] for part in parts])
    assert [item.label for item in items] == [0 if label == 10 else label for label in labels]
    assert {10} < set(labels.tolist())
    assert all(item.group == item.id for item in items)


def test_images_are_views_of_one_array(tmp_path: Path, made: dict[str, Any]):
    items = Svhn(tmp_path, parts=["train"]).items()
    assert all(item.clean.base is items[0].clean.base for item in items)


@pytest.mark.parametrize("name", ["train_32x32.mat", "train_32x32.first11.mat"])
def test_one_part_alone_is_split_by_shares(tmp_path: Path, name: str):
    images, labels = digits(200)
    write(tmp_path / name, images, labels)
    source = Svhn(tmp_path, parts=["train"])
    table = prepare(source, Decoding(1, (32, 32)), cache_dir=tmp_path / "c")
    assert table.splits is None
    counts = {part: len(rows) for part, rows in split(table, val=20, test=0.2, seed=0, by="image").items()}
    assert counts == {"train": 140, "val": 20, "test": 40}
    with pytest.raises(DataError, match=r"holds no test_32x32\.mat.*data=svhn.*.data\.source\.parts=\[train\]"):
        Svhn(tmp_path).items()


def test_a_whole_file_comes_before_a_piece_and_two_pieces_are_too_many(tmp_path: Path):
    write(tmp_path / "train_32x32.a.mat", *digits(3))
    write(tmp_path / "train_32x32.b.mat", *digits(4))
    with pytest.raises(DataError, match=r"several pieces: train_32x32\.a\.mat, train_32x32\.b\.mat"):
        Svhn(tmp_path, parts=["train"]).items()
    write(tmp_path / "train_32x32.mat", *digits(5))
    assert len(Svhn(tmp_path, parts=["train"]).items()) == 5


def test_one_image_alone_has_lost_its_last_dimension(tmp_path: Path):
    images, labels = digits(1)
    savemat(tmp_path / "train_32x32.mat", {"X": images[0], "y": labels[:, None]})
    (item,) = Svhn(tmp_path, parts=["train"]).items()
    assert np.array_equal(item.clean, images[0])


def broken(path: Path, kind: str) -> None:
    images, labels = digits(6)
    if kind == "text":
        path.write_text("<html>not found</html>" * 20)
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "hdf5":
        path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(1000))
    elif kind == "version 4":
        savemat(path, {"y": labels.astype(float)}, format="4")
    elif kind in ("cut", "flipped"):
        write(path, images, labels)
        data = bytearray(path.read_bytes())
        data[900] ^= 255
        path.write_bytes(data[:5000] if kind == "cut" else data)
    elif kind == "no X":
        savemat(path, {"images": images, "y": labels[:, None]})
    elif kind == "nothing":
        savemat(path, {"a": 1.0})
    elif kind == "float":
        savemat(path, {"X": images.transpose(1, 2, 3, 0) / 255, "y": labels[:, None]})
    elif kind == "order":
        savemat(path, {"X": images, "y": labels[:, None]})
    elif kind == "fewer":
        write(path, images, labels[:-1])
    elif kind == "words":
        savemat(path, {"X": images.transpose(1, 2, 3, 0), "y": "digits"})
    else:
        labels[3] = {"label 0": 0, "label 11": 11}[kind]
        write(path, images, labels)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("text", "is not a MATLAB file"),
        ("empty", "is not a MATLAB file"),
        ("hdf5", r"of version 7\.3, that is HDF5; expected version 5"),
        ("version 4", "of version 4"),
        ("cut", "cannot be read"),
        ("flipped", "cannot be read"),
        ("no X", "holds no variable X; it holds images, y"),
        ("nothing", "holds no variable X and no y; it holds a"),
        ("float", r"X is float64 \(32, 32, 3, 6\); expected uint8"),
        ("order", r"X is uint8 \(6, 32, 32, 3\); expected uint8 \(32, 32, 3, N\)"),
        ("fewer", r"y is uint8 \(5, 1\); expected one number per image, \(6, 1\)"),
        ("words", r"y is <U6 \(1,\); expected one number per image"),
        ("label 0", "label number 3 is 0; expected 1 to 10"),
        ("label 11", "label number 3 is 11"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, kind: str, reason: str):
    broken(tmp_path / "train_32x32.mat", kind)
    with pytest.raises(DataError, match=reason) as caught:
        Svhn(tmp_path, parts=["train"]).items()
    assert str(caught.value).startswith(str(tmp_path / "train_32x32.mat"))


def test_a_real_file_of_version_7_3(shared: Path, tmp_path: Path):
    (tmp_path / "train_32x32.mat").symlink_to(shared / "data" / "kernels" / "Levin09.mat")
    with pytest.raises(DataError, match=r"of version 7\.3, that is HDF5"):
        Svhn(tmp_path, parts=["train"]).items()


def test_missing_says_where_what_and_how(tmp_path: Path):
    for call in (Svhn(tmp_path).items, Svhn(tmp_path).fingerprint):
        with pytest.raises(DataError, match=r"train_32x32\.mat\. `restorelab fetch data=svhn") as caught:
            call()
        assert str(tmp_path) in str(caught.value)
    write(tmp_path / "train_32x32.mat", *digits(3))
    with pytest.raises(DataError, match=r"extra_32x32\.mat.*data\.source\.extra=true"):
        Svhn(tmp_path, parts=["train"], extra=True).items()
    with pytest.raises(DataError, match=r"data\.root is not set"):
        Svhn().items()


@pytest.mark.parametrize(("parts", "extra"), [([], False), (["trian"], False), ("train", False), (["test"], True)])
def test_parts_that_mean_nothing(parts: Any, extra: bool):
    with pytest.raises(ConfigError, match="svhn"):
        Svhn("/nowhere", parts=parts, extra=extra)


def test_fingerprint_follows_files_and_parts(tmp_path: Path, made: dict[str, Any]):
    prints = [Svhn(tmp_path).fingerprint(), Svhn(tmp_path, parts=["train"]).fingerprint()]
    prints.append(Svhn(tmp_path, extra=True).fingerprint())
    assert Svhn(tmp_path, parts=["test", "train"]).fingerprint() == prints[0]
    write(tmp_path / "train_32x32.mat", *digits(9))
    prints.append(Svhn(tmp_path).fingerprint())
    assert len({str(told) for told in prints}) == 4


def test_fetch_brings_what_is_used_and_checks_it(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path / "made.mat", *digits(3))
    server.body = (tmp_path / "made.mat").read_bytes()
    monkeypatch.setattr(module, "HOST", server.url.removesuffix("file.bin"))
    with pytest.raises(DataError, match="its md5 is"):
        Svhn(tmp_path / "data", parts=["train"]).fetch()
    monkeypatch.setattr(module, "MD5", dict.fromkeys(module.MD5, hashlib.md5(server.body).hexdigest()))
    source = Svhn(tmp_path / "data")
    source.fetch()
    assert sorted(path.name for path in source.fetch().glob("*.mat")) == ["test_32x32.mat", "train_32x32.mat"]
    assert len(source.items()) == 6
    assert len(server.asked) == 3


def test_the_real_piece(shared: Path, tmp_path: Path):
    source = Svhn(shared / "data" / "svhn", parts=["train"])
    table = prepare(source, Decoding(1, (32, 32)), cache_dir=tmp_path)
    raw = loadmat(shared / "data" / "svhn" / "train_32x32.first1083.mat")
    assert table.block((1, 32, 32)).shape == (1083, 1, 32, 32)
    assert table.labels is not None
    assert np.array_equal(table.labels, np.where(raw["y"].ravel() == 10, 0, raw["y"].ravel()))
    assert table.labels[:4].tolist() == [1, 9, 2, 3]  # the first digits that every page on SVHN shows
    for row in (0, 500, 1082):
        expected = np.asarray(Image.fromarray(raw["X"][..., row]).convert("L"))
        assert np.array_equal(table.clean(row)[0], expected)
