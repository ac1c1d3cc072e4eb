"""The chunks of a PNG: metadata, wherever they stand in the file, and the colour that stands for transparency."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from restorelab.restoring import exif
from restorelab.restoring.photograph import white

MEANING = (b"gAMA", b"cHRM", b"sRGB", b"cICP")
"""Chunks that say what the samples mean; they are copied."""

TEXTS = (b"tEXt", b"zTXt", b"iTXt")
"""Chunks that are copied as well, but for XMP."""

XMP = b"XML:com.adobe.xmp\0"
"""The keyword of the text chunk that holds XMP."""

GRAY, RGB = 0, 2
"""The colour types whose transparency is a colour; the others have a palette or an alpha channel."""


@dataclass(frozen=True)
class Chunks:
    """Attributes:
    exif: an EXIF block, empty without. xmp: an XMP packet, empty without. copied: (type, content) of the others.
    """

    exif: bytes
    xmp: bytes
    copied: tuple[tuple[bytes, bytes], ...]


def read(data: bytes) -> Chunks:
    """Return the metadata of a PNG, which other programs write before the pixels or behind them."""
    block = xmp = b""
    copied = []
    for kind, content in chunks(data):
        if kind == b"eXIf":
            block = exif.stripped(content)
        elif kind == b"iTXt" and content.startswith(XMP):
            xmp = _text(content)
        elif kind in (*MEANING, *TEXTS):
            copied.append((kind, content))
    return Chunks(block, xmp, tuple(copied))


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (type, content) of the chunks of a PNG, as far as they are complete."""
    place = 8
    while place + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, place)
        if place + 12 + size > len(data):
            return
        yield data[place + 4 : place + 8], data[place + 8 : place + 8 + size]
        place += 12 + size


def transparent_colour(data: bytes) -> tuple[int, ...] | None:
    """Return the gray level or the RGB colour whose pixels are transparent (chunk tRNS), in the samples' own range.

    Gray of 2 or 4 bits is scaled to 8 bits, as its pixels are. None without, and for other colour types.
    """
    depth, kind = data[24], data[25]
    content = next((content for name, content in chunks(data) if name == b"tRNS"), b"")
    samples = {GRAY: 1, RGB: 3}.get(kind, 0)
    if not samples or len(content) < 2 * samples:
        return None
    scale = 255 // ((1 << depth) - 1) if depth < 8 else 1
    return tuple(scale * value for value in struct.unpack(f">{samples}H", content[: 2 * samples]))


def alpha_of(pixels: np.ndarray, colour: tuple[int, ...]) -> np.ndarray:
    """Return the transparency (H, W) of pixels (H, W, C) of which those of one colour are transparent."""
    top = white(pixels)
    return np.where((pixels == np.array(colour)).all(axis=2), 0, top).astype(pixels.dtype)


def _text(content: bytes) -> bytes:
    """Return the text of an iTXt chunk with XMP; empty for one that is damaged."""
    compressed = content[len(XMP) : len(XMP) + 1]
    text = content[len(XMP) + 2 :].split(b"\0", 2)[-1]  # after the language and the translated keyword
    if compressed != b"\1":
        return text
    try:
        return zlib.decompressobj().decompress(text, 1 << 24)
    except zlib.error:
        return b""
