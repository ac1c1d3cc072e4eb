"""STL-10's binary files, written byte by byte as its page describes them, of real images where there are some."""

import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.test_download import Server, server
from restorelab.data.cache import prepare
from restorelab.data.decode import Decoding
from restorelab.data.sources import stl10 as module
from restorelab.data.sources.stl10 import Stl10
from restorelab.data.split import split
from restorelab.errors import DataError

__all__ = ["server"]

LABELLED = {"train": 7, "test": 5}


def binary(images: np.ndarray) -> bytes:
    """`(N, 96, 96, 3)` as the page says: the red, green and blue plane of each image, in column-major order."""
    return b"".join(image[:, :, channel].tobytes(order="F") for image in images for channel in range(3))


def pictures(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 96, 96, 3), np.uint8)


def make(folder: Path) -> dict[str, np.ndarray]:
    folder.mkdir(parents=True, exist_ok=True)
    made = {"unlabeled": pictures(9, 0)}
    for seed, (part, count) in enumerate(LABELLED.items(), 1):
        made[part] = pictures(count, seed)
        made[f"{part}_y"] = np.random.default_rng(seed).integers(1, 11, count).astype(np.uint8)
        (folder / f"{part}_y.bin").write_bytes(made[f"{part}_y"].tobytes())
    for name in ("unlabeled", *LABELLED):
        (folder / f"{name}_X.bin").write_bytes(binary(made[name]))
    return made


@pytest.mark.parametrize("inside", ["", "stl10_binary"])
def test_both_parts(tmp_path: Path, inside: str):
    made = make(tmp_path / inside)
    items = Stl10(str(tmp_path)).items()
    assert [item.split for item in items] == ["train"] * 9 + ["test"] * 5
    assert [item.id for item in items[7:10]] == ["unlabeled/000007", "unlabeled/000008", "test/000000"]
    assert np.array_equal([item.clean for item in items], np.concatenate([made["unlabeled"], made["test"]]))
    assert {item.label for item in items} == {None}
    items = Stl10(tmp_path, part="labelled").items()
    assert [item.split for item in items] == ["train"] * 7 + ["test"] * 5
    assert np.array_equal([item.clean for item in items], np.concatenate([made["train"], made["test"]]))
    assert [item.label for item in items] == [*(made["train_y"] - 1).tolist(), *(made["test_y"] - 1).tolist()]
    assert all(item.group == item.id for item in items)


def test_images_are_mapped_and_not_read(tmp_path: Path):
    """A file of 40 GB, nearly all of it a hole: no machine of the suite could hold it."""
    make(tmp_path)
    count = 1_500_000
    with (tmp_path / "unlabeled_X.bin").open("r+b") as file:
        file.truncate(count * module.IMAGE)
    pixels = module._images(tmp_path / "unlabeled_X.bin")
    assert pixels.shape == (count, 96, 96, 3)
    assert type(pixels[0]) is np.ndarray
    assert not pixels[-1].any()
    assert pixels[3].any()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda f: (f / "train_X.bin").write_bytes(bytes(7 * 27648 + 1)),
         r"train_X\.bin: has 193,537 bytes; .* 27,648 bytes each, such as 7 images \(193,536 bytes\)"),
        (lambda f: (f / "train_X.bin").write_bytes(bytes(20_000)), r"has 20,000 bytes; .* such as 1 images \(27,648"),
        (lambda f: (f / "train_X.bin").write_bytes(b""), r"has 0 bytes"),
        (lambda f: (f / "train_y.bin").write_bytes(bytes(6)), r"train_y\.bin: holds 6 labels for the 7 images of "),
        (lambda f: (f / "test_y.bin").write_bytes(bytes((1, 2, 0, 3, 11))),
         r"test_y\.bin: label number 2 is 0; expected 1 to 10 \(2 are not\)"),
        (lambda f: (f / "test_y.bin").unlink(), r"which lack test_y\.bin\. `restorelab fetch data=stl10"),
    ],
)  # fmt: skip
def test_broken_files_are_named(tmp_path: Path, change: object, reason: str):
    make(tmp_path)
    change(tmp_path)  # type: ignore[operator]
    with pytest.raises(DataError, match=reason) as caught:
        Stl10(tmp_path, part="labelled").items()
    assert str(tmp_path) in str(caught.value)


