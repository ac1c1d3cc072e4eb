"""Read the sizes of images from file headers only."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
import tifffile

from restorelab.data import warned
from restorelab.data.arrays import MAGIC, band_axis, read_header
from restorelab.data.decode import MIN_SIDE
from restorelab.data.factor import Size, cut_sizes
from restorelab.data.item import Encoded, Item, Window
from restorelab.data.raster import OPENERS, orientation_of
from restorelab.data.tiff import MAGICS


@dataclass(frozen=True)
class Headers:
    """What is known of a dataset before it is decoded; the fields are those of `image_table.ImageTable`."""

    ids: list[str]
    groups: list[str]
    splits: list[str | None] | None
    shapes: np.ndarray
    degraded_shapes: np.ndarray | None

    def __len__(self) -> int:
        return len(self.ids)


def size_of(path: Path, channels: int = 3) -> tuple[int, int] | None:
    """Return height and width of the upright image; None if they cannot be read, for which decoding gives the reason.

    channels: see `arrays.band_axis`.
    """
    try:
        with warned.quiet(), path.open("rb") as stream:
            return _size(stream, channels)
    except Exception:  # the file may hold arbitrary bytes
        return None


def _size(stream: BinaryIO, channels: int) -> tuple[int, int]:
    head = stream.read(16)
    stream.seek(0)
    if head.startswith(MAGICS):
        with tifffile.TiffFile(stream) as file:
            page: Any = file.pages[0]
            height, width, orientation = page.imagelength, page.imagewidth, int(page.tags.valueof(274, 1))
    elif head.startswith((MAGIC, b"PK\3\4")):
        archive = zipfile.ZipFile(stream) if head.startswith(b"PK") else None
        npy: IO[bytes] = stream if archive is None else archive.open(archive.infolist()[0])
        shape = read_header(npy)[0]
        axis = band_axis(shape, channels)
        height, width = (side for place, side in enumerate(shape) if place != axis)
        orientation = 1
    else:
        opener = next(opener for starts, opener in OPENERS if head.startswith(starts))
        image = opener(stream)
        height, width, orientation = image.height, image.width, orientation_of(image)
    return (width, height) if 5 <= orientation <= 8 else (height, width)


def read_headers(items: Sequence[Item], *, channels: int, size: Size | None, multiple: int) -> Headers | None:
    """Return the sizes that images will have after decoding; None if not all headers can be read.

    channels, size, multiple: as in `decode.Decoding`.
    """
    shapes, degraded_shapes = [], []
    for item in items:
        clean = size or _size_of(item.clean, channels)
        pair = None if item.degraded is None else size or _size_of(item.degraded, channels)
        if clean is None or (item.degraded is not None and pair is None):
            return None
        clean, pair = cut_sizes(clean, pair, multiple)
        if min(clean) < MIN_SIDE:  # a placeholder, which decoding will leave out
            return None
        shapes.append((channels, *clean))
        degraded_shapes.append((channels, *(pair or clean)))
    paired = bool(items) and items[0].degraded is not None
    return Headers(
        [item.id for item in items],
        [item.group for item in items],
        [item.split for item in items],
        np.array(shapes, np.int64).reshape(-1, 3),
        np.array(degraded_shapes, np.int64).reshape(-1, 3) if paired else None,
    )


def _size_of(encoded: Encoded, channels: int) -> Size | None:
    if isinstance(encoded, np.ndarray):
        return encoded.shape[0], encoded.shape[1]
    if isinstance(encoded, Window):
        return encoded.height, encoded.width
    return size_of(encoded, channels) if isinstance(encoded, Path) else None
