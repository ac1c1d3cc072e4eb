"""Archives, good and hostile."""

import gzip
import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from restorelab.data.archive import unpack
from restorelab.errors import DataError

FILES = {"top/a.txt": b"alpha", "top/deep/b.bin": bytes(range(256)) * 100, "top/empty": b"", "c": bytes(512)}


def tar(path: Path, members: list[tarfile.TarInfo | tuple[str, bytes]], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for member in members:
            if isinstance(member, tuple):
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
            else:
                archive.addfile(member)
    return path


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def found(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_kind(tmp_path: Path):
    folder = tarfile.TarInfo("bare")
    folder.type = tarfile.DIRTYPE
    archives = [
        tar(tmp_path / f"a{i}", [*FILES.items(), folder], mode) for i, mode in enumerate(("w", "w:gz", "w:bz2", "w:xz"))
    ]
    archives.append(zipped(tmp_path / "z", {**FILES, "bare/": b""}))
    for number, archive in enumerate(archives):
        target = tmp_path / f"out{number}"
        assert unpack(archive, target, max_bytes=10**6) == target
        assert found(target) == FILES
        assert (target / "bare").is_dir()


def test_an_empty_folder_is_filled_another_is_not(tmp_path: Path):
    archive = zipped(tmp_path / "z", FILES)
    (tmp_path / "out").mkdir()
    unpack(archive, tmp_path / "out", max_bytes=10**6)
    with pytest.raises(DataError, match="exists and is not empty"):
        unpack(archive, tmp_path / "out", max_bytes=10**6)
    assert found(tmp_path / "out") == FILES


def special(kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo("innocent")
    info.type, info.linkname, info.size = kind, link, 0
    return info


HOSTILE = ["../evil", "a/../../evil", "/tmp/evil", "..\\evil", "C:\\evil", "a/b/../../../evil"]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_no_path_leaves_the_folder(tmp_path: Path, name: str, kind: str):
    members = {"fine": b"1", name: b"evil"}
    archive = zipped(tmp_path / "x", members) if kind == "zip" else tar(tmp_path / "x", list(members.items()))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError, match="would leave the folder"):
        unpack(archive, tmp_path / "in" / "out", max_bytes=10**6)
    assert sorted(set(tmp_path.rglob("*")) - {tmp_path / "in"}) == before  # nothing, not even the harmless member


@pytest.mark.parametrize(
    "member",
    [
        special(tarfile.SYMTYPE, "/etc"),
        special(tarfile.SYMTYPE, "../.."),
        special(tarfile.LNKTYPE, "/etc/passwd"),
        special(tarfile.CHRTYPE),
        special(tarfile.FIFOTYPE),
    ],
)
def test_tar_links_and_devices(tmp_path: Path, member: tarfile.TarInfo):
    archive = tar(tmp_path / "x.tar", [("fine", b"1"), member, ("innocent/evil", b"evil")])
    with pytest.raises(DataError, match="innocent is a link or a device"):
        unpack(archive, tmp_path / "out", max_bytes=10**6)
    assert [path.name for path in tmp_path.iterdir()] == ["x.tar"]


def test_zip_links_and_locks(tmp_path: Path):
    info = zipfile.ZipInfo("innocent")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x", "w") as archive:
        archive.writestr(info, "/etc")
    with pytest.raises(DataError, match="innocent is a link"):
        unpack(tmp_path / "x", tmp_path / "out", max_bytes=10**6)


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_bombs_stop_at_the_bound(tmp_path: Path, kind: str):
    content = bytes(50_000_000)
    archive = tmp_path / "x"
    if kind == "zip":
        zipped(archive, {"bomb": content})
    else:
        tar(archive, [("bomb", content)], "w:gz")
    assert archive.stat().st_size < 100_000
    with pytest.raises(DataError, match=r"unpacks to more than 1,000,000 bytes \(at bomb\)"):
        unpack(archive, tmp_path / "out", max_bytes=1_000_000)
    assert not (tmp_path / "out").exists()
    assert list(tmp_path.iterdir()) == [archive]


def test_a_zip_that_lies_about_its_size(tmp_path: Path):
    """The header says 10 bytes; the bound must hold for what comes out."""
    archive = zipped(tmp_path / "x", {"bomb": bytes(5_000_000)})
    data = bytearray(archive.read_bytes())
    size = (5_000_000).to_bytes(4, "little")
    while size in data:
        place = data.index(size)
        data[place : place + 4] = (10).to_bytes(4, "little")
    archive.write_bytes(bytes(data))
    with pytest.raises(DataError):
        unpack(archive, tmp_path / "out", max_bytes=1_000_000)
    assert list(tmp_path.iterdir()) == [archive]


def test_the_bound_is_over_all_members_empty_ones_too(tmp_path: Path):
    archive = zipped(tmp_path / "x", {f"{i}": bytes(1000) for i in range(100)})
    unpack(archive, tmp_path / "fits", max_bytes=100 * 1512)
    with pytest.raises(DataError, match="unpacks to more"):
        unpack(archive, tmp_path / "out", max_bytes=100 * 1512 - 1)
    empty = zipped(tmp_path / "y", {f"{i}": b"" for i in range(1000)})
    with pytest.raises(DataError, match="unpacks to more"):
        unpack(empty, tmp_path / "out", max_bytes=100_000)


def test_a_tar_header_of_gigabytes_is_not_read(tmp_path: Path):
    """A long-name record that claims 4 GB, in an archive of few bytes."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 4 << 30
    with gzip.open(tmp_path / "x", "wb") as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20))
    with pytest.raises(DataError, match="a header of"):
        unpack(tmp_path / "x", tmp_path / "out", max_bytes=10**6)


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip"])
def test_truncated_and_no_archive(tmp_path: Path, kind: str):
    members = {f"{i}": os.urandom(5000) for i in range(20)}
    if kind == "zip":
        archive = zipped(tmp_path / "x", members)
    else:
        archive = tar(tmp_path / "x", list(members.items()), "w" if kind == "tar" else "w:gz")
    data = archive.read_bytes()
    for broken in (data[: len(data) // 2], b"<html>404</html>" * 100, b""):
        archive.write_bytes(broken)
        with pytest.raises(DataError, match="cannot be unpacked"):
            unpack(archive, tmp_path / "out", max_bytes=10**6)
        assert list(tmp_path.iterdir()) == [archive]
