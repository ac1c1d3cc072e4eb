"""The chunks of a PNG: metadata, before or after the pixels, and the color that means transparency."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from restorelab.restoring import exif
from restorelab.restoring.photograph import white

MEANING = (b"gAMA", b"cHRM", b"sRGB", b"cICP")
"""Chunks that say what the samples mean; they are copied."""

TEXTS = (b"tEXt", b"zTXt", b"iTXt")
"""Text chunks, which are copied, too, except for XMP."""

XMP = b"XML:com.adobe.xmp\0"
"""The keyword of the text chunk that holds XMP."""

GRAY, RGB = 0, 2
"""The color types whose transparency is a color; the others have a palette or an alpha channel."""


SRGB_CODES = bytes([1, 13])
"""The primaries and the transfer function of sRGB in cICP (ITU-T H.273)."""

SRGB_GAMMA, SRGB_PRIMARIES = (45_455,), (31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000)
"""The values of gAMA and cHRM for sRGB, in units of 1 / 100,000, from the specification of PNG."""

ROUNDING = 500
"""The greatest difference from these values that counts as rounding, in the same unit."""


@dataclass(frozen=True)
class Chunks:
    """The metadata of a PNG.

    Attributes:
        exif: an EXIF block, or empty.
        xmp: an XMP packet, or empty.
        copied: (type, content) of the chunks that are copied.
    """

    exif: bytes
    xmp: bytes
    copied: tuple[tuple[bytes, bytes], ...]


def read(data: bytes) -> Chunks:
    """Return the metadata of a PNG, which may stand before or after the pixels."""
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


def meaning(copied: Sequence[tuple[bytes, bytes]]) -> str:
    """Return the name of the chunk by which the samples are not sRGB; empty if they are sRGB."""
    content = dict(copied)
    if b"cICP" in content:
        return "" if content[b"cICP"][:2] == SRGB_CODES else "cICP"
    if b"sRGB" in content:
        return ""
    for name, usual in ((b"gAMA", SRGB_GAMMA), (b"cHRM", SRGB_PRIMARIES)):
        raw = content.get(name, b"")
        values = struct.unpack(f">{len(raw) // 4}I", raw[: len(raw) // 4 * 4])
        if any(abs(value - expected) > ROUNDING for value, expected in zip(values, usual, strict=False)):
            return name.decode()
    return ""


def transparent_color(data: bytes) -> tuple[int, ...] | None:
    """Return the gray level or the RGB color whose pixels are transparent (chunk tRNS), in the samples' own range.

    Gray of 2 or 4 bits is scaled to 8 bits, as its pixels are. None without, and for other color types.
    """
    depth, kind = data[24], data[25]
    content = next((content for name, content in chunks(data) if name == b"tRNS"), b"")
    samples = {GRAY: 1, RGB: 3}.get(kind, 0)
    if not samples or len(content) < 2 * samples:
        return None
    scale = 255 // ((1 << depth) - 1) if depth < 8 else 1
    return tuple(scale * value for value in struct.unpack(f">{samples}H", content[: 2 * samples]))


def alpha_of(pixels: np.ndarray, color: tuple[int, ...]) -> np.ndarray:
    """Return the transparency (H, W) of pixels (H, W, C): 0 for pixels of `color`, white for all others."""
    top = white(pixels)
    return np.where((pixels == np.array(color)).all(axis=2), 0, top).astype(pixels.dtype)


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
