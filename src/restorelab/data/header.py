"""The size of an image from its file's header, without reading the rest."""

import zipfile
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
import tifffile

from restorelab.data import warned
from restorelab.data.arrays import MAGIC, band_axis
from restorelab.data.raster import OPENERS, orientation_of
from restorelab.data.tiff import MAGICS


def size_of(path: Path, channels: int = 3) -> tuple[int, int] | None:
    """Height and width of the upright image; None where they cannot be read, of which decoding says why.

    channels: see `arrays.band_axis`.
    """
    try:
        with warned.quiet(), path.open("rb") as stream:
            return _size(stream, channels)
    except Exception:  # any bytes at all may be met here
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
        shape = _npy_shape(stream if archive is None else archive.open(archive.infolist()[0]))
        axis = band_axis(shape, channels)
        height, width = (side for place, side in enumerate(shape) if place != axis)
        orientation = 1
    else:
        opener = next(opener for starts, opener in OPENERS if head.startswith(starts))
        image = opener(stream)
        height, width, orientation = image.height, image.width, orientation_of(image)
    return (width, height) if 5 <= orientation <= 8 else (height, width)


def _npy_shape(stream: IO[bytes]) -> tuple[int, ...]:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(stream)[0]
