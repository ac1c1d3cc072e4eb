"""Encoded images to pixels: one function, `read`, for every format, bit depth and colour model that people bring.

The formats are a closed set (JPEG, PNG, TIFF, BMP, PGM and its family, WebP), recognised by their first bytes and not
by their names, so that no other parser of Pillow's is ever handed a stranger's file. Samples of 16 bits stay at 16
bits; all else becomes 8 bits. Of a file with several pages or frames the first is taken.
"""

import io
import logging
import struct
import tempfile
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tifffile
from kornia_rs import io as kornia_io
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from restorelab.data.item import Encoded, Slice
from restorelab.data.pixels import Pixels, Refused, flat, recolour, resized, shape, turn
from restorelab.errors import ConfigError, DataError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".pgm", ".webp")
"""Names under which a folder's files are taken for images."""

MAX_PIXELS = 100_000_000
"""The largest image that is decoded: 100 megapixels, beyond any camera's single frame; read from the header."""

MAX_BYTES = 1 << 30
"""The largest encoded file: 1 GiB, what MAX_PIXELS of 16-bit RGBA need without compression, and a little more."""

MIN_SIDE = 4
"""The smallest height or width: below it a file is a placeholder (IMDB-WIKI holds 1x1 ones), not a picture."""

Resize = Literal["stretch", "crop", "none"]

