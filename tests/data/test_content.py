"""Files are told apart by their bytes, and read again only where they may have changed."""

import hashlib
import os
from pathlib import Path

import pytest

from restorelab.data import content


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The names of the files that were read; files count as settled at once."""
    names: list[str] = []
    digest = content._digest

    def noting(path: Path) -> bytes | None:
        names.append(path.name)
        return digest(path)

    monkeypatch.setattr(content, "_digest", noting)
    monkeypatch.setattr(content, "SETTLED", -(10**12))
    monkeypatch.setenv("RESTORELAB_CACHE", str(tmp_path / "cache"))
    return names


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    root = tmp_path / "files"
    root.mkdir()
    for name in "abc":
        (root / name).write_bytes(name.encode() * 1000)
    return sorted(root.iterdir())


def test_a_hash_is_sha256_cut_to_32_digits(files: list[Path]) -> None:
    expected = [hashlib.sha256(path.read_bytes()).hexdigest()[:32] for path in files]
    assert content.hashes(files, files[0].parent) == expected
    assert content.by_name(files, files[0].parent) == dict(zip("abc", expected, strict=True))


def test_a_file_is_read_once_and_moving_its_folder_changes_nothing(files: list[Path], read: list[str]) -> None:
    root = files[0].parent
    before = content.hashes(files, root)
    assert sorted(read) == ["a", "b", "c"]
    moved = root.rename(root.with_name("moved"))
    assert content.hashes([moved / path.name for path in files], moved) == before
    assert len(read) == 3


@pytest.mark.parametrize("how", ["in place", "by another file"])
def test_a_file_that_is_replaced_with_size_and_time_kept_is_read_again(
    files: list[Path], read: list[str], how: str
) -> None:
    before, times = content.hashes(files, files[0].parent), files[1].stat()
    place = files[1] if how == "in place" else files[1].with_name("new")
    place.write_bytes(b"x" * 1000)
    os.utime(place, ns=(times.st_atime_ns, times.st_mtime_ns))
    place.replace(files[1])
    after = content.hashes(files, files[0].parent)
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True]
    assert read[3:] == ["b"]


def test_a_file_that_changed_a_moment_ago_is_not_remembered(
    files: list[Path], read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "SETTLED", 10**12)
    content.hashes(files, files[0].parent)
    content.hashes(files, files[0].parent)
    assert len(read) == 6


@pytest.mark.parametrize("damage", [b"", b"garbage", b"g" * 560])
def test_damage_to_what_is_remembered_costs_time_only(files: list[Path], read: list[str], damage: bytes) -> None:
    before = content.hashes(files, files[0].parent)
    content._file(files[0].parent).write_bytes(damage)
    assert content.hashes(files, files[0].parent) == before
    assert len(read) == 6


def test_what_cannot_be_read_is_told_from_all_content(files: list[Path], read: list[str]) -> None:
    (files[0].parent / "link").symlink_to("nowhere")
    found = content.hashes([*files, files[0].parent / "link"], files[0].parent)
    assert found[-1] == content.UNREADABLE
    assert content.UNREADABLE not in found[:-1]


def test_without_a_cache_that_can_be_written_hashes_are_the_same(
    files: list[Path], read: list[str], tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file in its place")
    assert content.hashes(files, files[0].parent) == content.hashes(files, files[0].parent)
    assert len(read) == 6
