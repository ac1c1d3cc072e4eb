"""The idx format, written here as its description says, and the real files."""

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest

from restorelab.data.cache import prepare
from restorelab.data.decode import Decoding
from restorelab.data.sources import mnist as mnist_module
from restorelab.data.sources.mnist import MD5, MIRRORS, Mnist
from restorelab.data.split import split
from restorelab.errors import DataError


def idx(array: np.ndarray) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def make(root: Path, *, dotted: bool = False, zipped: bool = False) -> dict[str, np.ndarray]:
    generator, made = np.random.default_rng(0), {}
    for part, count in (("train", 7), ("t10k", 3)):
        for kind, shape in (("images-idx3", (count, 28, 28)), ("labels-idx1", (count,))):
            array = generator.integers(0, 256 if "images" in kind else 10, shape).astype(np.uint8)
            name = f"{part}-{kind}-ubyte"
            made[name] = array
            path = root / ((name.replace("-idx", ".idx") if dotted else name) + (".gz" if zipped else ""))
            path.write_bytes(gzip.compress(idx(array)) if zipped else idx(array))
    return made


@pytest.mark.parametrize("dotted", [False, True])
@pytest.mark.parametrize("zipped", [False, True])
def test_four_files_in_any_spelling(tmp_path: Path, dotted: bool, zipped: bool):
    made = make(tmp_path, dotted=dotted, zipped=zipped)
    items = Mnist(str(tmp_path)).items()
    assert [item.id for item in items] == [f"train/{i:05d}" for i in range(7)] + [f"test/{i:05d}" for i in range(3)]
    assert [item.split for item in items] == ["train"] * 7 + ["test"] * 3
    assert np.array_equal([item.clean for item in items[:7]], made["train-images-idx3-ubyte"])
    assert np.array_equal([item.clean for item in items[7:]], made["t10k-images-idx3-ubyte"])
    assert [item.label for item in items[7:]] == made["t10k-labels-idx1-ubyte"].tolist()
    assert all(item.group == item.id for item in items)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (idx(np.zeros((7, 28, 28), np.uint8))[:-1], "holds 5,487 samples, but its header says 5,488"),
        (idx(np.zeros((7, 28, 28), np.uint8)) + b"x", "holds 5,489 samples"),
        (idx(np.zeros((7,), np.uint8)) + bytes(20), "is not an idx file of 3 dimensions .it begins with 00000801"),
        (b"<html>not found</html>", "is not an idx file of 3 dimensions"),
        (b"", "begins with nothing"),
        (idx(np.zeros((6, 28, 28), np.uint8)), "7 labels for 6 images"),
        (bytes((0, 0, 8, 3)) + b"\xff" * 12 + bytes(10), "its header says 79,228,162,458,924,105,385,300,197,375"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, data: bytes, reason: str):
    make(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(data)
    with pytest.raises(DataError, match=reason) as caught:
        Mnist(tmp_path).items()
    assert str(tmp_path / "train-") in str(caught.value)


def test_broken_gzip(tmp_path: Path):
    make(tmp_path, zipped=True)
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    for broken in (whole[:-100], b"plain", whole[:100] + bytes(9) + whole[109:]):
        path.write_bytes(broken)
        with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte\.gz: cannot be read"):
            Mnist(tmp_path).items()


def test_missing_says_where_what_and_how(tmp_path: Path):
    make(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    for call in (Mnist(tmp_path).items, Mnist(tmp_path).fingerprint):
        with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte\[.gz\].*restorelab fetch data=mnist") as caught:
            call()
        assert str(tmp_path) in str(caught.value)
    with pytest.raises(DataError, match=r"data\.root is not set"):
        Mnist().items()


def test_fetch_goes_through_the_mirrors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked = []

    def fake(url: str, target: Path, *, md5: str, retries: int) -> Path:
        asked.append(url)
        assert md5 == MD5[target.name.removesuffix(".gz")]
        if url.startswith(MIRRORS[0]):
            raise DataError("the server answers 403")
        target.write_bytes(b"")
        return target

    monkeypatch.setattr(mnist_module, "download", fake)
    Mnist(tmp_path).fetch()
    assert asked[:2] == [MIRRORS[0] + "train-images-idx3-ubyte.gz", MIRRORS[1] + "train-images-idx3-ubyte.gz"]
    assert len(asked) == 8
    Mnist(tmp_path).fetch()
    assert len(asked) == 8
    (tmp_path / "t10k-images-idx3-ubyte.gz").unlink()
    monkeypatch.setattr(mnist_module, "MIRRORS", MIRRORS[:1])
    with pytest.raises(DataError, match=r"no mirror has t10k-images-idx3-ubyte\.gz"):
        Mnist(tmp_path).fetch()


@pytest.mark.slow
def test_the_real_files(shared: Path, tmp_path: Path):
    root = shared / "data" / "mnist"
    for name, md5 in MD5.items():
        assert hashlib.md5((root / f"{name}.gz").read_bytes()).hexdigest() == md5
    table = prepare(Mnist(root), Decoding(1, (28, 28)), cache_dir=tmp_path)
    assert table.block((1, 28, 28)).shape == (70_000, 1, 28, 28)
    assert table.labels is not None
    # Counts of each digit in the training set, as printed in LeCun's and many other pages.
    rows = split(table, val=5000, test=0, seed=0)
    assert {part: len(place) for part, place in rows.items()} == {"train": 55_000, "val": 5000, "test": 10_000}
    official = np.concatenate([rows["train"], rows["val"]])
    assert np.bincount(table.labels[official]).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(table.labels[rows["test"]]).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    with gzip.open(root / "t10k-images-idx3-ubyte.gz") as file:
        last = np.frombuffer(file.read()[-784:], np.uint8).reshape(28, 28)
    assert np.array_equal(table.clean(table.ids.index("test/09999"))[0], last)
