"""Write a photograph with its metadata, completely or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, PngImagePlugin

from restorelab.errors import DataError
from restorelab.restoring import jpeg_extras, png16, tiff_file
from restorelab.restoring.photograph import FORMATS, Photograph

SIDES = {"jpeg": 65_535, "webp": 16_383}
"""The greatest height or width that a format can hold."""


def write(photograph: Photograph, file: Path, quality: int) -> None:
    """Write a photograph in its format, which must be able to hold all of it; see `fitting.fitted`.

    quality: of JPEG, and of WebP unless its photograph was lossless: 1 to 100.

    Raises:
        DataError: if it cannot be written, or is too large for its format.
    """
    height, width = photograph.pixels.shape[:2]
    if max(height, width) > SIDES.get(photograph.format, 1 << 31):
        most = SIDES[photograph.format]
        raise DataError(f"{file}: {width}x{height} pixels; {photograph.format} holds up to {most} a side (format=png).")
    try:
        with whole(file) as stream:
            _encode(photograph, stream, quality)
    except OSError as error:
        raise DataError(f"{file}: cannot be written ({error.strerror or error}).") from error


@contextmanager
def whole(file: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside `file` for writing; it is renamed to `file` once it is complete and on the disk."""
    temporary = file.with_name(f".{file.name[:40]}.{os.getpid()}.tmp")  # a longer name may be as long as names can be
    try:
        with temporary.open("wb+") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def ending(photograph_format: str, source: Path) -> str:
    """Return the file name extension for a format: that of the source, if the format has it."""
    endings = FORMATS[photograph_format]
    return source.suffix if source.suffix.lower() in endings else endings[0]


def _encode(photograph: Photograph, stream: IO[bytes], quality: int) -> None:
    if photograph.format == "tiff":
        tiff_file.write(photograph, stream)
    elif photograph.format == "png" and photograph.depth == 16:
        png16.write(photograph, stream)
    elif photograph.format == "ppm" and photograph.depth == 16:
        _write_ppm16(photograph.pixels, stream)
    else:
        _by_pillow(photograph, stream, quality)


def _by_pillow(photograph: Photograph, stream: IO[bytes], quality: int) -> None:
    metadata = photograph.metadata
    options: dict[str, Any] = {}
    if photograph.format in ("jpeg", "png", "webp"):
        options = {"icc_profile": metadata.icc or None, "exif": metadata.exif and b"Exif\0\0" + metadata.exif}
    if photograph.format in ("jpeg", "png", "bmp") and metadata.dpi:
        options["dpi"] = metadata.dpi
    if photograph.format == "jpeg":
        options |= {"quality": quality, "subsampling": 0, "xmp": metadata.xmp or None}
        options["extra"] = jpeg_extras.encoded(metadata.segments)
    if photograph.format == "png":
        chunks = PngImagePlugin.PngInfo()
        for kind, content in (*metadata.chunks, *png16.xmp_chunk(metadata.xmp)):
            chunks.add(kind, content)
        options |= {"pnginfo": chunks, "compress_level": 4}
    if photograph.format == "webp":
        options |= {"xmp": metadata.xmp, "exact": True}
        options |= {"lossless": True} if photograph.lossless else {"quality": quality}
    colors = photograph.pixels[..., 0] if photograph.pixels.shape[2] == 1 else photograph.pixels
    image = Image.fromarray(np.ascontiguousarray(colors))
    if photograph.alpha is not None:
        image.putalpha(Image.fromarray(photograph.alpha))
    image.save(stream, photograph.format, **options)


def _write_ppm16(pixels: np.ndarray, stream: IO[bytes]) -> None:
    height, width, bands = pixels.shape
    stream.write(f"P{5 if bands == 1 else 6}\n{width} {height}\n65535\n".encode())
    for row in pixels:
        stream.write(row.astype(">u2").tobytes())
