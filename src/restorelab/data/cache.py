"""Cache of decoded images on disk, keyed by the source's content and the decoding options, memory-mapped by every run.

An entry is a folder in `cache_root()/tables`. `clean.bin` (and `degraded.bin` for pairs) holds the pixels of all images
one after another, `index.npz` the shape and offset of each, and `meta.json`, written last, the names and the key. An
entry is built in a hidden temporary folder under a lock and then renamed, so no run ever sees an incomplete entry.
"""

import hashlib
import json
import logging
import os
import shutil
import time
import uuid
import zipfile
import zlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from filelock import Timeout

from restorelab.data.cache_build import OnBad, build, judge, write_json
from restorelab.data.cache_lock import alone_with, lock_of
from restorelab.data.cache_root import cache_root, unusable
from restorelab.data.content import digest
from restorelab.data.decode import Decoding
from restorelab.data.image_table import ImageTable, open_table
from restorelab.data.item import Item, Source
from restorelab.data.paging import each_page
from restorelab.errors import DataError, nearest

__all__ = ["Entry", "ImageTable", "cache_root", "clean", "entries", "prepare", "size_text"]

log = logging.getLogger(__name__)

_reported: set[Path] = set()
"""Entries whose remarks this process has already logged."""

RECIPE = 2
"""Version of the entry format. Raise it when `decode` or `build` produce other bytes from the same files."""


def prepare(
    source: Source,
    decoding: Decoding,
    *,
    limit: int | None = None,
    seed: int = 0,
    on_bad: OnBad = "few",
    check: Callable[[Sequence[Item]], object] | None = None,
    began: str | None = None,
    only: Collection[str] = (),
    cache_dir: Path | None = None,
) -> ImageTable:
    """Open the decoded dataset; decode it first if the cache has no valid entry for it.

    Args:
        source: lists the images.
        decoding: how files become pixels.
        limit: decode only this many images, drawn at random by `seed`. The choice depends only on the set of ids, and a
            smaller limit selects a subset of what a larger one selects.
        seed: of `limit`.
        on_bad: what to do about images that cannot be decoded, see `cache_build.judge`. It also applies to an existing
            entry, whose bad images are reported again.
        check: called with the images right before they are decoded; it may raise.
        began: for a resumed run, the name of the entry that it began with. If the dataset has changed since, the images
            whose ids are in `only` and still exist are used, and `limit` is ignored.
        only: see `began`.
        cache_dir: used in place of `cache_root()`.

    Raises:
        DataError: for a missing or broken dataset, too many bad images, a full disk or a cache that cannot be written.
    """
    start = time.perf_counter()
    options = decoding.options()
    made_from = {
        "recipe": RECIPE,
        "source": f"{type(source).__module__}.{type(source).__qualname__}",
        "fingerprint": source.fingerprint(),
        "options": options if limit is None else options | {"limit": limit, "seed": seed},
    }
    changed = began is not None and _name(source, made_from) != began
    if changed:
        made_from["options"] = options | {"only": digest(sorted(only))}
    target = (cache_dir or cache_root()) / "tables" / _name(source, made_from)
    table = _open_valid(target)
    if table is None:
        with alone_with(target, unusable):
            table = _open_valid(target)  # another run may have built the entry while this one waited
            if table is None:
                items = listed(source, decoding)
                items = [item for item in items if item.id in only] if changed else _limited(items, limit, seed)
                if changed and not items:
                    raise DataError("the dataset holds none of the images that the run began with.")
                if check is not None:
                    check(items)
                log.info("decoding %d images into the cache, once: %s", len(items), target)
                _make(target, items, made_from, decoding=decoding, on_bad=on_bad)
                table = open_table(target)
    judge(table.bad, len(table) + len(table.bad), on_bad)
    seconds = time.perf_counter() - start
    warned = f", {table.warned} of them with decoder warnings" if table.warned else ""
    size = size_text(table.nbytes)
    log.info("dataset ready in %.2f s: %d images%s, %s, %s", seconds, len(table), warned, size, target)
    if target not in _reported:  # some commands open the same dataset once for each run
        for remark in table.remarks:
            log.warning("dataset: %s", remark)
        _reported.add(target)
    return table


def listed(source: Source, decoding: Decoding) -> Sequence[Item]:
    """List the images of a source; with `data.pages=all` every page of a file is an image."""
    items = source.items()
    return each_page(items, decoding.channels) if decoding.pages == "all" else items


