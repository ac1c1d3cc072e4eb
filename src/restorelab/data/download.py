"""Fetch an archive over HTTP(S) and unpack it, trusting neither the network nor the archive."""

import bz2
import gzip
import hashlib
import http.client
import logging
import lzma
import os
import shutil
import stat
import sys
import tarfile
import time
import urllib.error
import urllib.request
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from tqdm import tqdm

from restorelab.data.cache_lock import alone_with
from restorelab.errors import DataError
from restorelab.file_names import refusal

log = logging.getLogger(__name__)

CHUNK = 1 << 20
TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
"""HTTP statuses that a later try may not meet."""


def download(
    url: str,
    target: Path,
    *,
    sha256: str | None = None,
    md5: str | None = None,
    size: int | None = None,
    retries: int = 5,
    pause: float = 1.0,
    timeout: float = 30.0,
) -> Path:
    """Fetch `url` to `target`, once, and return `target`.

    Bytes gather in `<target>.part`, which a later try or call continues (by Range, if the server still has the same
    file); only a whole file with the right `size` and checksum gets its name. A target that exists and has them is
    kept. `pause` is the seconds before the first new try, doubled before each further one; `timeout` the seconds
    without a byte. Proxies are those of the environment.

    Raises:
        DataError: naming the url, for a refusal, for `retries` failures in a row, a wrong size or checksum (the part
            is removed), a full disk, or a URL that is not http or https.
    """
    if not url.startswith(("http://", "https://")):
        raise DataError(f"{url}: only http and https are fetched")
    expected = {name: digest.lower() for name, digest in (("sha256", sha256), ("md5", md5)) if digest}
    with alone_with(target):
        if target.exists():
            wrong = _wrong(target, expected, size)
            if wrong is None:
                log.info("%s is there already", target)
                return target
            log.warning("%s is there but %s; it is fetched again", target, wrong)
        part = target.with_name(target.name + ".part")
        _gather(url, part, size, retries, pause, timeout, checked=bool(expected))
        wrong = _wrong(part, expected, size)
        if wrong is not None:
            _forget(part)
            raise DataError(f"{url}: {wrong}. What was fetched is removed; fetch it again, or mend the address.")
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(target)
        _forget(part)
    return target


def _gather(
    url: str, part: Path, size: int | None, retries: int, pause: float, timeout: float, *, checked: bool
) -> None:
    """Try until `part` is as long as the server says the file is."""
    failures, have = 0, -1
    while True:
        try:
            return _once(url, part, size, timeout, checked)
        except urllib.error.HTTPError as error:
            if error.code not in TRANSIENT:
                raise DataError(f"{url}: the server answers {error.code} {error.reason}") from None
            reason = f"{error.code} {error.reason}"
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, OSError) and error.errno in (28, 122, 13, 30):  # full, quota, no right, read-only
                raise DataError(f"{part}: cannot be written: {error}") from None
            reason = str(getattr(error, "reason", None) or error or type(error).__name__)
        now = part.stat().st_size if part.exists() else 0
        failures = 1 if now > have >= 0 else failures + 1  # a try that got further starts the count anew
        have = now
        if failures > retries:
            raise DataError(f"{url}: {reason}, after {failures} tries. {now:,} bytes are kept; a new call goes on.")
        log.warning("%s: %s; try %d of %d follows", url, reason, failures, retries)
        time.sleep(min(pause * 2 ** (failures - 1), 60.0))