_OPENERS: tuple[tuple[tuple[bytes, ...], type[Any]], ...] = (
    ((b"\xff\xd8\xff",), JpegImageFile),
    ((b"\x89PNG\r\n\x1a\n",), PngImageFile),
    ((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), TiffImageFile),
    ((b"BM",), BmpImageFile),
    ((b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"), PpmImageFile),
    ((b"RIFF",), WebPImageFile),
)

# tifffile tells a broken file's story to the log; here it reaches the user once, as BadImage.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)


class BadImage(DataError):  # noqa: N818 - what people read is the noun
    """An image that cannot be used: `name` says which (a path, a tar member, an id), `reason` why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


def read(encoded: Encoded, channels: int, size: tuple[int, int] | None = None, resize: Resize = "none") -> np.ndarray:
    """Decode one image to `(C, H, W)`, uint8 or, where its samples have 16 bits, uint16.

    Colour: gray is the ITU-R 601 luma, (19595 R + 38470 G + 7471 B) / 65536, the same at both depths; an image of
    three channels made from gray repeats it. Transparent images are laid on white, as pages show them. Palettes are
    looked up, the EXIF rotation is applied, colour profiles are not.

    Size: `stretch` resizes to `size` = (height, width) whatever the shape; `crop` resizes until `size` is covered and
    cuts the middle. Both use Pillow's bicubic kernel (a = -0.5), widened when it reduces (antialiased); 16-bit samples
    are resized in float32 and rounded once, 8-bit ones are rounded and clipped also between rows and columns. `none`
    leaves the image as it is, and where a `size` is given the image must have it.

    Raises:
        BadImage: empty, truncated, corrupt, of unknown format, over MAX_PIXELS, under MIN_SIDE, or not of `size`.
        ConfigError: channels, size or resize that mean nothing.
    """
    check(channels, size, resize)
    name = _name(encoded)
    with quiet():
        try:
            pixels = _from_array(encoded) if isinstance(encoded, np.ndarray) else _decode(_bytes(encoded))
            height, width = shape(pixels)
            if min(height, width) < MIN_SIDE:
                raise Refused(f"{width}x{height} pixels: a placeholder, not a picture")
            pixels = recolour(pixels, channels)
            if size is not None and (height, width) != size:
                if resize == "none":
                    raise Refused(f"is {height}x{width}, not {size[0]}x{size[1]} (set resize to stretch or crop)")
                pixels = resized(pixels, size, resize == "crop")
        except Refused as refusal:
            raise BadImage(name, str(refusal)) from None
        except FileNotFoundError:
            raise BadImage(name, "no such file") from None
        # Decoders meet any bytes at all: whatever they throw means the same, that this image cannot be read.
        except Exception as error:
            raise BadImage(name, f"cannot be decoded ({type(error).__name__}: {error})") from error
    array = np.asarray(pixels)
    return np.ascontiguousarray(array[None] if array.ndim == 2 else array.transpose(2, 0, 1))


_quiet_lock = threading.Lock()
_quiet_depth = 0
_quiet_filters: Any = None


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Pillow's warnings about broken metadata from the user's screen, in all threads at once.

    `warnings.catch_warnings` saves and restores a global list, so overlapping threads would undo one another; here the
    first one in saves and the last one out restores.
    """
    global _quiet_depth, _quiet_filters  # noqa: PLW0603
    with _quiet_lock:
        if _quiet_depth == 0:
            _quiet_filters = warnings.catch_warnings()
            _quiet_filters.__enter__()
            warnings.filterwarnings("ignore", module=r"PIL\.")
        _quiet_depth += 1
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_depth -= 1
            if _quiet_depth == 0:
                _quiet_filters.__exit__(None, None, None)


def check(channels: int, size: tuple[int, int] | None, resize: str) -> None:
    """Raise ConfigError for channels, a size or a way of resizing that `read` would refuse."""
    if channels not in (1, 3):
        raise ConfigError(f"channels={channels!r}; allowed: 1 (gray) or 3 (RGB)")
    if resize not in ("stretch", "crop", "none"):
        raise ConfigError(f"resize={resize!r}; allowed: stretch, crop, none")
    if size is not None and (len(size) != 2 or min(size) < 1):
        raise ConfigError(f"size={size!r}; it is (height, width) in pixels, or null to keep each image's own")
    if size is None and resize != "none":
        raise ConfigError(f"resize={resize} needs size=[height, width]")


def _name(encoded: Encoded) -> str:
    if isinstance(encoded, Slice):
        return f"{encoded.path} (bytes {encoded.offset} to {encoded.offset + encoded.size})"
    return "pixels" if isinstance(encoded, np.ndarray) else str(encoded)


def _bytes(encoded: Path | Slice) -> bytes:
    if isinstance(encoded, Slice):
        path, offset, size = encoded.path, encoded.offset, encoded.size
    else:
        path, offset, size = encoded, 0, encoded.stat().st_size
    if size > MAX_BYTES:
        raise Refused(f"{size:,} bytes, over the bound of {MAX_BYTES:,}")
    if size == 0:
        raise Refused("empty file")
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(size)
    if len(data) < size:
        raise Refused(f"its file ends after {len(data):,} of its {size:,} bytes")
    return data


def _decode(data: bytes) -> Pixels:
    """Upright pixels without transparency: an image of mode L or RGB, or uint16 `(H, W)` or `(H, W, 3)`."""
    opener = next((opener for starts, opener in _OPENERS if data.startswith(starts)), None)
    if opener is None:
        raise Refused("not an image of a known format (JPEG, PNG, TIFF, BMP, PGM, WebP)")
    if opener is TiffImageFile:
        return _tiff(data)
    image = opener(io.BytesIO(data))
    _bound(image.width, image.height)
    if opener is PngImageFile and data[24] == 16 and data[25] in (2, 4, 6):  # depth and colour type: RGB, LA, RGBA
        return turn(flat(_png16(data, image.height, image.width)), _orientation(image))
    if opener is PpmImageFile and image.mode == "RGB":
        arguments = image.tile[0][3]
        if isinstance(arguments, tuple) and arguments[1] > 255:
            raise Refused("a colour PPM with more than 8 bits a sample; save it as PNG or TIFF")
    image.load()
    return turn(_plain(image), _orientation(image))


def _bound(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise Refused(f"{width}x{height} pixels, over the bound of {MAX_PIXELS:,}")


def _plain(image: Image.Image) -> Pixels:
    """Mode L or RGB, or uint16, from any of Pillow's modes."""
    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):  # I;16 and its byte orders; I is what 16-bit PGM and 32-bit TIFF open as
        array = np.asarray(image)
        if array.min() < 0 or array.max() > 65535:
            raise Refused(f"samples from {array.min()} to {array.max()} do not fit 16 bits")
        return array.astype(np.uint16)
    if image.mode == "F":
        raise Refused("floating-point samples; save it with 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        page = Image.new("RGBA", image.size, "white")
        page.alpha_composite(image)
        return page.convert("RGB")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _png16(data: bytes, height: int, width: int) -> np.ndarray:
    """16-bit PNG with several samples, which Pillow would cut to 8 bits: `(H, W, 2 | 3 | 4)` uint16."""
    if data[25] != 4:
        return kornia_io.decode_image_png_u16(data, (height, width), "rgb" if data[25] == 2 else "rgba")
    # Gray with alpha is in no library at hand. Its four bytes a pixel are filtered as those of 8-bit RGBA are, so the
    # header is rewritten to say RGBA, and the four "channels" are the bytes of the two samples, high byte first.
    header = data[12:24] + bytes((8, 6)) + data[26:29]
    image = PngImageFile(io.BytesIO(data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]))
    return np.ascontiguousarray(np.asarray(image)).view(">u2").astype(np.uint16)


def _tiff(data: bytes) -> Pixels:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page: Any = file.pages[0]
        _bound(page.imagewidth, page.imagelength)
        bits, samples, kind, photometric = page.bitspersample, page.samplesperpixel, page.sampleformat, page.photometric
        if kind not in (1, 4):  # unsigned integers, or not said
            raise Refused("signed or floating-point samples; save it with unsigned 8 or 16 bits")
        if bits not in (1, 2, 4, 8, 16):
            raise Refused(f"{bits} bits a sample; 8 and 16 are supported")
        if bits == 16 and samples > 1:
            if photometric not in (1, 2):
                raise Refused(f"16-bit TIFF of photometric kind {photometric.name}; gray and RGB are supported")
            orientation = page.tags.valueof(274, 1)
            return turn(flat(_tiff16(page, data)), int(orientation))
    image = TiffImageFile(io.BytesIO(data))
    image.load()  # Pillow turns a TIFF upright as it loads it
    pixels = _plain(image)
    # Pillow inverts "white is zero" at 8 bits only.
    return np.uint16(65535) - pixels if isinstance(pixels, np.ndarray) and photometric == 0 else pixels


def _tiff16(page: Any, data: bytes) -> np.ndarray:
    """16-bit TIFF with several samples, which Pillow cannot open or would cut: `(H, W, C)` uint16."""
    try:
        pixels: np.ndarray = page.asarray()
        return np.moveaxis(pixels, 0, -1) if page.axes == "SYX" else pixels
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
    # LZW, what image editors write, needs a package of 80 MB there; kornia's reader knows it, but only from a path.
    with tempfile.NamedTemporaryFile(suffix=".tif") as copy:
        copy.write(data)
        copy.flush()
        return kornia_io.read_image_tiff_u16(copy.name, {3: "rgb", 4: "rgba"}[page.samplesperpixel])


def _from_array(pixels: np.ndarray) -> Pixels:
    if pixels.dtype not in (np.uint8, np.uint16) or pixels.ndim not in (2, 3):
        raise Refused(f"pixels of {pixels.dtype} {pixels.shape}; wanted uint8 or uint16, (H, W) or (H, W, C)")
    laid = flat(pixels[..., None] if pixels.ndim == 2 else pixels)
    return Image.fromarray(laid) if laid.dtype == np.uint8 else laid


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8, read by hand: photographs whose other tags are broken still get turned."""
    exif = image.info.get("exif") or b""
    start = exif[6:] if exif.startswith(b"Exif\0\0") else exif
    order = {b"II": "<", b"MM": ">"}.get(start[:2])
    if order is None or len(start) < 10:
        return 1
    (first,) = struct.unpack_from(order + "I", start, 4)
    count = struct.unpack_from(order + "H", start, first)[0] if first + 2 <= len(start) else 0
    for position in range(first + 2, min(first + 2 + 12 * count, len(start) - 11), 12):
        tag, kind = struct.unpack_from(order + "HH", start, position)
        if (tag, kind) == (0x0112, 3):
            value: int = struct.unpack_from(order + "H", start, position + 8)[0]
            return value
    return 1
