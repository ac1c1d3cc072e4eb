"""A decoded dataset, memory-mapped."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class ImageTable:
    """A decoded dataset. Rows are sorted by shape, so the images of one shape are contiguous in `pixels`.

    Attributes:
        folder: the cache entry.
        ids: `N` unique and stable names.
        groups: `N` group names; a split keeps the images of a group together.
        contents: `(N,)` uint64, a hash of each image, its degraded partner and label; see `decode_ahead.hashed`.
        labels: `(N,)` int64, -1 for an image without a label; None if no image has one.
        splits: the official part of each image ("train", "val", "test" or None); None if the dataset has none.
        shapes: `(N, 3)` int64, channels, height and width of each image.
        offsets: `(N,)` int64, index of the first sample of each image.
        pixels: flat, read-only memory map, uint8 or uint16.
        degraded_shapes: as `shapes`, of the degraded partners; None without real pairs.
        degraded_offsets: as `offsets`.
        degraded_pixels: as `pixels`, of the same dtype.
        bad: (id, reason) of the images that were left out.
        warned: number of images whose decoder issued warnings.
        remarks: sentences about unexpected properties of the files.

    """

    folder: Path
    ids: list[str]
    groups: list[str]
    contents: np.ndarray
    labels: np.ndarray | None
    splits: list[str | None] | None
    shapes: np.ndarray
    offsets: np.ndarray
    pixels: np.memmap
    degraded_shapes: np.ndarray | None
    degraded_offsets: np.ndarray | None
    degraded_pixels: np.memmap | None
    bad: list[tuple[str, str]]
    warned: int
    remarks: list[str]

    def __len__(self) -> int:
        return len(self.ids)

    def __reduce__(self) -> tuple[Any, ...]:
        # A worker process maps the file again; pickling the pixels would copy the dataset.
        return open_table, (self.folder,)

    @property
    def maximum(self) -> int:
        """The sample value that means white, 255 or 65535."""
        return int(np.iinfo(self.pixels.dtype).max)

    @property
    def nbytes(self) -> int:
        """Bytes of all pixels."""
        return self.pixels.nbytes + (0 if self.degraded_pixels is None else self.degraded_pixels.nbytes)

    def clean(self, row: int) -> np.ndarray:
        """Return the image of a row, `(C, H, W)`, as a read-only view."""
        return _view(self.pixels, self.shapes[row], self.offsets[row], 1)[0]

    def degraded(self, row: int) -> np.ndarray:
        """Return the degraded partner of a row, `(C, h, w)`, as a read-only view; ValueError without real pairs."""
        if self.degraded_pixels is None or self.degraded_shapes is None or self.degraded_offsets is None:
            raise ValueError("this dataset has no degraded partners")
        return _view(self.degraded_pixels, self.degraded_shapes[row], self.degraded_offsets[row], 1)[0]

    def buckets(self) -> dict[tuple[int, int, int], np.ndarray]:
        """Return the rows of each shape, ascending and contiguous."""
        return self._buckets

    @cached_property
    def _buckets(self) -> dict[tuple[int, int, int], np.ndarray]:
        shapes, first, counts = np.unique(self.shapes, axis=0, return_index=True, return_counts=True)
        return {
            (int(s[0]), int(s[1]), int(s[2])): np.arange(start, start + count)
            for s, start, count in zip(shapes, first, counts, strict=True)
        }

    def block(self, shape: tuple[int, int, int]) -> np.ndarray:
        """Return all clean images of a shape as one view `(n, C, H, W)`, in the order of `buckets()[shape]`."""
        rows = self._buckets[shape]
        return _view(self.pixels, self.shapes[rows[0]], self.offsets[rows[0]], len(rows))


def _view(pixels: np.ndarray, shape: np.ndarray, offset: int, count: int) -> np.ndarray:
    size = int(shape.prod()) * count
    return np.asarray(pixels[offset : offset + size]).reshape(count, *shape)


def open_table(folder: Path) -> ImageTable:
    """Map the cache entry in `folder`; ValueError, OSError, KeyError or BadZipFile if it is incomplete."""
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    for name, size in meta["bytes"].items():
        actual = (folder / name).stat().st_size
        if actual != size:
            raise ValueError(f"{name} has {actual:,} bytes, not {size:,}")
    with np.load(folder / "index.npz", allow_pickle=False) as archive:
        index = dict(archive)
    if len(index["shapes"]) != len(meta["ids"]):
        raise ValueError(f"{len(index['shapes'])} shapes for {len(meta['ids'])} ids")
    pairs = "degraded_shapes" in index
    return ImageTable(
        folder=folder,
        ids=meta["ids"],
        groups=meta["groups"],
        contents=index["contents"],
        labels=index.get("labels"),
        splits=meta["splits"],
        shapes=index["shapes"],
        offsets=index["offsets"],
        pixels=np.memmap(folder / "clean.bin", meta["dtype"], "r"),
        degraded_shapes=index.get("degraded_shapes"),
        degraded_offsets=index.get("degraded_offsets"),
        degraded_pixels=np.memmap(folder / "degraded.bin", meta["dtype"], "r") if pairs else None,
        bad=[(name, reason) for name, reason in meta["bad"]],
        warned=meta["warned"],
        remarks=meta["remarks"],
    )
