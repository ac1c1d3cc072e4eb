"""Read a photograph with all that its file tells; the decoders, and their checks for damage, are those of datasets."""

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL.WebPImagePlugin import WebPImageFile

from restorelab.data import warned
from restorelab.data.decode import naming, open_bytes, read_bytes
from restorelab.data.decode_memory import require
from restorelab.data.pixels import Picture, Refused, turn
from restorelab.data.raster import Raster
from restorelab.data.tiff import MAGICS, Tiff
from restorelab.restoring import exif, jpeg_extras
from restorelab.restoring.photograph import Metadata, Photograph, white

KEPT_CHUNKS = (b"gAMA", b"cHRM", b"sRGB", b"cICP", b"tEXt", b"zTXt", b"iTXt")
"""PNG chunks that are copied: what the samples mean, and texts."""

XMP_TEXT = b"XML:com.adobe.xmp\0"
"""The keyword of the text chunk of a PNG that holds XMP."""

DNG, LAYERS = 50706, 37724
"""Entries of a TIFF directory: the version of DNG, and the layers of Photoshop."""

MODES = {
    "P": "its palette (it becomes full colour)", "PA": "its palette (it becomes full colour)",
    "1": "pure black and white (it becomes gray)", "CMYK": "CMYK (it becomes RGB, without its colour profile)",
    "LAB": "CIELAB (it becomes RGB)", "HSV": "HSV (it becomes RGB)",
}  # fmt: skip
"""What cannot be kept of an image in one of Pillow's modes."""

STRUCTURE = frozenset(
    {*range(254, 260), 262, 263, 264, 265, 266, 273, 274, 277, 278, 279, *range(280, 285), 288, 289, 290, 291, 292, 293,
     296, 297, 301, 317, 318, 319, *range(320, 326), *range(330, 348), *range(512, 533), 700, 34377, 34675, 37724,
     *range(32995, 33000), *range(50706, 50742)}
)  # fmt: skip
"""Entries of a TIFF directory that describe its samples, or that are kept otherwise."""


def read(path: Path, reserve: Callable[[int], None] = lambda size: None) -> Photograph:
    """Read a file whole. The EXIF orientation is applied.

    reserve: called with the bytes of memory that decoding and encoding take, before they are allocated; it may block.

    Raises:
        BadImage: for a file that is damaged, or no photograph.
        DataError: if there is not enough memory.
    """
    with warned.heard(), naming(path):
        file = _opened(path)
        require(len(file.data) + file.need(1), str(path))
        reserve(len(file.data) + 2 * file.need(1))
        lost = losses(file)
        if isinstance(file, Tiff):
            return _of_tiff(file, lost)
        return _of_raster(file, lost)


@dataclass(frozen=True)
class Header:
    """What is known of a file before it is decoded: its format, and what of it cannot be kept."""

    format: str
    lost: tuple[str, ...]


def header(path: Path) -> Header | None:
    """Return what a file's header tells; None for a file that cannot be read, for which `read` gives the reason."""
    try:
        with warned.heard(), naming(path):
            file = _opened(path)
            return Header(_format(file), losses(file))
    except Exception:  # the file may hold arbitrary bytes
        return None


def _opened(path: Path) -> Raster | Tiff:
    """Read a file's header. Refused for what is no photograph."""
    file = open_bytes(read_bytes(path), 3)
    if not isinstance(file, Raster | Tiff):
        raise Refused("a NumPy array, not a photograph; use restorelab.restore from Python")
    if isinstance(file, Tiff):
        page: Any = file.pictures[0]
        if DNG in page.tags or page.subfiletype & 1 or file.data[8:10] == b"CR":  # the first page is a preview
            raise Refused("a camera raw file; develop it and save it as 16-bit TIFF")
    return file


def _format(file: Raster | Tiff) -> str:
    return "tiff" if isinstance(file, Tiff) else str(file.image.format).lower()


