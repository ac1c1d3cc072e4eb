"""Write TIFF files of 8, 16 or 32 bits (floating point) per sample, with transparency and metadata."""

import struct
import sys
import zlib
from typing import IO, Any

import numpy as np

from restorelab.errors import DataError
from restorelab.restoring import exif
from restorelab.restoring.photograph import Photograph, white

STRIP = 1 << 18
"""Approximate number of bytes of a strip before compression."""

LEVEL = 4
"""Compression level of zlib."""

LARGEST = (1 << 32) - (1 << 20)
"""The most bytes of a file, whose offsets are 32-bit numbers, less a reserve for the metadata."""


def write(photograph: Photograph, stream: IO[bytes]) -> None:
    """Write the pixels in strips, then the directory, in the byte order of the EXIF block if there is one.

    Raises:
        DataError: for a photograph of more than 4 GB.
    """
    order = exif.order_of(photograph.metadata.exif) or ("<" if sys.byteorder == "little" else ">")
    stream.write((b"II*\0" if order == "<" else b"MM\0*") + bytes(4))
    rows = max(1, STRIP // max(1, photograph.pixels[0].nbytes))
    offsets, counts, place = [], [], 8
    for start in range(0, len(photograph.pixels), rows):
        strip = _strip(photograph, slice(start, start + rows), order)
        if place + len(strip) > LARGEST:
            raise DataError("a TIFF of more than 4 GB; split the image.")
        stream.write(strip + b"\0" * (len(strip) % 2))
        offsets.append(place)
        counts.append(len(strip))
        place += len(strip) + len(strip) % 2
    directory = exif.read(photograph.metadata.exif)
    for tag in range(512, 533):  # of JPEG data
        directory.entries.pop(tag, None)
    directory.entries |= _structure(photograph, order, rows, offsets, counts)
    stream.write(exif.write(directory, order, place))
    stream.seek(4)
    stream.write(struct.pack(f"{order}I", place))
    stream.seek(0, 2)


def _strip(photograph: Photograph, rows: slice, order: str) -> bytes:
    """Return rows of samples as bytes, compressed if the photograph was."""
    samples = photograph.pixels[rows]
    if photograph.alpha is not None:
        alpha = photograph.alpha[rows, :, None]
        if photograph.premultiplied:
            top = white(samples)
            colors = samples * (alpha.astype(np.float32) / top)
            samples = (colors if samples.dtype == np.float32 else np.rint(colors)).astype(samples.dtype)
        samples = np.concatenate([samples, alpha], axis=2)
    if not photograph.compressed:
        return samples.astype(_ordered(samples, order)).tobytes()
    if samples.dtype != np.float32:  # the differences of neighbors (predictor 2)
        samples = samples.copy()
        samples[:, 1:] -= samples[:, :-1].copy()
    return zlib.compress(samples.astype(_ordered(samples, order)).tobytes(), LEVEL)


def _ordered(samples: np.ndarray, order: str) -> np.dtype[Any]:
    """Return the type of samples in a byte order."""
    return np.dtype(f"{order}{samples.dtype.kind}{samples.dtype.itemsize}")


def _structure(
    photograph: Photograph, order: str, rows: int, offsets: list[int], counts: list[int]
) -> dict[int, tuple[int, int, bytes]]:
    """Return the entries that describe the samples, the color profile and the resolution."""
    height, width, bands = photograph.pixels.shape
    metadata, alpha, floating = photograph.metadata, photograph.alpha is not None, photograph.pixels.dtype == np.float32
    samples = bands + alpha

    def short(*values: int) -> tuple[int, int, bytes]:
        return 3, len(values), struct.pack(f"{order}{len(values)}H", *values)

    def long(*values: int) -> tuple[int, int, bytes]:
        return 4, len(values), struct.pack(f"{order}{len(values)}I", *values)

    def rational(value: float) -> tuple[int, int, bytes]:
        return 5, 1, struct.pack(f"{order}2I", round(value * 10_000), 10_000)

    entries: dict[int, Any] = {
        256: long(width), 257: long(height), 258: short(*[photograph.depth] * samples),
        259: short(8 if photograph.compressed else 1), 262: short(2 if bands == 3 else 1), 273: long(*offsets),
        274: short(1), 277: short(samples), 278: long(rows), 279: long(*counts), 284: short(1),
        317: short(2 if photograph.compressed and not floating else 1),
        339: short(*[3 if floating else 1] * samples),
    }  # fmt: skip
    if alpha:
        entries[338] = short(1 if photograph.premultiplied else 2)
    if metadata.dpi and max(metadata.dpi) < 400_000:
        entries |= {282: rational(metadata.dpi[0]), 283: rational(metadata.dpi[1]), 296: short(2)}
    if metadata.xmp:
        entries[700] = (1, len(metadata.xmp), metadata.xmp)
    if metadata.icc:
        entries[34675] = (7, len(metadata.icc), metadata.icc)
    return entries
