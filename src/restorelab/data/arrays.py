"""NumPy arrays as images: .npy, and .npz of one array. Their headers are read before anything is allocated."""

import io
import math
import zipfile
from typing import Any

import numpy as np

from restorelab.data.pixels import Picture, Refused

MAGIC = b"\x93NUMPY"

MOST_BANDS = 16
"""An axis that is not `data.channels` long holds bands if it has at most this many entries, and no other does."""


class Array:
    """An array in memory, as a .npy or .npz file holds it.

    Raises:
        Refused: for pickled objects, several arrays, other than two or three axes, or a header that its data do not
            fill.
    """

    pages = 1

    def __init__(self, data: bytes, channels: int) -> None:
        self.stream, self.file_size = _opened(data)
        version = np.lib.format.read_magic(self.stream)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
        if read is None:
            raise Refused(f"a .npy file of version {version[0]}.{version[1]}; save it with numpy.save")
        self.shape, self.column_major, self.dtype = read(self.stream)
        if self.dtype.hasobject or self.dtype.fields or self.dtype.subdtype:
            raise Refused(f"an array of {self.dtype}; expected numbers (pickled objects are never read)")
        self.bytes = math.prod(self.shape) * self.dtype.itemsize
        held = self.file_size - self.stream.tell()
        if held != self.bytes:
            raise Refused(f"damaged: its header promises {self.bytes:,} bytes of samples, and it holds {held:,}")
        self.axis = band_axis(self.shape, channels)

    def size(self, number: int) -> tuple[int, int]:
        """Height and width."""
        height, width = (side for place, side in enumerate(self.shape) if place != self.axis)
        return height, width

    def need(self, number: int) -> int:
        """Bytes of memory that reading takes, about."""
        return 3 * self.bytes

    def load(self, number: int) -> Picture:
        """Read the array: `(H, W, B)`."""
        raw = np.frombuffer(self.stream.read(self.bytes), self.dtype)
        array = raw.reshape(self.shape, order="F" if self.column_major else "C")
        array = array[..., None] if self.axis is None else np.moveaxis(array, self.axis, 2)
        return Picture(array, 3 if array.shape[2] == 3 else 1)


def band_axis(shape: tuple[int, ...], channels: int) -> int | None:
    """Which axis of an array holds its bands: 0, 2, or None for two axes, (H, W).

    Of three axes the first or the last one, (C, H, W) or (H, W, C): the one that is `channels` long; where that is
    neither, the one of at most `MOST_BANDS`. Both alike is refused.
    """
    if len(shape) == 2:
        return None
    if len(shape) != 3:
        raise Refused(f"an array of {shape}; expected one image: (H, W), (H, W, C) or (C, H, W)")
    for fits in ([axis for axis in (0, 2) if shape[axis] == channels],
                 [axis for axis in (0, 2) if shape[axis] <= MOST_BANDS]):  # fmt: skip
        if len(fits) == 1:
            return fits[0]
        if fits:
            break
    raise Refused(
        f"an array of {shape}, in which the bands may be the first or the last axis: one of them must have "
        f"data.channels={channels} entries, or else at most {MOST_BANDS}"
    )


def _opened(data: bytes) -> tuple[Any, int]:
    """The stream of a .npy file, by itself or the one in an archive, and its bytes."""
    if data.startswith(MAGIC):
        return io.BytesIO(data), len(data)
    archive = zipfile.ZipFile(io.BytesIO(data))
    members = archive.infolist()
    if len(members) != 1 or not members[0].filename.endswith(".npy"):
        names = ", ".join(member.filename.removesuffix(".npy") for member in members[:5])
        raise Refused(f"an archive of {len(members)} arrays ({names}); expected one image, one array")
    stream = archive.open(members[0])
    if stream.peek(6)[:6] != MAGIC:  # type: ignore[attr-defined]
        raise Refused("an archive whose member is not a .npy file")
    return stream, members[0].file_size