def losses(file: Raster | Tiff) -> tuple[str, ...]:
    """Return what of a file cannot be kept, a phrase each."""
    lost = []
    if isinstance(file, Tiff):
        page: Any = file.pictures[0]
        kind = str(getattr(page.photometric, "name", page.photometric)).lower()
        mode = {"palette": "P", "separated": "CMYK", "cielab": "LAB", "icclab": "LAB"}.get(kind, "")
        mode = "1" if page.bitspersample == 1 else mode
        colours = {"rgb": 3, "separated": 4, "ycbcr": 3, "cielab": 3, "icclab": 3}.get(kind, 1)
        alpha = any(int(extra) in (1, 2) for extra in page.extrasamples)
        others = page.samplesperpixel - colours - alpha
        lost += [f"{others} of its {page.samplesperpixel} bands"] if others > 0 else []
        if page.sampleformat == 1 and page.bitspersample in (32, 64):
            lost.append(f"{page.bitspersample}-bit integers (they become 16-bit)")
        if page.sampleformat == 3 and page.bitspersample == 64:
            lost.append("64-bit floating point (it becomes 32-bit)")
        if LAYERS in page.tags:
            lost.append("the layers of Photoshop")
    else:
        mode = file.image.mode
        mode = "CMYK" if mode == "YCCK" else mode
        lost += jpeg_extras.losses(file) if _format(file) == "jpeg" else []
    lost += [MODES[mode]] if mode in MODES else []
    if file.pages > 1:
        lost.append(f"{file.pages - 1} of its {file.pages} pages, frames or pictures")
    return tuple(lost)


def _of_raster(file: Raster, lost: tuple[str, ...]) -> Photograph:
    name = _format(file)
    cmyk = file.image.mode in ("CMYK", "YCCK")
    picture = file.load(1)
    pixels, alpha = _parted(picture)
    metadata = _metadata(file, name, pixels)
    if cmyk:
        metadata = replace(metadata, icc=b"")
    lossless = isinstance(file.image, WebPImageFile) and b"VP8L" in file.data[12:64]
    return Photograph(pixels, alpha, name, metadata, lossless=lossless, lost=lost)


def _of_tiff(file: Tiff, lost: tuple[str, ...]) -> Photograph:
    page: Any = file.pictures[0]
    picture = file.load(1)
    pixels, alpha = _parted(picture)
    if pixels.dtype == np.float32 and (pixels.min() < 0 or pixels.max() > 1):
        lost += (f"values from {pixels.min():.4g} to {pixels.max():.4g} (those outside 0 to 1 are clipped)",)
        pixels = pixels.clip(0, 1)
    if alpha is not None and picture.premultiplied:
        pixels = _divided(pixels, alpha)
    tags = page.tags
    icc = b"" if page.photometric == 5 else _bytes_of(tags.valueof(34675, b""))
    xmp = exif.upright_xmp(_bytes_of(tags.valueof(700, b"")))
    metadata = Metadata(_tiff_exif(file.data, page), icc, xmp, _tiff_dpi(tags))
    return Photograph(
        pixels,
        alpha,
        "tiff",
        metadata,
        premultiplied=picture.premultiplied,
        compressed=page.compression != 1,
        lost=lost,
    )


def _parted(picture: Picture) -> tuple[np.ndarray, np.ndarray | None]:
    """Return upright colours (H, W, 1 or 3) and transparency (H, W), of the same of three types."""
    array = np.asarray(picture.pixels)
    array = array[..., None] if array.ndim == 2 else array
    colours = 3 if picture.colours == 3 else 1
    whole = _samples(array)
    upright = turn(whole, picture.orientation)
    assert isinstance(upright, np.ndarray)
    alpha = None if picture.alpha is None else np.ascontiguousarray(upright[..., picture.alpha])
    return np.ascontiguousarray(upright[..., :colours]), alpha


