"""Download a file over HTTP(S), whole or not at all; the network is not trusted."""

import errno
import hashlib
import http.client
import logging
import os
import re
import shutil
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from tqdm import tqdm

from restorelab.data.archive import unpack
from restorelab.data.cache_lock import alone_with
from restorelab.errors import ConfigError, DataError
from restorelab.file_names import refusal

log = logging.getLogger(__name__)

CHUNK = 1 << 20
TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
"""HTTP status codes after which the download is tried again."""


def check_digests(owner: str, **digests: str | None) -> None:
    """Raise ConfigError for a malformed checksum; the keyword is its kind, sha256 or md5."""
    for name, value in digests.items():
        digits = {"sha256": 64, "md5": 32}[name]
        if value is not None and not re.fullmatch(rf"[0-9a-fA-F]{{{digits}}}", value):
            raise ConfigError(
                f"{owner}: {name} is {value!r}; expected {digits} hexadecimal digits, or null to skip it."
            )


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
    """Download `url` to `target`, unless that exists, and return `target`.

    Bytes are written to `<target>.part`, which a later attempt or call continues (by a Range request, if the server
    still has the same file); only a complete file of the right `size` and checksum is renamed to `target`. A target
    that exists with them is kept. Proxies are those of the environment.

    retries: failures in a row without progress before giving up. pause: seconds before the first new attempt, doubled
    before each further one. timeout: seconds without a byte.

    Raises:
        DataError: naming the URL, if the server refuses, for `retries` failures in a row, a wrong size or checksum (the
            partial file is removed), a full disk, or a URL that is not http or https.
    """
    if not url.startswith(("http://", "https://")):
        raise DataError(f"{url}: only http and https addresses can be downloaded")
    expected = {name: digest.lower() for name, digest in (("sha256", sha256), ("md5", md5)) if digest}
    with alone_with(target):
        if target.exists():
            wrong = _wrong(target, expected, size)
            if wrong is None:
                log.info("%s exists already", target)
                return target
            log.warning("%s exists, but %s; it is downloaded again", target, wrong)
        part = target.with_name(target.name + ".part")
        _gather(url, part, size, retries, pause, timeout, checked=bool(expected))
        wrong = _wrong(part, expected, size)
        if wrong is not None:
            _forget(part)
            raise DataError(f"{url}: {wrong}. The file was removed; download it again, or correct the address.")
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(target)
        _forget(part)
    return target


def _gather(
    url: str, part: Path, size: int | None, retries: int, pause: float, timeout: float, *, checked: bool
) -> None:
    """Try until `part` is complete."""
    failures, have = 0, -1
    while True:
        try:
            return _once(url, part, size, timeout, checked)
        except urllib.error.HTTPError as error:
            if error.code not in TRANSIENT:
                raise DataError(f"{url}: the server answered {error.code} {error.reason}") from None
            reason = f"{error.code} {error.reason}"
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
                raise DataError(f"{part}: cannot be written: {error}") from None
            reason = str(getattr(error, "reason", None) or error or type(error).__name__)
        now = part.stat().st_size if part.exists() else 0
        failures = 1 if now > have >= 0 else failures + 1  # an attempt that made progress resets the count
        have = now
        if failures > retries:
            raise DataError(
                f"{url}: {reason}, after {failures} attempts. {now:,} bytes are kept; a new call continues from there."
            )
        log.warning("%s: %s; retry %d of %d", url, reason, failures, retries)
        time.sleep(min(pause * 2 ** (failures - 1), 60.0))


def _once(url: str, part: Path, size: int | None, timeout: float, checked: bool) -> None:
    """Request the bytes that `part` lacks and append them."""
    have = part.stat().st_size if part.exists() else 0
    if size is not None and have >= size:  # complete: the caller verifies it
        return
    tag = _tag(part)
    known = tag.read_text() if tag.exists() else ""
    request = urllib.request.Request(url, headers={"User-Agent": "restorelab", "Accept-Encoding": "identity"})
    if have and (known or checked):  # without ETag and checksum, nothing shows that the rest belongs to the same file
        request.add_header("Range", f"bytes={have}-")
        if known:
            request.add_header("If-Range", known)
    try:
        response = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # the partial file is longer than what the server has
            _forget(part)
            raise ConnectionError("the server cannot continue; starting again") from None
        raise
    with response:
        resumed = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if response.status == 206 and not resumed:
            _forget(part)
            raise ConnectionError("the server continues at another position; starting again")
        have = have if resumed else 0
        etag = response.headers.get("ETag", "")
        tag.write_text("" if etag.startswith("W/") else etag or response.headers.get("Last-Modified", ""))
        length = response.headers.get("Content-Length")
        total = have + int(length) if length is not None else size
        free = shutil.disk_usage(part.parent).free
        if total is not None and total - have > free:
            raise DataError(f"{part.parent}: {total - have:,} bytes are needed for {url} and {free:,} are free")
        if resumed:
            log.info("%s continues at byte %d", url, have)
        bar = tqdm(
            total=total, initial=have, unit="B", unit_scale=True, desc=part.stem, disable=not sys.stderr.isatty()
        )
        with part.open("ab" if resumed else "wb") as file, bar:
            while chunk := response.read(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
                have += len(chunk)
                if size is not None and have > size:
                    return  # longer than expected: the caller will refuse it
    if total is not None and have < total:
        raise ConnectionError(f"the connection ended after {have:,} of {total:,} bytes")


def _tag(part: Path) -> Path:
    return part.with_name(part.name + ".tag")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _tag(part).unlink(missing_ok=True)


def _wrong(path: Path, expected: dict[str, str], size: int | None) -> str | None:
    """Return how a file differs from the expected size and checksums; None if it does not."""
    actual = path.stat().st_size
    if size is not None and actual != size:
        return f"it has {actual:,} bytes, not {size:,}"
    for name, digest in expected.items():
        with path.open("rb") as file:
            computed = hashlib.file_digest(file, name).hexdigest()
        if computed != digest:
            return f"its {name} is {computed}, not {digest}"
    return None


def install(url: str, root: Path, *, max_bytes: int, sha256: str | None = None, md5: str | None = None) -> Path:
    """Download an archive into `root`, unpack it there, remove it and return `root`; an existing archive is reused.

    Raises:
        DataError: as `download` and `unpack`, and if `root` already holds a file or folder of the archive's top level.
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
        raise DataError(f"{error}. Remove {archive} to download it again.") from error
    unpacked = sorted(folder.iterdir())
    existing = [entry.name for entry in unpacked if (root / entry.name).exists()]
    if existing:
        shutil.rmtree(folder)
        raise DataError(f"{root} holds {', '.join(existing)} already; {archive.name} is not unpacked over it.")
    for entry in unpacked:
        entry.rename(root / entry.name)
    folder.rmdir()
    archive.unlink()
    return root