def _name(source: Source, made_from: dict[str, Any]) -> str:
    key = hashlib.sha256(json.dumps(made_from, sort_keys=True, default=str).encode()).hexdigest()[:20]
    return f"{type(source).__name__.lower()}-{key}"


def _open_valid(folder: Path) -> ImageTable | None:
    """Open an entry; None if it does not exist or is damaged."""
    try:
        return open_table(folder) if folder.exists() else None
    except PermissionError as error:  # the entry belongs to another user, so it cannot be rebuilt either
        raise unusable(folder, error, "be read") from error
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        log.warning("the cache entry %s is damaged (%s) and will be rebuilt", folder, error)
        return None


def _limited(items: Sequence[Item], limit: int | None, seed: int) -> Sequence[Item]:
    if limit is None or limit >= len(items):
        return items
    from restorelab.degradations.rng import derive  # imports torch, which `restorelab cache` does not need

    generator = np.random.Generator(np.random.Philox(key=derive("limit", seed)))
    names = sorted(item.id for item in items)
    chosen = {names[place] for place in generator.permutation(len(names))[:limit]}
    return [item for item in items if item.id in chosen]


def _make(target: Path, items: Sequence[Item], made_from: dict[str, Any], **options: Any) -> None:
    """Build the entry in a temporary folder, then rename it. The caller holds the lock."""
    for leftover in target.parent.glob(f".{target.name}.*.tmp"):  # of builds that were killed
        shutil.rmtree(leftover, ignore_errors=True)
    folder = target.parent / f".{target.name}.{uuid.uuid4().hex[:8]}.tmp"
    folder.mkdir()
    try:
        meta = build(items, folder, **options)
        write_json(folder / "meta.json", {**meta, "made_from": made_from})
        if target.exists():
            shutil.rmtree(target)
        folder.rename(target)
        handle = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(handle)  # makes the rename durable
        finally:
            os.close(handle)
    except OSError as error:
        raise unusable(target.parent, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Entry:
    """A folder or file of the cache: its kind (`tables` or `frozen`), name, path, size in bytes and time of change."""

    kind: str
    name: str
    path: Path
    size: int
    modified: datetime


def entries(root: Path | None = None) -> list[Entry]:
    """List the entries of the cache, the oldest first.

    Temporary folders of killed builds are included; their names begin with a dot.

    Raises:
        DataError: for a cache that cannot be read.
    """
    root = root or cache_root()
    try:
        kinds = [kind for kind in root.iterdir() if kind.is_dir()]
        paths = [path for kind in kinds for path in kind.iterdir() if not path.name.endswith(".lock")]
        listed = []
        for path in paths:
            files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
            size, modified = sum(file.stat().st_size for file in files), datetime.fromtimestamp(path.stat().st_mtime)
            listed.append(Entry(path.parent.name, path.name, path, size, modified))
        return sorted(listed, key=lambda entry: (entry.modified, entry.name))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError as error:
        raise unusable(Path(error.filename or root), error, "be read") from error


def clean(names: Sequence[str] | None = None, root: Path | None = None) -> list[Entry]:
    """Remove the named entries, or all of them, and return those removed. Entries that are being built are kept.

    Raises:
        DataError: for a name that is not in the cache (nothing is removed then), and, after all others were removed,
            for entries that cannot be removed.
    """
    existing = entries(root)
    for name in names or ():
        if name not in {entry.name for entry in existing}:
            raise DataError(f"the cache has no entry {name}. {nearest(name, [entry.name for entry in existing])}")
    removed, errors = [], []
    chosen = [entry for entry in existing if names is None or entry.name in names]
    for entry in chosen:
        owner = entry.name.removeprefix(".").rsplit(".", 2)[0] if entry.name.endswith(".tmp") else entry.name
        try:
            with lock_of(entry.path.with_name(owner)).acquire(timeout=0):
                shutil.rmtree(entry.path) if entry.path.is_dir() else entry.path.unlink()
            removed.append(entry)
        except Timeout:
            log.warning("%s is being built and is kept", entry.path)
        except OSError as error:
            errors.append(unusable(entry.path, error, "be removed"))
    if errors:
        raise DataError(f"{len(errors)} of {len(chosen)} entries could not be removed: {errors[0]}")
    return removed


def size_text(size: float) -> str:
    """Format a number of bytes: `120.0 MB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