def test_missing_says_where_what_and_how(tmp_path: Path):
    for call in (Stl10(tmp_path).items, Stl10(tmp_path).fingerprint):
        with pytest.raises(DataError, match=r"which lack unlabeled_X\.bin, test_X\.bin\. `restorelab fetch data=stl10"):
            call()
    with pytest.raises(DataError, match=r"data\.root is not set"):
        Stl10().items()


def test_the_unlabelled_part_needs_no_labels(tmp_path: Path):
    make(tmp_path)
    for name in ("train_X.bin", "train_y.bin", "test_y.bin"):
        (tmp_path / name).unlink()
    first = Stl10(tmp_path).fingerprint()
    assert len(Stl10(tmp_path).items()) == 14
    (tmp_path / "unlabeled_X.bin").write_bytes(bytes(27648))
    assert Stl10(tmp_path).fingerprint() != first


def archive(folder: Path) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tape:
        tape.add(folder, "stl10_binary")
    return stream.getvalue()


def test_fetch_unpacks_into_the_root(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch):
    make(tmp_path / "made")
    server.body = archive(tmp_path / "made")
    monkeypatch.setattr(module, "URL", server.url.replace("file.bin", "stl10_binary.tar.gz"))
    root = tmp_path / "data" / "stl10"
    with pytest.raises(DataError, match="its md5 is"):
        Stl10(root).fetch()
    monkeypatch.setattr(module, "MD5", hashlib.md5(server.body).hexdigest())
    (root / "notes.txt").write_text("mine")  # what is there already does not matter
    Stl10(root).fetch()
    assert [path.name for path in sorted(root.glob("[!.]*"))] == ["notes.txt", "stl10_binary"]
    assert len(Stl10(root, part="labelled").items()) == 12
    asked = len(server.asked)
    Stl10(root).fetch()
    assert len(server.asked) == asked
    (root / "stl10_binary" / "test_X.bin").unlink()
    with pytest.raises(DataError, match="holds stl10_binary already"):
        Stl10(root).fetch()


def test_an_archive_that_lies_in_the_root_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    make(tmp_path / "made")
    root = tmp_path / "root"
    root.mkdir()
    (root / "stl10_binary.tar.gz").write_bytes(archive(tmp_path / "made"))
    monkeypatch.setattr(module, "MD5", hashlib.md5((root / "stl10_binary.tar.gz").read_bytes()).hexdigest())
    Stl10(root).fetch()  # without a server
    assert len(Stl10(root).items()) == 14


def test_real_images_come_back_at_64(shared: Path, tmp_path: Path):
    """All 249 PNGs, a few of which have alpha, through the binary form."""
    images = []
    for path in sorted((shared / "data" / "stl10_sample").glob("*.png")):
        with Image.open(path) as image:
            images.append(np.asarray(image.convert("RGB")))
    assert len(images) == 249
    (tmp_path / "unlabeled_X.bin").write_bytes(binary(np.stack(images[:200])))
    (tmp_path / "test_X.bin").write_bytes(binary(np.stack(images[200:])))
    table = prepare(Stl10(tmp_path), Decoding(3, (64, 64), "stretch"), cache_dir=tmp_path / "c")
    assert table.block((3, 64, 64)).shape == (249, 3, 64, 64)
    for row in (0, 77, 199, 248):
        expected = Image.fromarray(images[row]).resize((64, 64), Image.Resampling.BICUBIC)
        assert np.array_equal(table.clean(row).transpose(1, 2, 0), np.asarray(expected))
    rows = split(table, val=20, test=0, seed=0, by="image")
    assert {part: len(found) for part, found in rows.items()} == {"train": 180, "val": 20, "test": 49}
