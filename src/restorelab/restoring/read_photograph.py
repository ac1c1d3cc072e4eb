"""Read a photograph with its metadata; the decoders and their checks for damage are those of datasets."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from restorelab.data import warned
from restorelab.data.decode import naming, open_bytes, read_bytes
from restorelab.data.decode_memory import require
from restorelab.data.pixels import Picture, Refused, turn
from restorelab.data.raster import Raster
from restorelab.data.tiff import Tiff
from restorelab.restoring import exif, jpeg_extras, png_chunks, tiff_metadata
from restorelab.restoring.photograph import TURNED, Metadata, Photograph, resolution, white

DNG, LAYERS = 50706, 37724
"""Entries of a TIFF directory: the version of DNG, and the layers of Photoshop."""

MODES = {
    "P": "its palette (it becomes full color)", "PA": "its palette (it becomes full color)",
    "1": "pure black and white (it becomes gray)", "CMYK": "CMYK (it becomes RGB, without its color profile)",
    "LAB": "CIELAB (it becomes RGB)", "HSV": "HSV (it becomes RGB)",
}  # fmt: skip
"""What cannot be kept of an image in one of Pillow's modes."""


def read(path: Path, reserve: Callable[[int], None] = lambda size: None) -> Photograph:
    """Read a file whole. The EXIF orientation is applied.

    reserve: called with the bytes of memory that decoding and encoding take, before they are allocated; it may block.

    Raises:
        BadImage: for a file that is damaged, or not a photograph.
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
    """The facts that are known of a file before it is decoded: its format, and phrases for what cannot be kept."""

    format: str
    lost: tuple[str, ...]


def header(path: Path) -> Header | None:
    """Return the facts in a file's header; None for a file that cannot be read, for which `read` gives the reason."""
    try:
        with warned.heard(), naming(path):
            file = _opened(path)
            return Header(_format(file), losses(file))
    except Exception:  # the file may hold arbitrary bytes
        return None


def _opened(path: Path) -> Raster | Tiff:
    """Read a file's header. Raises Refused for a file that is not a photograph."""
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
    """Return a phrase for each part of a file that cannot be kept."""
    lost = []
    if isinstance(file, Tiff):
        page: Any = file.pictures[0]
        kind = str(getattr(page.photometric, "name", page.photometric)).lower()
        mode = {"palette": "P", "separated": "CMYK", "cielab": "LAB", "icclab": "LAB"}.get(kind, "")
        mode = "1" if page.bitspersample == 1 else mode
        colors = {"rgb": 3, "separated": 4, "ycbcr": 3, "cielab": 3, "icclab": 3}.get(kind, 1)
        alpha = any(int(extra) in (1, 2) for extra in page.extrasamples)
        others = page.samplesperpixel - colors - alpha
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
        lost += ["the transparency of a BMP (it becomes white)"] if _format(file) == "bmp" and mode == "RGBA" else []
    lost += [MODES[mode]] if mode in MODES else []
    if file.pages > 1:
        lost.append(f"{file.pages - 1} of its {file.pages} pages, frames or pictures")
    return tuple(lost)


def _of_raster(file: Raster, lost: tuple[str, ...]) -> Photograph:
    name = _format(file)
    chunks = png_chunks.read(file.data) if name == "png" else None
    cmyk = file.image.mode in ("CMYK", "YCCK")
    picture = file.load(1)
    info = file.image.info
    block = exif.stripped(info.get("exif") or b"") if chunks is None else chunks.exif
    picture.orientation = exif.orientation(block)  # which is reset below
    pixels, alpha = _parted(picture)
    if chunks is not None and (color := png_chunks.transparent_color(file.data)) is not None:
        pixels = pixels[..., : len(color)]
        alpha = png_chunks.alpha_of(pixels, color)
    height, width = pixels.shape[:2]
    xmp = tiff_metadata.as_bytes(info.get("xmp")) if chunks is None else chunks.xmp
    dpi = resolution(info.get("dpi"))
    metadata = Metadata(
        exif.upright(block, width, height),
        b"" if cmyk else tiff_metadata.as_bytes(info.get("icc_profile")),
        exif.upright_xmp(jpeg_extras.plain_xmp(xmp) if name == "jpeg" else xmp),
        dpi[::-1] if dpi and picture.orientation in TURNED else dpi,
        () if chunks is None else chunks.copied,
        jpeg_extras.kept(file) if name == "jpeg" else (),
    )
    return Photograph(pixels, alpha, name, metadata, lossless=name == "webp" and _lossless(file.data), lost=lost)


def _lossless(webp: bytes) -> bool:
    """Whether the picture of a WebP, or its first frame, is compressed without loss."""
    place = 12
    while place + 8 <= len(webp):
        kind, size = struct.unpack_from("<4sI", webp, place)
        if kind in (b"VP8 ", b"VP8L"):
            return bool(kind == b"VP8L")
        place += 24 if kind == b"ANMF" else 8 + size + size % 2  # a frame's own chunks follow 16 bytes behind its size
    return False


def _of_tiff(file: Tiff, lost: tuple[str, ...]) -> Photograph:
    page: Any = file.pictures[0]
    picture = file.load(1)
    pixels, alpha = _parted(picture)
    if pixels.dtype == np.float32 and (pixels.min() < 0 or pixels.max() > 1):
        lost += (f"values from {pixels.min():.4g} to {pixels.max():.4g} (those outside 0 to 1 are clipped)",)
        pixels = pixels.clip(0, 1)
    if alpha is not None and picture.premultiplied:
        pixels = _divided(pixels, alpha)
    return Photograph(
        pixels,
        alpha,
        "tiff",
        tiff_metadata.of_page(file),
        premultiplied=picture.premultiplied,
        compressed=page.compression != 1,
        lost=lost,
    )


def _parted(picture: Picture) -> tuple[np.ndarray, np.ndarray | None]:
    """Return upright colors (H, W, 1 or 3) and transparency (H, W), both uint8, uint16 or float32."""
    array = np.asarray(picture.pixels)
    array = array[..., None] if array.ndim == 2 else array
    colors = 3 if picture.colors == 3 else 1
    whole = _samples(array)
    upright = turn(whole, picture.orientation)
    assert isinstance(upright, np.ndarray)
    alpha = None if picture.alpha is None else np.ascontiguousarray(upright[..., picture.alpha])
    return np.ascontiguousarray(upright[..., :colors]), alpha


def _samples(array: np.ndarray) -> np.ndarray:
    """Return samples as uint8, uint16 or float32. Raises Refused for signed integers, NaN and infinite values."""
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
    """Return premultiplied colors divided by alpha; 0 where alpha is 0."""
    top = white(pixels)
    share = np.maximum(alpha[..., None].astype(np.float32), 1e-12) / top
    colors = np.minimum(pixels / share, top) * (alpha > 0)[..., None]
    return (colors if pixels.dtype == np.float32 else np.rint(colors)).astype(pixels.dtype)