def _samples(array: np.ndarray) -> np.ndarray:
    """Return samples as uint8, uint16, or float32 in [0, 1]. Refused for any other range."""
    kind, dtype = array.dtype.kind, array.dtype.newbyteorder("=")
    if dtype in (np.uint8, np.uint16):
        return array.astype(dtype, copy=False)
    if kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    if kind == "u":
        return (array >> np.array(8 * dtype.itemsize - 16, dtype)).astype(np.uint16)
    if kind != "f":
        raise Refused(f"{dtype} samples, which may be negative; save it with unsigned or floating-point samples")
    samples = array.astype(np.float32)
    if not np.isfinite(samples).all():
        raise Refused("samples that are NaN or infinite")
    return samples


def _divided(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return colours that are not multiplied by alpha any more; 0 where alpha is 0."""
    top = white(pixels)
    share = np.maximum(alpha[..., None].astype(np.float32), 1e-12) / top
    colours = np.minimum(pixels / share, top) * (alpha > 0)[..., None]
    return (colours if pixels.dtype == np.float32 else np.rint(colours)).astype(pixels.dtype)


def _metadata(file: Raster, name: str, pixels: np.ndarray) -> Metadata:
    info = file.image.info
    block, xmp = exif.stripped(info.get("exif") or b""), _bytes_of(info.get("xmp"))
    chunks: list[tuple[bytes, bytes]] = []
    if name == "png":
        for kind, content in png_chunks(file.data):
            if kind == b"eXIf":
                block = exif.stripped(content)
            elif kind == b"iTXt" and content.startswith(XMP_TEXT):
                xmp = _itxt(content)
            elif kind in KEPT_CHUNKS:
                chunks.append((kind, content))
    height, width = pixels.shape[:2]
    segments: tuple[tuple[int, bytes], ...] = ()
    if name == "jpeg":
        xmp, segments = jpeg_extras.plain_xmp(xmp), jpeg_extras.kept(file)
    return Metadata(
        exif.upright(block, width, height), _bytes_of(info.get("icc_profile")), exif.upright_xmp(xmp),
        _dpi(info.get("dpi")), tuple(chunks), segments,
    )  # fmt: skip


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (type, content) of the chunks of a PNG, as far as they are complete."""
    place = 8
    while place + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, place)
        if place + 12 + size > len(data):
            return
        yield data[place + 4 : place + 8], data[place + 8 : place + 8 + size]
        place += 12 + size


def _itxt(content: bytes) -> bytes:
    """Return the text of an iTXt chunk; empty for one that is damaged."""
    compressed = content[len(XMP_TEXT) : len(XMP_TEXT) + 1]
    text = content[len(XMP_TEXT) + 2 :].split(b"\0", 2)[-1]  # after the language and the translated keyword
    if compressed != b"\1":
        return text
    try:
        return zlib.decompressobj().decompress(text, 1 << 24)
    except zlib.error:
        return b""


def _bytes_of(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    return bytes(value) if isinstance(value, bytes | bytearray) else b""


def _dpi(given: Any) -> tuple[float, float] | None:
    try:
        across, down = (float(value) for value in given)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 0 < across < 1e6 and 0 < down < 1e6 else None


def _tiff_dpi(tags: Any) -> tuple[float, float] | None:
    try:
        across, down = (tags.valueof(tag)[0] / tags.valueof(tag)[1] for tag in (282, 283))
    except (TypeError, ZeroDivisionError, IndexError):
        return None
    unit = int(tags.valueof(296, 2))
    factor = {2: 1.0, 3: 2.54}.get(unit)
    return None if factor is None else _dpi((across * factor, down * factor))


def _tiff_exif(data: bytes, page: Any) -> bytes:
    """Return the entries of a TIFF page that describe the photograph, as a block of their own; none of a BigTIFF."""
    if data[:4] not in MAGICS[:2]:
        return b""
    order = exif.order_of(data[:8]) or "<"
    directory = exif.read(data, int(page.offset))
    directory.entries = {tag: entry for tag, entry in directory.entries.items() if tag not in STRUCTURE}
    if not directory.entries and not directory.below:
        return b""
    return exif.block_of(directory, order)
