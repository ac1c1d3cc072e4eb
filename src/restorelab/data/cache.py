"""Decoded images on disk: made once, keyed by the source's content and the options, then memory-mapped by every run.

An entry is a folder of `cache_root()/tables`: `clean.bin` (and `degraded.bin`), the pixels of all images one after
another; `index.npz`, where each one lies; `meta.json`, written last, the names and what the entry was made from. It is
built in a hidden folder beside its place and renamed into it, under a lock, so no run ever sees half an entry.
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
from dataclasses import asdict, dataclass
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
from restorelab.data.image_table import Table, open_table
from restorelab.data.item import Item, Source
from restorelab.data.paging import each_page
from restorelab.errors import ConfigError, DataError, nearest

__all__ = ["Entry", "Table", "cache_root", "clean", "entries", "prepare", "size_text"]

log = logging.getLogger(__name__)

_told: set[Path] = set()
"""Entries of which this process has said what there is to say."""

RECIPE = 2
"""Version of an entry: raise it when `decode` or `build` make other bytes of the same files."""


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
) -> Table:
    """Open the decoded dataset, decoding it first where no entry of the cache fits or the entry is damaged.

    `limit` picks that many items at random by `seed` before anything is decoded; the choice depends on the set of ids
    only, and a smaller limit picks a part of what a larger one does. `on_bad` (see `build.judge`) also holds for an
    entry made earlier: its bad images are named again. `check` is called with the images right before they are decoded,
    and may refuse them. `began` is the name of the entry that a run began with: where the dataset is another one now,
    the images with the ids `only` are taken, as far as they are there, and no limit.

    Raises:
        ConfigError: options that mean nothing.
        DataError: a missing or broken dataset, too many bad images, a full disk or a cache that cannot be written.
    """
    if on_bad not in ("few", "skip", "error"):
        raise ConfigError(f"data.on_bad={on_bad!r}; allowed: few, skip, error")
    if limit is not None and limit < 1:
        raise ConfigError(f"data.limit={limit}; at least 1, or null for all images")
    start = time.perf_counter()
    options: dict[str, Any] = asdict(decoding)
    choice = {} if limit is None else {"limit": limit, "seed": seed}
    root = (cache_dir or cache_root()) / "tables"
    made_from = _made_from(source, options | choice)
    changed = began is not None and _name(source, made_from) != began
    if changed:
        made_from["options"] = options | {"only": digest(sorted(only))}
    target = root / _name(source, made_from)
    table = _open_if_whole(target)
    if table is None:
        with alone_with(target, unusable):
            table = _open_if_whole(target)  # another run may have made it while this one waited
            if table is None:
                items = listed(source, decoding)
                items = [one for one in items if one.id in only] if changed else _pick(items, limit, seed)
                if changed and not items:
                    raise DataError("the dataset holds none of the images that the run began with.")
                if check is not None:
                    check(items)
                log.info("decoding %d images, once, into %s", len(items), target)
                _make(target, items, made_from, decoding=decoding, on_bad=on_bad)
                table = open_table(target)
    judge(table.bad, len(table) + len(table.bad), on_bad)
    seconds = time.perf_counter() - start
    warned = f", {table.warned} of them from files that warned" if table.warned else ""
    size = size_text(table.nbytes)
    log.info("dataset ready in %.2f s: %d images%s, %s, %s", seconds, len(table), warned, size, target)
    if target not in _told:  # some commands open a dataset once a run
        for remark in table.remarks:
            log.warning("dataset: %s", remark)
        _told.add(target)
    return table


def listed(source: Source, decoding: Decoding) -> Sequence[Item]:
    """The images of a source; pages of a file count where all are read."""
    items = source.items()
    return each_page(items, decoding.channels) if decoding.pages == "all" else items


def _made_from(source: Source, options: dict[str, Any]) -> dict[str, Any]:
    kind = f"{type(source).__module__}.{type(source).__qualname__}"
    return {"recipe": RECIPE, "source": kind, "fingerprint": source.fingerprint(), "options": options}


def _name(source: Source, made_from: dict[str, Any]) -> str:
    key = hashlib.sha256(json.dumps(made_from, sort_keys=True, default=str).encode()).hexdigest()[:20]
    return f"{type(source).__name__.lower()}-{key}"


def _open_if_whole(folder: Path) -> Table | None:
    try:
        return open_table(folder) if folder.exists() else None
    except PermissionError as error:  # it is another user's: there is no use in making it again
        raise unusable(folder, error, "be read") from error
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        log.warning("the cache's entry %s is damaged (%s) and will be made again", folder, error)
        return None


def _pick(items: Sequence[Item], limit: int | None, seed: int) -> Sequence[Item]:
    if limit is None or limit >= len(items):
        return items
    from restorelab.degradations.rng import derive  # brings torch, which `restorelab cache` has no use for

    generator = np.random.Generator(np.random.Philox(key=derive("limit", seed)))
    names = sorted(item.id for item in items)
    chosen = {names[place] for place in generator.permutation(len(names))[:limit]}
    return [item for item in items if item.id in chosen]


def _make(target: Path, items: Sequence[Item], made_from: dict[str, Any], **options: Any) -> None:
    """Build beside `target`, then rename. The lock is held, so what other builds left behind is nobody's."""
    for left in target.parent.glob(f".{target.name}.*.tmp"):
        shutil.rmtree(left, ignore_errors=True)
    folder = target.parent / f".{target.name}.{uuid.uuid4().hex[:8]}.tmp"
    folder.mkdir()
    try:
        meta = build(items, folder, **options)
        write_json(folder / "meta.json", {**meta, "made_from": made_from})
        if target.exists():
            shutil.rmtree(target)
        folder.rename(target)
        _sync(target.parent)
    except OSError as error:
        raise unusable(target.parent, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@dataclass(frozen=True)
class Entry:
    """A folder or file of the cache: its kind (`tables`, `frozen`), name, size on disk and when it was made."""

    kind: str
    name: str
    path: Path
    size: int
    modified: datetime


def entries(root: Path | None = None) -> list[Entry]:
    """What the cache holds, the oldest first; half-built entries of killed runs too, as names that begin with a dot.

    Raises:
        DataError: for a cache that cannot be read.
    """
    root = root or cache_root()
    try:
        kinds = [kind for kind in root.iterdir() if kind.is_dir()]
        paths = [path for kind in kinds for path in kind.iterdir() if not path.name.endswith(".lock")]
        found = [_entry(path) for path in paths]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError as error:
        raise unusable(Path(error.filename or root), error, "be read") from error
    return sorted(found, key=lambda entry: (entry.modified, entry.name))


def _entry(path: Path) -> Entry:
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    size = sum(file.stat().st_size for file in files)
    return Entry(path.parent.name, path.name, path, size, datetime.fromtimestamp(path.stat().st_mtime))


def clean(names: Sequence[str] | None = None, root: Path | None = None) -> list[Entry]:
    """Remove the entries of these names, or all; returns what was removed. An entry that is being built is kept.

    Raises:
        DataError: for a name that the cache does not hold, and where an entry cannot be removed; all others are then.
    """
    held = entries(root)
    for name in names or ():
        if name not in {entry.name for entry in held}:
            raise DataError(f"the cache holds no {name}. {nearest(name, [entry.name for entry in held])}")
    removed, refused = [], []
    wanted = [entry for entry in held if names is None or entry.name in names]
    for entry in wanted:
        owner = entry.name.removeprefix(".").rsplit(".", 2)[0] if entry.name.endswith(".tmp") else entry.name
        try:
            with lock_of(entry.path.with_name(owner)).acquire(timeout=0):
                shutil.rmtree(entry.path) if entry.path.is_dir() else entry.path.unlink()
            removed.append(entry)
        except Timeout:
            log.warning("%s is being built; kept", entry.path)
        except OSError as error:
            refused.append(unusable(entry.path, error, "be removed"))
    if refused:
        raise DataError(f"{len(refused)} of {len(wanted)} entries are kept: {refused[0]}")
    return removed


def size_text(size: float) -> str:
    """A number of bytes for people: `120.0 MB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
