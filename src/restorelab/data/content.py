"""Hashes of files' contents, computed once and cached until a file changes.

The hashes are stored in `cache_root()/content`, one file for each dataset folder. A file counts as unchanged if its
device, inode, size, modification time and status change time are the same. Programs cannot set the last of these, so a
file that was replaced by one of the same size and modification time is read again. Moving or renaming a folder changes
none of them.
"""

import contextlib
import hashlib
import json
import logging
import struct
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from restorelab.data.cache_root import cache_root
from restorelab.data.memory import cpus

log = logging.getLogger(__name__)

KEY = struct.Struct("<QQqqq")
"""Device, inode, size, modification time and status change time of a file."""

DIGEST = 16
"""Bytes of a hash of a file."""

DIGITS = 16
"""Hexadecimal digits of a hash of plain data."""

UNREADABLE = "unreadable"
"""Stands for the hash of a file that cannot be read; decoding reports why."""

SETTLED = 2_000_000_000
"""Nanoseconds for which a file must not have changed before its hash is stored: the clocks of file systems are coarse,
and a second change within one tick would go unnoticed."""

LONG = 5.0
"""Seconds of hashing above which the duration is logged."""

MANY_BYTES = 2 << 30
"""Bytes to be hashed above which the log says so beforehand."""


def digest(value: Any) -> str:
    """Return a hash of plain data, 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:DIGITS]


def hashes(paths: Sequence[Path], root: Path) -> list[str]:
    """Return the hash of each file's content in hexadecimal digits. root: the dataset folder, which names the store."""
    keys = [_key(path) for path in paths]
    stored = _load(root)
    digests = {key: stored[key] for key in keys if key is not None and key in stored}
    missing = {key: path for key, path in zip(keys, paths, strict=True) if key is not None and key not in digests}
    if missing:
        computed = {key: digest for key, digest in _computed(missing).items() if digest is not None}
        digests |= computed
        now = time.time_ns()
        settled = {key: digest for key, digest in computed.items() if max(KEY.unpack(key)[3:]) < now - SETTLED}
        if settled:
            _store(root, stored | settled)
    return [digests[key].hex() if key in digests else UNREADABLE for key in keys]


def by_name(paths: Sequence[Path], root: Path) -> dict[str, str]:
    """Return the hash of each file's content by the file's name, for datasets of a few files."""
    return dict(zip([path.name for path in paths], hashes(paths, root), strict=True))


def _key(path: Path) -> bytes | None:
    try:
        status = path.stat()
    except OSError:  # a broken link
        return None
    return KEY.pack(
        status.st_dev % 2**64, status.st_ino % 2**64, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    )


def _computed(paths: dict[bytes, Path]) -> dict[bytes, bytes | None]:
    """Hash files in threads: reading and hashing release the interpreter's lock."""
    total = sum(KEY.unpack(key)[2] for key in paths)
    if total > MANY_BYTES:
        log.info("hashing %.1f GB in %d files, once, to identify the dataset by its content", total / 1e9, len(paths))
    start = time.perf_counter()
    if len(paths) == 1:
        digests = [_digest(path) for path in paths.values()]
    else:
        with ThreadPoolExecutor(cpus(), thread_name_prefix="hash") as pool:
            digests = list(pool.map(_digest, paths.values()))
    seconds = time.perf_counter() - start
    if seconds > LONG:
        log.info("hashed %d files, %.1f GB, in %.1f s; the hashes are cached", len(paths), total / 1e9, seconds)
    return dict(zip(paths, digests, strict=True))


def _digest(path: Path) -> bytes | None:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()[:DIGEST]
    except OSError:
        return None


def _file(root: Path) -> Path:
    status = root.stat()
    return cache_root() / "content" / f"{status.st_dev % 2**64:x}-{status.st_ino % 2**64:x}"


def _load(root: Path) -> dict[bytes, bytes]:
    size = KEY.size + DIGEST
    try:
        data = _file(root).read_bytes()
    except OSError:
        return {}
    if len(data) % size:
        return {}
    return {data[i : i + KEY.size]: data[i + KEY.size : i + size] for i in range(0, len(data), size)}


def _store(root: Path, digests: dict[bytes, bytes]) -> None:
    """Write all hashes of a folder, one per inode. If the cache cannot be written, the next run computes them again."""
    newest = {key[:16]: key + digest for key, digest in digests.items()}
    with contextlib.suppress(OSError):
        file = _file(root)
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", suffix=".tmp", delete=False) as new:
            new.write(b"".join(newest.values()))
        Path(new.name).replace(file)
