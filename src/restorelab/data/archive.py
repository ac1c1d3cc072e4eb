"""Unpack tar and zip archives; what they hold is not trusted."""

import bz2
import gzip
import lzma
import shutil
import stat
import tarfile
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from restorelab.errors import DataError

CHUNK = 1 << 20
"""Bytes that are read at a time."""


def unpack(archive: Path, folder: Path, *, max_bytes: int) -> Path:
    """Unpack a tar (plain, gzip, bzip2 or xz) or zip into the new or empty `folder`, completely or not at all.

    Only files and folders below `folder` are created: an archive with an absolute path, a `..`, a link, a device or an
    encrypted member is refused. Modes and owners are ignored. `max_bytes` limits the bytes that are written, whatever
    the headers say; each member counts 512 more, so that empty files are limited too. Returns `folder`.

    Unlike `tarfile`'s data filter, this refuses an archive with an absolute path instead of stripping the slash, allows
    no links, limits the size, and treats zip files alike.

    Raises:
        DataError: naming the archive and the member, for these, a broken archive, or a folder that is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} exists and is not empty; {archive.name} is not unpacked over it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.parent / f".{folder.name}.{uuid.uuid4().hex[:8]}.tmp"
    temporary.mkdir()
    written = 0
    try:
        for name, content in _members(archive):
            written += 512
            path = temporary.joinpath(*_safe(archive, name))
            if content is None:
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                while written <= max_bytes and (chunk := content.read(CHUNK)):
                    written += len(chunk)
                    file.write(chunk)
            if written > max_bytes:
                raise DataError(f"{archive}: unpacks to more than {max_bytes:,} bytes (at {name})")
        if folder.exists():
            folder.rmdir()
        temporary.rename(folder)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError) as error:
        raise DataError(f"{archive}: cannot be unpacked: {error or type(error).__name__}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _safe(archive: Path, name: str) -> tuple[str, ...]:
    path = PurePosixPath(name.replace("\\", "/"))
    parts = path.parts
    if path.is_absolute() or ".." in parts or "\0" in name or any(":" in part for part in parts[:1]):
        raise DataError(f"{archive}: {name!r} would leave the folder; the archive is refused")
    return parts


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    """Yield name and content (None for a folder) of each member; raise DataError for links, devices and the like."""
    with archive.open("rb") as file:
        start = file.read(6)
    if start.startswith(b"PK"):
        with zipfile.ZipFile(archive) as zipped:
            for info in zipped.infolist():
                kind = stat.S_IFMT(info.external_attr >> 16)
                if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or info.flag_bits & 1:
                    raise DataError(f"{archive}: {info.filename} is a link, a device or encrypted; refused")
                if info.is_dir():
                    yield info.filename, None
                    continue
                with zipped.open(info) as content:
                    yield info.filename, content
        return
    opener: Any = open
    for magic, compressed in ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\0", lzma.open)):
        opener = compressed if start.startswith(magic) else opener
    with opener(archive, "rb") as stream, tarfile.open(fileobj=_Bounded(stream), mode="r:") as tape:  # type: ignore[call-overload]
        while (member := tape.next()) is not None:
            tape.members.clear()  # tarfile would keep every header of a large archive in memory
            if member.isdir():
                yield member.name, None
                continue
            if not member.isreg():
                raise DataError(f"{archive}: {member.name} is a link or a device; the archive is refused")
            content = tape.extractfile(member)
            assert content is not None
            yield member.name, content


class _Bounded:
    """A stream for tarfile that refuses to read a header of gigabytes into memory."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        self.seek, self.tell, self.close = stream.seek, stream.tell, stream.close

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= 64 << 20:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self.stream.read(size)
