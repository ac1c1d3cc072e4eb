"""NumPy arrays as images: .npy files and .npz files of one array. Headers are read before memory is allocated."""

import io
import math
import zipfile
from typing import IO

import numpy as np

from restorelab.data.pixels import Picture, Refused

MAGIC = b"\x93NUMPY"

MOST_BANDS = 16
"""Where no axis is `data.channels` long, the only axis with at most this many entries is taken as the channel axis."""


class Array:
    """The array of a .npy or .npz file whose bytes are in memory.

    Raises:
        Refused: for pickled objects, several arrays, a number of axes other than two or three, or data whose size does
            not match the header.
    """

    pages = 1

    def __init__(self, data: bytes, channels: int) -> None:
        self.stream, self.file_size = _npy_stream(data)
        self.shape, self.column_major, self.dtype = read_header(self.stream)
        if self.dtype.hasobject or self.dtype.fields or self.dtype.subdtype:
            raise Refused(f"an array of {self.dtype}; expected numbers (pickled objects are never read)")
        self.bytes = math.prod(self.shape) * self.dtype.itemsize
        actual = self.file_size - self.stream.tell()
        if actual != self.bytes:
            raise Refused(f"damaged: its header promises {self.bytes:,} bytes of samples, and it holds {actual:,}")
        self.axis = band_axis(self.shape, channels)

    def size(self, number: int) -> tuple[int, int]:
        """Height and width."""
        height, width = (side for place, side in enumerate(self.shape) if place != self.axis)
        return height, width

    def need(self, number: int) -> int:
        """Approximate memory that reading takes, in bytes."""
        return 3 * self.bytes

    def load(self, number: int) -> Picture:
        """Read the array; its pixels are `(H, W, bands)`."""
        raw = np.frombuffer(self.stream.read(self.bytes), self.dtype)
        array = raw.reshape(self.shape, order="F" if self.column_major else "C")
        array = array[..., None] if self.axis is None else np.moveaxis(array, self.axis, 2)
        return Picture(array, 3 if array.shape[2] == 3 else 1)


def read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return the shape, whether it is stored by columns, and the type of the samples, from the start of a .npy file."""
    version = np.lib.format.read_magic(stream)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        raise Refused(f"a .npy file of version {version[0]}.{version[1]}; save it with numpy.save")
    return read(stream)


def band_axis(shape: tuple[int, ...], channels: int) -> int | None:
    """Return the channel axis of an array shape: 0 for (C, H, W), 2 for (H, W, C), None for (H, W).

    Of three axes, the channel axis is the first or last one that is `channels` long; if neither is, the one that has at
    most `MOST_BANDS` entries. Raises Refused if both axes or neither qualify.
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
        f"an array of {shape}, whose channel axis cannot be told: exactly one of the first and the last axis must have "
        f"data.channels={channels} entries, or else at most {MOST_BANDS}"
    )


def _npy_stream(data: bytes) -> tuple[IO[bytes], int]:
    """Return a stream of the .npy data, which may be the only member of a .npz archive, and its size in bytes."""
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
