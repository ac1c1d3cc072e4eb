"""What files hold: a hash of the bytes of each, which is computed once and remembered until the file changes.

The hashes are remembered in `cache_root()/content`, one file for each folder that was asked about. A file counts as
unchanged where its device, inode, size, and times of modification and of status change are as before. The last of
these cannot be set by a program, so a file that was replaced with its size and its modification time kept is read
again. Moving or renaming a folder changes none of them.
"""

import contextlib
import hashlib
import json
import logging
import os
import struct
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from restorelab.data.cache_root import cache_root

log = logging.getLogger(__name__)

KEY = struct.Struct("<QQqqq")
"""Device, inode, size, modification and status change of a file."""

DIGEST = 16
"""Bytes of a hash of a file."""

DIGITS = 16
"""Hexadecimal digits of a hash of plain data."""

UNREADABLE = "unreadable"
"""Stands for the hash of a file that cannot be read; decoding says what is wrong with it."""

SETTLED = 2_000_000_000
"""Nanoseconds for which a file must not have changed before its hash is remembered: clocks of file systems are coarse,
and a second change within one tick would not show."""

LONG = 5.0
"""Seconds of hashing from which on the log says how long it took."""

MANY_BYTES = 2 << 30
"""Bytes to read from which on the log says beforehand what is going on."""


def digest(value: Any) -> str:
    """A hash of plain data."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:DIGITS]


def hashes(paths: Sequence[Path], root: Path) -> list[str]:
    """The hash of each file's content, as hexadecimal digits. root: the folder under which they are remembered."""
    keys = [_key(path) for path in paths]
    known = _remembered(root)
    found = {key: known[key] for key in keys if key is not None and key in known}
    open_ = {key: path for key, path in zip(keys, paths, strict=True) if key is not None and key not in found}
    if open_:
        new = _computed(open_)
        found |= {key: digest for key, digest in new.items() if digest is not None}
        settled = {key: digest for key, digest in new.items() if digest is not None and _settled(key)}
        if settled:
            _remember(root, known | settled)
    return [found[key].hex() if key in found else UNREADABLE for key in keys]


def by_name(paths: Sequence[Path], root: Path) -> dict[str, str]:
    """The hash of each file's content by the file's name, for datasets of a few files."""
    return dict(zip([path.name for path in paths], hashes(paths, root), strict=True))


def _key(path: Path) -> bytes | None:
    try:
        status = path.stat()
    except OSError:  # a broken link
        return None
    return KEY.pack(
        status.st_dev % 2**64, status.st_ino % 2**64, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    )


def _settled(key: bytes) -> bool:
    *_, modified, changed = KEY.unpack(key)
    return max(modified, changed) < time.time_ns() - SETTLED


def _computed(paths: dict[bytes, Path]) -> dict[bytes, bytes | None]:
    """Hash files in threads: reading and hashing release the interpreter's lock."""
    total = sum(KEY.unpack(key)[2] for key in paths)
    if total > MANY_BYTES:
        log.info("reading %.1f GB in %d files once, to tell their content from other content", total / 1e9, len(paths))
    start = time.perf_counter()
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if len(paths) == 1:
        found = [_digest(path) for path in paths.values()]
    else:
        with ThreadPoolExecutor(workers, thread_name_prefix="hash") as pool:
            found = list(pool.map(_digest, paths.values()))
    seconds = time.perf_counter() - start
    if seconds > LONG:
        log.info("hashed %d files, %.1f GB, in %.1f s; this is remembered", len(paths), total / 1e9, seconds)
    return dict(zip(paths, found, strict=True))


def _digest(path: Path) -> bytes | None:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()[:DIGEST]
    except OSError:
        return None


def _file(root: Path) -> Path:
    status = root.stat()
    return cache_root() / "content" / f"{status.st_dev % 2**64:x}-{status.st_ino % 2**64:x}"


def _remembered(root: Path) -> dict[bytes, bytes]:
    size = KEY.size + DIGEST
    try:
        data = _file(root).read_bytes()
    except OSError:
        return {}
    if len(data) % size:
        return {}
    return {data[i : i + KEY.size]: data[i + KEY.size : i + size] for i in range(0, len(data), size)}


def _remember(root: Path, known: dict[bytes, bytes]) -> None:
    """Write all hashes of a folder, one for an inode; where the cache cannot be written they are computed again."""
    newest = {key[:16]: key + digest for key, digest in known.items()}
    with contextlib.suppress(OSError):
        file = _file(root)
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", suffix=".tmp", delete=False) as new:
            new.write(b"".join(newest.values()))
        Path(new.name).replace(file)
