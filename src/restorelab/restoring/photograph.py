"""A photograph as its file holds it: colors, transparency, and everything around the pixels."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

FORMATS: dict[str, tuple[str, ...]] = {
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "png": (".png",),
    "tiff": (".tif", ".tiff"),
    "webp": (".webp",),
    "bmp": (".bmp", ".dib"),
    "ppm": (".ppm", ".pgm", ".pnm", ".pbm"),
}
"""The formats that can be written, with the endings of their files; the first is the usual one."""

READ_ONLY = {"gif": (".gif",)}
"""Formats that are read, and written as PNG."""

DEPTHS: dict[str, tuple[int, ...]] = {
    "jpeg": (8,), "png": (8, 16), "tiff": (8, 16, 32), "webp": (8,), "bmp": (8,), "ppm": (8, 16),
}  # fmt: skip
"""Bits of a sample that a format can hold; 32 is floating point."""

TRANSPARENT = ("png", "tiff", "webp")
"""Formats that can hold transparency."""

DESCRIBED = ("jpeg", "png", "tiff", "webp")
"""Formats that can hold EXIF, XMP and a color profile."""


TURNED = range(5, 9)
"""EXIF orientations in which height and width change places."""


def resolution(given: Any) -> tuple[float, float] | None:
    """Return a file's pixels per inch, (across, down); None if they are missing or implausible."""
    try:
        across, down = (float(value) for value in given)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 0 < across < 1e6 and 0 < down < 1e6 else None


def white(samples: np.ndarray) -> float:
    """Return the value of white: 255, 65535, or 1 for floating point."""
    return 1.0 if samples.dtype.kind == "f" else float(np.iinfo(samples.dtype.type).max)


@dataclass(frozen=True)
class Metadata:
    """The metadata of a file; a field is empty if the file does not have it.

    Attributes:
        exif: a block as in TIFF, beginning with II or MM, with the orientation reset.
        icc: the color profile.
        xmp: an XMP packet, with the orientation reset.
        dpi: pixels per inch, horizontal and vertical.
        chunks: PNG chunks (type, data) that are kept as they are: texts, and what the samples mean.
        segments: JPEG segments (marker, data) that are kept: IPTC captions and the comment.
    """

    exif: bytes = b""
    icc: bytes = b""
    xmp: bytes = b""
    dpi: tuple[float, float] | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    segments: tuple[tuple[int, bytes], ...] = ()


@dataclass(frozen=True)
class Photograph:
    """One picture, upright.

    Attributes:
        pixels: (H, W, 1) gray or (H, W, 3) RGB; uint8, uint16, or float32 in [0, 1].
        alpha: (H, W) of the same type, not multiplied into the colors; None without transparency.
        format: one of `FORMATS`.
        premultiplied: whether the file held colors multiplied by alpha.
        compressed: whether the file was compressed.
        lossless: whether a WebP file was compressed without loss.
        lost: a phrase for each part of the file that cannot be kept.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    format: str
    metadata: Metadata = field(default_factory=Metadata)
    premultiplied: bool = False
    compressed: bool = True
    lossless: bool = False
    lost: tuple[str, ...] = ()

    @property
    def depth(self) -> int:
        """Bits of a sample: 8, 16, or 32 for floating point."""
        return 8 * self.pixels.dtype.itemsize
