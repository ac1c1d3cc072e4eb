"""A cache whose build was cut off, whose files are damaged, or that cannot be written."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from reading import read

from data.cached import get
from restorelab.data import cache, decode_ahead
from restorelab.data.sources.folder import Folder
from restorelab.errors import DataError


def damage_pixels(folder: Path) -> str:
    os.truncate(folder / "clean.bin", 1000)
    return "clean.bin has 1,000 bytes"


def damage_meta(folder: Path) -> str:
    text = (folder / "meta.json").read_text()
    (folder / "meta.json").write_text(text[: len(text) // 2])
    return "damaged"


def damage_index(folder: Path) -> str:
    data = bytearray((folder / "index.npz").read_bytes())
    data[200] ^= 255
    (folder / "index.npz").write_bytes(bytes(data))
    return "damaged"


def lose_index(folder: Path) -> str:
    (folder / "index.npz").unlink()
    return "No such file"


def confuse_meta(folder: Path) -> str:
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**meta, "ids": meta["ids"][:-1]}))
    return "12 shapes for 11 ids"


@pytest.mark.parametrize("damage", [damage_pixels, damage_meta, damage_index, lose_index, confuse_meta])
def test_a_damaged_entry_is_made_again(tree: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Any):
    first = get(Folder(tree), tmp_path / "c")
    pixels, folder = np.array(first.pixels), first.folder
    reason = damage(folder)
    again = get(Folder(tree), tmp_path / "c")
    assert reason in caplog.text
    assert "will be rebuilt" in caplog.text
    assert np.array_equal(again.pixels, pixels)
    assert again.folder == folder


def test_full_disk_is_told_before_writing(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 100_000, 100_000))
    with pytest.raises(DataError, match=r"about 120,000 bytes are needed and 100,000 are free"):
        get(Folder(tree), tmp_path / "c", size=(100, 100), resize="stretch")
    assert list((tmp_path / "c" / "tables").glob("[!.]*")) == []
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(DataError, match=r"and 1,000 are free"):  # mixed sizes: judged by the first image
        get(Folder(tree), tmp_path / "c")
    assert list((tmp_path / "c").rglob("*.bin")) == []


def test_a_cache_that_cannot_be_written(tree: Path, tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        get(Folder(tree), tmp_path / "file")


SCRIPT = """
import logging, sys, time, os, signal
logging.basicConfig(level=logging.INFO)
from pathlib import Path
from restorelab.data import cache, decode_ahead
from restorelab.data.decode import Decoding, decode
from restorelab.data.sources.folder import Folder
tree, root, log, stop = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
def slow(encoded, *arguments):
    with open(log, "a") as file:
        file.write("x")
    if os.path.getsize(log) == stop:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.02)
    return decode(encoded, *arguments)
decode_ahead.decode = slow
table = cache.prepare(Folder(tree), Decoding(1), cache_dir=root)
print(len(table), int(table.pixels.sum(dtype="int64")))
"""


def run(tree: Path, root: Path, log: Path, stop: int = -1) -> subprocess.Popen:
    command = [sys.executable, "-c", SCRIPT, str(tree), str(root), str(log), str(stop)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_processes_decode_once(tree: Path, tmp_path: Path):
    """Both come while the lock is held, so a program without one would decode twice at once."""
    folder = get(Folder(tree), tmp_path / "c").folder
    shutil.rmtree(folder)
    with FileLock(folder.parent / f".{folder.name}.lock"):
        runs = [run(tree, tmp_path / "c", tmp_path / "log") for _ in range(2)]
        for process in runs:
            assert process.stderr is not None
            assert "another run is preparing" in process.stderr.readline()
        assert not (tmp_path / "log").exists()
    outputs = {process.communicate(timeout=60)[0] for process in runs}
    assert [process.returncode for process in runs] == [0, 0]
    assert (tmp_path / "log").read_text() == "x" * 12
    expected = sum(int(read(path, 1).sum()) for path in tree.iterdir())
    assert outputs == {f"12 {expected}\n"}


def test_a_killed_build_leaves_nothing_that_counts(tree: Path, tmp_path: Path):
    root = tmp_path / "c"
    process = run(tree, root, tmp_path / "log", stop=8)
    assert process.wait(60) == -signal.SIGKILL
    tables = root / "tables"
    assert [path.name for path in tables.iterdir() if not path.name.startswith(".")] == []
    (left,) = tables.glob(".*.tmp")
    assert left.name in {entry.name for entry in cache.entries(root)}
    table = get(Folder(tree), root)
    assert len(table) == 12
    assert np.array_equal(table.clean(0), read(tree / table.ids[0], 1))
    assert not left.exists()


def test_an_interrupted_build_cleans_up(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def interrupt(*_: Any) -> np.ndarray:
        raise KeyboardInterrupt

    monkeypatch.setattr(decode_ahead, "decode", interrupt)
    with pytest.raises(KeyboardInterrupt):
        get(Folder(tree), tmp_path / "c")
    assert [path.name for path in (tmp_path / "c" / "tables").iterdir() if not path.name.endswith(".lock")] == []
