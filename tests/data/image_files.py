"""Files of images, written by hand where no library writes them."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import tifffile


def noise(shape: tuple[int, ...], dtype: type = np.uint8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(pixels: np.ndarray, extra: bytes = b"") -> bytes:
    """A PNG written by hand: no library at hand writes 16-bit samples with color or alpha. Rows are unfiltered but
    every second one is filtered "up", so that a decoder must know the bytes per pixel and the rows' order."""
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    height, width, samples = pixels.shape
    big = pixels.astype(pixels.dtype.newbyteorder(">"))
    rows, above = [], np.zeros(width * samples * pixels.itemsize, np.uint8)
    for y in range(height):
        row = np.frombuffer(big[y].tobytes(), np.uint8)
        rows.append(b"\2" + (row - above).tobytes() if y % 2 else b"\0" + row.tobytes())
        above = row
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[samples]
    header = struct.pack(">IIBBBBB", width, height, 8 * pixels.itemsize, kind, 0, 0, 0)
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(b"".join(rows))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def tiff(pixels: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **options)
    return stream.getvalue()