def _once(url: str, part: Path, size: int | None, timeout: float, checked: bool) -> None:
    have = part.stat().st_size if part.exists() else 0
    if size is not None and have >= size:  # whole: the check that follows judges it
        return
    tag = _tag(part)
    known = tag.read_text() if tag.exists() else ""
    request = urllib.request.Request(url, headers={"User-Agent": "restorelab", "Accept-Encoding": "identity"})
    if have and (known or checked):  # else nothing would tell whether the rest belongs to the same file
        request.add_header("Range", f"bytes={have}-")
        if known:
            request.add_header("If-Range", known)
    try:
        response = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # the part is not the beginning of what the server has
            _forget(part)
            raise ConnectionError("the server cannot continue; starting anew") from None
        raise
    with response:
        resumed = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if response.status == 206 and not resumed:
            _forget(part)
            raise ConnectionError("the server continues at another place; starting anew")
        have = have if resumed else 0
        etag = response.headers.get("ETag", "")
        tag.write_text("" if etag.startswith("W/") else etag or response.headers.get("Last-Modified", ""))
        length = response.headers.get("Content-Length")
        total = have + int(length) if length is not None else size
        free = shutil.disk_usage(part.parent).free
        if total is not None and total - have > free:
            raise DataError(f"{part.parent}: {total - have:,} bytes are needed for {url} and {free:,} are free")
        if resumed:
            log.info("%s goes on at byte %d", url, have)
        bar = tqdm(
            total=total, initial=have, unit="B", unit_scale=True, desc=part.stem, disable=not sys.stderr.isatty()
        )
        with part.open("ab" if resumed else "wb") as file, bar:
            while chunk := response.read(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
                have += len(chunk)
                if size is not None and have > size:
                    return  # longer than promised: no need to see the end of it
    if total is not None and have < total:
        raise ConnectionError(f"the connection ended after {have:,} of {total:,} bytes")


def _tag(part: Path) -> Path:
    return part.with_name(part.name + ".tag")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _tag(part).unlink(missing_ok=True)


def _wrong(path: Path, expected: dict[str, str], size: int | None) -> str | None:
    """What is wrong with a file, or None."""
    found = path.stat().st_size
    if size is not None and found != size:
        return f"it has {found:,} bytes, not {size:,}"
    for name, digest in expected.items():
        with path.open("rb") as file:
            computed = hashlib.file_digest(file, name).hexdigest()
        if computed != digest:
            return f"its {name} is {computed}, not {digest}"
    return None


def install(url: str, root: Path, *, max_bytes: int, sha256: str | None = None, md5: str | None = None) -> Path:
    """Bring an archive into `root`, unpack it there and remove it; an archive that lies there already is taken.

    Beside other files `root` may hold nothing of the names at the archive's top. Gives `root`.

    Raises:
        DataError: as `download` and `unpack`, and for a name that is there already.
    """
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    if reason := refusal(name):
        raise DataError(f"{url}: the archive's name, {name!r}, {reason}")
    archive = download(url, root / name, sha256=sha256, md5=md5)
    folder = root / f".{archive.name}.unpacked"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        unpack(archive, folder, max_bytes=max_bytes)
    except DataError as error:
        raise DataError(f"{error}. Remove {archive} to fetch it anew.") from error
    new = sorted(folder.iterdir())
    there = [entry.name for entry in new if (root / entry.name).exists()]
    if there:
        shutil.rmtree(folder)
        raise DataError(f"{root} holds {', '.join(there)} already; {archive.name} is not unpacked over it.")
    for entry in new:
        entry.rename(root / entry.name)
    folder.rmdir()
    archive.unlink()
    return root


def unpack(archive: Path, folder: Path, *, max_bytes: int) -> Path:
    """Unpack a tar (plain, gzip, bzip2 or xz) or zip into the new `folder`, whole or not at all; returns `folder`.

    Only files and folders below `folder` are made: an absolute path, a `..`, a link, a device or an encrypted member
    refuses the archive. Modes and owners are not taken over. The bound holds for the bytes that are written (512 more
    for each member, so that a million empty files count too), whatever the headers say.

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
    """Names and contents (None: a folder) of an archive's members; raises DataError for what is neither."""
    with archive.open("rb") as file:
        start = file.read(6)
    if start.startswith(b"PK"):
        with zipfile.ZipFile(archive) as whole:
            for info in whole.infolist():
                kind = stat.S_IFMT(info.external_attr >> 16)
                if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or info.flag_bits & 1:
                    raise DataError(f"{archive}: {info.filename} is a link, a device or encrypted; refused")
                if info.is_dir():
                    yield info.filename, None
                    continue
                with whole.open(info) as content:
                    yield info.filename, content
        return
    opener: Any = open
    for magic, compressed in ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\0", lzma.open)):
        opener = compressed if start.startswith(magic) else opener
    with opener(archive, "rb") as stream, tarfile.open(fileobj=_Bounded(stream), mode="r:") as tape:  # type: ignore[call-overload]
        while (member := tape.next()) is not None:
            tape.members.clear()  # it would keep every header of a large archive
            if member.isdir():
                yield member.name, None
                continue
            if not member.isreg():
                raise DataError(f"{archive}: {member.name} is a link or a device; the archive is refused")
            content = tape.extractfile(member)
            assert content is not None
            yield member.name, content


class _Bounded:
    """A stream for tarfile that reads no header of gigabytes into memory, whatever size an archive claims for it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        self.seek, self.tell, self.close = stream.seek, stream.tell, stream.close

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= 64 << 20:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self.stream.read(size)
