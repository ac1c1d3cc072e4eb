"""Build one cache entry: decode every image once, in parallel, and write the pixels to disk as they come.

Decoding runs in threads, because Pillow and zlib release the interpreter's lock and threads need neither pickling nor a
new process. A `Gate` limits the memory of the images being decoded. Pixels are appended in the source's order. If all
images have one shape and depth, that file is final; otherwise it is copied once, sorted by shape, so that images of one
shape are contiguous.
"""

import json
import logging
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tqdm import tqdm

from restorelab.data.decode import BadImage, Decoding
from restorelab.data.decode_ahead import in_order
from restorelab.data.item import Item
from restorelab.data.remarks import Remarks
from restorelab.data.warned import quiet
from restorelab.errors import DataError

log = logging.getLogger(__name__)

OnBad = Literal["few", "skip", "error"]
Bad = list[tuple[str, str]]
"""The id of each image that cannot be used, and why."""

SPACE_EVERY = 256 << 20
"""Bytes written between two checks of the free disk space."""


def build(items: Sequence[Item], folder: Path, *, decoding: Decoding, on_bad: OnBad) -> dict[str, Any]:
    """Decode `items` into the empty `folder` and return the entry's metadata.

    Writes `clean.bin`, for real pairs `degraded.bin`, and `index.npz` (shapes, offsets, labels). Rows are sorted by
    shape, and within a shape in the order of the items. A pair is left out if either of its images is bad.

    Raises:
        DataError: for duplicate ids, images with and without a partner, too many bad images, or too little disk space
            or memory.
    """
    _check(items)
    paired = bool(items) and items[0].degraded is not None
    samples = 0 if decoding.size is None else decoding.channels * decoding.size[0] * decoding.size[1]
    need_space(folder, len(items) * samples * (1 + paired))
    # Several small images per task are 30 % faster than one; at most 8 MB per task limit the memory.
    chunk = min(32, max(1, (8 << 20) // samples)) if samples else 1
    decoded_items: list[Item] = []
    contents: list[int] = []
    bad: Bad = []
    remarks = Remarks(decoding)
    clean, degraded = Spool(folder / "clean.bin"), Spool(folder / "degraded.bin")
    start, checked = time.perf_counter(), 0
    with quiet(), closing(clean), closing(degraded):
        bar = tqdm(total=len(items), desc="decoding", unit=" images", disable=not sys.stderr.isatty(), file=sys.stderr)
        with bar, closing(in_order(items, decoding, chunk)) as results:
            for item, result in zip(items, results, strict=True):
                bar.update()
                if isinstance(result, BadImage):
                    bad.append((item.id, str(result)))
                    judge(bad, len(items), on_bad, final=False)
                    continue
                decoded_items.append(item)
                contents.append(result.content)
                for decoded, spool in ((result.clean, clean), (result.degraded, degraded)):
                    if decoded is not None:
                        spool.append(decoded.pixels)
                        remarks.add(item.id, decoded.facts)
                written = clean.written + degraded.written
                if len(decoded_items) == 1 or written - checked >= SPACE_EVERY:
                    checked = written
                    remaining = written * (len(items) - len(decoded_items) - len(bad)) // len(decoded_items)
                    need_space(folder, remaining + (clean.mixed or degraded.mixed) * (written + remaining))
    if not decoded_items:
        raise DataError(f"none of the {len(items)} images can be used. {listing(bad)}")
    seconds = time.perf_counter() - start
    log.debug(
        "decoded %d images in %.1f s, %.0f images per second", len(decoded_items), seconds, len(decoded_items) / seconds
    )
    meta = _finish(folder, decoded_items, contents, bad, clean, degraded if paired else None)
    return {**meta, "warned": remarks.warned.files, "remarks": remarks.sentences()}


class Spool:
    """A file that decoded images are appended to, and the shape and depth of each image in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = path.open("wb")
        self.shapes: list[tuple[int, ...]] = []
        self.depths: list[int] = []
        self.written = 0
        self.mixed = False  # whether shapes or depths differ, so that the file must be copied to sort its images

    def append(self, pixels: np.ndarray) -> None:
        """Add an image `(C, H, W)`, uint8 or uint16."""
        self.file.write(np.ascontiguousarray(pixels).data)
        self.shapes.append(pixels.shape)
        self.depths.append(pixels.itemsize)
        self.written += pixels.nbytes
        self.mixed |= self.shapes[0] != pixels.shape or self.depths[0] != pixels.itemsize

    def close(self) -> None:
        """Flush the file to the disk and close it."""
        if not self.file.closed:
            self.file.flush()
            os.fsync(self.file.fileno())
            self.file.close()

    def arrange(self, order: np.ndarray, depth: int) -> tuple[np.ndarray, np.ndarray]:
        """Sort the images by `order`, convert them to `depth` bytes per sample, return shapes `(N, 3)`, offsets `(N,)`.

        8-bit images among 16-bit ones are multiplied by 257, which maps 255 to 65535.
        """
        shapes = np.array(self.shapes, np.int64)
        counts = shapes.prod(1)
        if (order != np.arange(len(order))).any() or set(self.depths) != {depth}:
            starts = np.cumsum(counts * self.depths) - counts * self.depths
            source = np.memmap(self.path, np.uint8, "r")
            copy = self.path.with_suffix(".sorted")
            need_space(copy.parent, int(counts.sum()) * depth)
            with copy.open("wb") as file:
                for row in order:
                    raw = source[starts[row] : starts[row] + counts[row] * self.depths[row]]
                    file.write((raw.astype(np.uint16) * np.uint16(257) if self.depths[row] < depth else raw).data)
                file.flush()
                os.fsync(file.fileno())
            del source
            copy.replace(self.path)
        counts = counts[order]
        return shapes[order], np.cumsum(counts) - counts


def judge(bad: Bad, total: int, on_bad: OnBad, *, final: bool = True) -> None:
    """Raise DataError if too many images are bad; otherwise log which are left out, if `final`.

    on_bad: `few`, the default, allows 10 bad images or 1 % of all, whichever is more, but no more than half of all;
    `skip` allows any number and `error` none. final: whether all images have been decoded.
    """
    if not bad:
        return
    few = len(bad) <= max(10, total // 100) and 2 * len(bad) <= total
    if on_bad == "error" or (on_bad == "few" and not few):
        sofar = "" if final else " so far"
        raise DataError(
            f"{len(bad)} of {total} images cannot be used{sofar}. {listing(bad)} "
            "Repair or remove them, or leave such images out with data.on_bad=skip."
        )
    if final:
        log.warning("%d of %d images cannot be used and are left out. %s", len(bad), total, listing(bad))


def listing(bad: Bad, most: int = 10) -> str:
    """Return the names and reasons of the first `most` bad images as one sentence."""
    more = f"; and {len(bad) - most} more" if len(bad) > most else ""
    return "; ".join(reason if name in reason else f"{name} ({reason})" for name, reason in bad[:most]) + more + "."


def need_space(folder: Path, needed: int) -> None:
    """Raise DataError if the disk of `folder` has fewer than `needed` bytes free; the message gives both numbers."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{folder}: about {needed:,} bytes are needed and {free:,} are free. Free some space, lower data.limit or "
            "data.size, or set RESTORELAB_CACHE to a folder on another disk."
        )


def _check(items: Sequence[Item]) -> None:
    duplicates = [name for name, count in Counter(item.id for item in items).items() if count > 1]
    if duplicates:
        raise DataError(f"{len(duplicates)} ids belong to several images, such as {', '.join(sorted(duplicates)[:5])}.")
    unpaired = [item.id for item in items if item.degraded is None]
    if unpaired and len(unpaired) < len(items):
        raise DataError(f"{len(unpaired)} of {len(items)} images have no degraded partner, such as {unpaired[0]}.")


def _finish(
    folder: Path, items: list[Item], contents: list[int], bad: Bad, clean: Spool, degraded: Spool | None
) -> dict[str, Any]:
    """Sort the images by shape, write `index.npz` and return the entry's metadata."""
    order = np.lexsort(np.array(clean.shapes).T[::-1])  # stable: images of one shape keep the items' order
    depth = max(clean.depths + (degraded.depths if degraded else []))
    arrays: dict[str, np.ndarray] = {}
    files = {"clean.bin": clean}
    arrays["shapes"], arrays["offsets"] = clean.arrange(order, depth)
    arrays["contents"] = np.array(contents, np.uint64)[order]
    if degraded is None:
        (folder / "degraded.bin").unlink()
    else:
        files["degraded.bin"] = degraded
        arrays["degraded_shapes"], arrays["degraded_offsets"] = degraded.arrange(order, depth)
        _check_pairs([items[row].id for row in order], arrays["shapes"], arrays["degraded_shapes"])
    ordered = [items[row] for row in order]
    if any(item.label is not None for item in ordered):
        arrays["labels"] = np.array([-1 if item.label is None else item.label for item in ordered], np.int64)
    with (folder / "index.npz").open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
        file.flush()
        os.fsync(file.fileno())
    return {
        "dtype": "uint8" if depth == 1 else "uint16",
        "bytes": {name: (folder / name).stat().st_size for name in (*files, "index.npz")},
        "ids": [item.id for item in ordered],
        "groups": [item.group for item in ordered],
        "splits": [item.split for item in ordered] if any(item.split for item in ordered) else None,
        "bad": bad,
    }


def _check_pairs(ids: list[str], shapes: np.ndarray, degraded: np.ndarray) -> None:
    """Raise DataError unless clean images of one shape, which share a batch, have partners of one shape."""
    seen: dict[tuple[int, ...], int] = {}
    for row, shape in enumerate(map(tuple, shapes.tolist())):
        first = seen.setdefault(shape, row)
        if (degraded[row] != degraded[first]).any():
            raise DataError(
                f"{ids[row]} and {ids[first]} are both {shape}, but their degraded partners are "
                f"{tuple(degraded[row].tolist())} and {tuple(degraded[first].tolist())}; set data.size."
            )


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file and flush it to the disk."""
    with path.open("w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
