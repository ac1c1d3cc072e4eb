"""The cache: what it holds is what `decode` gives, made once, and never half."""

import logging
import os
import pickle
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from reading import read

from data.cached import get, noise
from restorelab.data import cache, decode_ahead
from restorelab.data.decode import Decoded, decode
from restorelab.data.item import Item
from restorelab.data.sources.folder import Folder
from restorelab.errors import DataError


class Listed:
    """A source that holds its items."""

    def __init__(self, items: list[Item], name: str = "") -> None:
        self.list, self.name = items, name

    def items(self) -> list[Item]:
        return self.list

    def fingerprint(self) -> dict[str, Any]:
        return {"name": self.name, "ids": sorted(item.id for item in self.list)}


def numbered(count: int, **options: Any) -> list[Item]:
    return [Item(id=f"{i:03d}", group=f"g{i // 2}", clean=noise((8, 8), i), **options) for i in range(count)]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What has been decoded."""
    calls: list[Any] = []

    def counting(encoded: Any, *arguments: Any) -> Decoded:
        calls.append(encoded)
        return decode(encoded, *arguments)

    monkeypatch.setattr(decode_ahead, "decode", counting)
    return calls


def test_mixed_sizes_are_sorted_by_shape(tree: Path, tmp_path: Path):
    table = get(Folder(tree), tmp_path / "c", channels=3)
    assert sorted(table.ids) == [f"{i:02d}.png" for i in range(12)]
    for row, name in enumerate(table.ids):
        assert np.array_equal(table.clean(row), read(tree / name, 3))
        assert table.groups[row] == name
    buckets = table.buckets()
    assert set(buckets) == {(3, 20, 30), (3, 16, 16), (3, 30, 20)}
    assert np.array_equal(np.sort(np.concatenate(list(buckets.values()))), np.arange(12))
    for shape, rows in buckets.items():
        assert np.array_equal(table.block(shape), [table.clean(row) for row in rows])
        assert [table.ids[row] for row in rows] == sorted(table.ids[row] for row in rows)
    assert isinstance(table.pixels, np.memmap)
    assert (table.pixels.dtype, table.maximum, table.labels, table.splits) == (np.uint8, 255, None, None)
    assert not table.clean(0).flags.writeable
    assert not list((tmp_path / "c").rglob("*.tmp"))


def test_uniform_set_is_one_block_in_the_items_order(tree: Path, tmp_path: Path):
    table = get(Folder(tree), tmp_path / "c", size=(10, 12), resize="stretch")
    assert table.ids == [f"{i:02d}.png" for i in range(12)]
    expected = np.stack([read(tree / name, 1, (10, 12), "stretch") for name in table.ids])
    assert np.array_equal(table.pixels.reshape(12, 1, 10, 12), expected)
    assert np.array_equal(table.offsets, np.arange(12) * 120)


def test_second_run_decodes_nothing(tree: Path, tmp_path: Path, decoded: list[Any], caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    first = get(Folder(tree), tmp_path / "c")
    assert len(decoded) == 12
    assert "decoding 12 images" in caplog.text
    caplog.clear()
    second = get(Folder(tree), tmp_path / "c")
    assert len(decoded) == 12
    assert "dataset ready in" in caplog.text
    assert "5.8 kB" in caplog.text  # 4 * (600 + 256 + 600) bytes
    assert (first.ids, first.folder) == (second.ids, second.folder)
    assert np.array_equal(first.pixels, second.pixels)


def test_key_follows_options_and_content(tree: Path, tmp_path: Path, decoded: list[Any]):
    root = tmp_path / "c"
    keys = {get(Folder(tree), root).folder}
    keys.add(get(Folder(tree), root, channels=3).folder)
    keys.add(get(Folder(tree), root, size=(8, 8), resize="stretch").folder)
    keys.add(get(Folder(tree), root, size=(8, 8), resize="crop").folder)
    keys.add(get(Folder(tree), root, limit=5).folder)
    keys.add(get(Folder(tree), root, limit=5, seed=1).folder)
    keys.add(get(Folder(tree, group="parent"), root).folder)
    times = (tree / "03.png").stat()
    shutil.copyfile(tree / "06.png", tree / "03.png")
    os.utime(tree / "03.png", ns=(times.st_atime_ns, times.st_mtime_ns))
    keys.add(get(Folder(tree), root).folder)
    (tree / "03.png").unlink()
    keys.add(get(Folder(tree), root).folder)
    assert len(keys) == 9
    before = len(decoded)
    assert get(Folder(tree), root, seed=99, on_bad="skip").folder in keys  # neither matters to the pixels
    shutil.copytree(tree, tmp_path / "moved")  # copies times, too
    assert get(Folder(tmp_path / "moved"), root).folder in keys
    assert len(decoded) == before


def test_limit_picks_before_decoding_and_by_the_set_of_ids(tmp_path: Path, decoded: list[Any]):
    items = numbered(200)
    chosen = set(get(Listed(items), tmp_path / "a", limit=50, seed=3).ids)
    assert (len(chosen), len(decoded)) == (50, 50)
    assert chosen == set(get(Listed(items[::-1]), tmp_path / "b", limit=50, seed=3).ids)
    assert chosen != set(get(Listed(items), tmp_path / "b", limit=50, seed=4).ids)
    assert chosen < set(get(Listed(items), tmp_path / "b", limit=80, seed=3).ids)
    # A choice by position would be even: here 50 of 200 lie in the first half 25 times, give or take 5 sigma.
    first = sum(int(name) < 100 for name in chosen)
    assert abs(first - 25) < 5 * np.sqrt(50 * 0.25 * 150 / 199)
    assert len(get(Listed(items), tmp_path / "b", limit=10_000)) == 200


def test_labels_groups_and_splits(tmp_path: Path):
    items = [replace(item, label=int(item.id) or None, split="train") for item in numbered(6)]
    table = get(Listed(items), tmp_path)
    assert table.labels is not None
    assert table.labels.tolist() == [-1, 1, 2, 3, 4, 5]
    assert table.labels.dtype == np.int64
    assert table.groups == ["g0", "g0", "g1", "g1", "g2", "g2"]
    assert table.splits == ["train"] * 6


def test_16_bit_among_8_bit(tmp_path: Path):
    deep = noise((8, 8), 5, np.uint16)
    table = get(Listed([*numbered(3), Item("x", "x", deep)]), tmp_path)
    assert (table.pixels.dtype, table.maximum) == (np.uint16, 65535)
    assert np.array_equal(table.clean(3)[0], deep)
    assert np.array_equal(table.clean(1)[0] / 65535, noise((8, 8), 1) / 255)


def test_real_pairs(tmp_path: Path):
    items = [replace(item, degraded=item.clean[::2, ::2]) for item in numbered(4)]
    items += [Item(f"w{i}", "w", noise((9, 12), i), noise((4, 6), i)) for i in range(2)]
    table = get(Listed(items), tmp_path)
    assert table.degraded_pixels is not None
    by_id = {item.id: item for item in items}
    for row, name in enumerate(table.ids):
        # Of 9 rows the factor 2 leaves 8.
        assert np.array_equal(table.clean(row)[0], by_id[name].clean[:8])
        assert np.array_equal(table.degraded(row)[0], by_id[name].degraded)
    again = pickle.loads(pickle.dumps(table))
    assert np.array_equal(again.degraded(5), table.degraded(5))
    assert len(pickle.dumps(table)) < 1000
    with pytest.raises(DataError, match=r"2 of 6 images have no degraded partner, such as w0"):
        get(Listed([*items[:4], *(replace(item, degraded=None) for item in items[4:])], "half"), tmp_path)
    with pytest.raises(DataError, match=r"001 and 000 are both \(1, 8, 8\)"):
        get(Listed([items[0], replace(items[1], degraded=noise((5, 5)))], "odd"), tmp_path)


def test_a_bad_partner_leaves_the_pair_out(tmp_path: Path):
    items = [replace(item, degraded=item.clean) for item in numbered(4)]
    items[2] = replace(items[2], degraded=tmp_path / "none.png")
    table = get(Listed(items), tmp_path / "c")
    assert table.ids == ["000", "001", "003"]
    assert [name for name, _ in table.bad] == ["002"]


def test_bad_images_are_named_counted_and_named_again(tree: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tree / "04.png").write_bytes(b"")
    (tree / "07.png").write_bytes((tree / "07.png").read_bytes()[:300])
    for _ in range(2):
        caplog.clear()
        table = get(Folder(tree), tmp_path / "c")
        assert len(table) == 10
        assert [name for name, _ in table.bad] == ["04.png", "07.png"]
        assert "2 of 12 images cannot be used and are left out" in caplog.text
        assert "04.png: empty file" in caplog.text
        assert "07.png" in caplog.text
    with pytest.raises(DataError, match=r"2 of 12 images cannot be used.*04\.png: empty file.*data\.on_bad=skip"):
        get(Folder(tree), tmp_path / "c", on_bad="error")
    with pytest.raises(DataError, match=r"1 of 12 images cannot be used so far.*04\.png: empty file"):
        get(Folder(tree), tmp_path / "new", on_bad="error")
    assert cache.entries(tmp_path / "new") == []


@pytest.mark.parametrize(
    ("total", "bad", "goes_on"), [(200, 10, True), (200, 11, False), (2000, 20, True), (2000, 21, False), (6, 4, False)]
)
def test_few_is_ten_or_one_percent(tmp_path: Path, total: int, bad: int, goes_on: bool):
    items = [Item(str(i), str(i), noise((8, 8)) if i >= bad else np.zeros((1, 1), np.uint8)) for i in range(total)]
    if goes_on:
        assert len(get(Listed(items), tmp_path)) == total - bad
    else:
        with pytest.raises(DataError, match=f"{bad} of {total} images cannot be used"):
            get(Listed(items), tmp_path)
    assert len(get(Listed(items), tmp_path, on_bad="skip")) == total - bad


def test_nothing_but_bad_images(tmp_path: Path):
    with pytest.raises(DataError, match="none of the 3 images can be used"):
        get(Listed([Item(str(i), "g", tmp_path / "none") for i in range(3)]), tmp_path, on_bad="skip")


def test_duplicate_ids(tmp_path: Path):
    items = numbered(5)
    items[3] = replace(items[3], id="001")
    with pytest.raises(DataError, match="1 ids belong to several images, such as 001"):
        get(Listed(items), tmp_path)


def test_entries_and_clean(tree: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    root = tmp_path / "c"
    folders = []
    for channels in (1, 3):
        folders.append(get(Folder(tree), root, channels=channels).folder)
        time.sleep(0.02)
    (root / "frozen").mkdir()
    (root / "frozen" / "abc.pt").write_bytes(bytes(10))
    listed = cache.entries(root)
    assert [(entry.kind, entry.name) for entry in listed] == [
        ("tables", folders[0].name),
        ("tables", folders[1].name),
        ("frozen", "abc.pt"),
    ]
    assert listed[0].size == sum(path.stat().st_size for path in folders[0].iterdir())
    with pytest.raises(DataError, match="Did you mean"):
        cache.clean([folders[0].name[:-1]], root)
    with FileLock(root / "tables" / f".{folders[1].name}.lock"):
        assert [entry.name for entry in cache.clean(root=root)] == [folders[0].name, "abc.pt"]
    assert "is being built and is kept" in caplog.text
    assert [entry.name for entry in cache.clean([folders[1].name], root)] == [folders[1].name]
    assert cache.entries(root) == []


def test_the_root_is_a_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("RESTORELAB_CACHE", str(tmp_path / "x"))
    assert cache.cache_root() == tmp_path / "x"
    monkeypatch.delenv("RESTORELAB_CACHE")
    assert cache.cache_root() == Path.home() / ".cache" / "restorelab"


def test_size_text():
    assert [cache.size_text(size) for size in (0, 999, 1000, 120_000_000, 7e9, 2.5e12)] == [
        "0 bytes",
        "999 bytes",
        "1.0 kB",
        "120.0 MB",
        "7.0 GB",
        "2.5 TB",
    ]


def test_each_image_bears_a_hash_of_its_pixels_partner_and_label(tmp_path: Path):
    images = [noise((8, 8), i) for i in (0, 1, 0, 0)]
    items = [Item(id=str(i), group=str(i), clean=image, label=int(i == 3)) for i, image in enumerate(images)]
    alone = get(Listed(items), tmp_path / "c").contents
    assert [value == alone[0] for value in alone] == [True, False, True, False]
    paired = get(Listed([replace(item, degraded=noise((8, 8), 9)) for item in items[:2]]), tmp_path / "d").contents
    assert not set(paired.tolist()) & set(alone.tolist())
    again = get(Listed(items[::-1]), tmp_path / "e")
    assert dict(zip(again.ids, again.contents.tolist(), strict=True)) == dict(zip("0123", alone.tolist(), strict=True))
