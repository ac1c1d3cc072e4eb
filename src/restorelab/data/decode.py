"""Decode images: one function, `decode`, for all supported formats, bit depths and color models.

The formats are a closed set (JPEG, PNG, TIFF, GIF, BMP, PGM and its family, WebP, NumPy arrays), recognized by their
first bytes and not by their names, so that an untrusted file never reaches any other parser of Pillow. 8-bit samples
stay 8-bit; all deeper ones become 16-bit.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from restorelab.data import warned
from restorelab.data.arrays import MAGIC, Array
from restorelab.data.decode_memory import require
from restorelab.data.item import Encoded, Page, Slice, Window
from restorelab.data.latest import Latest
from restorelab.data.pixels import Facts, Picture, Refused, level, resized, shape, to_channels, turn
from restorelab.data.raster import OPENERS, Raster
from restorelab.data.tiff import MAGICS, Tiff
from restorelab.errors import ConfigError, DataError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".pgm", ".webp", ".gif", ".npy", ".npz")
"""File name extensions that are taken as images."""

MIN_SIDE = 4
"""The smallest height or width of an image. Smaller files are placeholders; IMDB-WIKI holds some of 1x1 pixels."""

LEAVE_OUT = ", or leave images of that size out with data.max_megapixels"

Resize = Literal["stretch", "crop", "none"]

OTHERS: dict[bytes | tuple[bytes, ...], str] = {
    (b"ftypavif", b"ftypavis"): "AVIF",
    (b"ftyphei", b"ftyphev", b"ftypmif1", b"ftypmsf1"): "HEIC",
    (b"ftypcrx ", b"FUJIFILMCCD-RAW"): "a camera raw file",
    (b"\xff\x0a", b"\0\0\0\x0cJXL "): "JPEG XL",
    (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"): "JPEG 2000",
    b"8BPS": "a Photoshop file",
}
"""Formats of images that no class reads, by their first bytes; of ISO media files from the fifth on."""


class BadImage(DataError):  # noqa: N818 - people read the noun
    """An image that cannot be used. `name` is its path, tar member or id, `reason` says what is wrong."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


@dataclass(frozen=True)
class Decoding:
    """Options of decoding. They are part of the cache key: equal options and files give equal pixels.

    Attributes:
        channels: 1 is gray; color becomes the ITU-R 601 luma, (19595 R + 38470 G + 7471 B) / 65536, at both depths. 3
            is RGB; gray is repeated. Both composite transparent images over white and drop bands that are neither
            color nor transparency. Any other number takes that many bands unchanged.
        size: (height, width) of every image; None keeps each image's size.
        resize: how to resize: `stretch` ignores the aspect ratio; `crop` covers `size` and cuts the center; `none`
            refuses images of another size. The kernel is Pillow's bicubic (a = -0.5), antialiased when it reduces;
            16-bit samples are resized in float32 and rounded once, 8-bit ones rounded and clipped between rows and
            columns.
        pages: of a file with several pages, frames or pictures, use the `first`, or `all` as separate images.
        white: the sample value that means white, for samples of more than 8 bits; None means 65535 for 16-bit samples
            and 1 for floating-point ones. Samples are scaled to 16 bits by it.
        max_megapixels: larger images are refused.
        multiple: the sides of every image are cropped to multiples of this, see `factor.py`.
        gray: how color becomes gray with one channel: `luma` as said above, `matlab` by the weights of MATLAB's
            rgb2gray, by which the gray test sets of the literature were made.

    """

    channels: int = 1
    size: tuple[int, int] | None = None
    resize: Resize = "none"
    pages: Literal["first", "all"] = "first"
    white: float | None = None
    max_megapixels: float = 1000
    multiple: int = 1
    gray: Literal["luma", "matlab"] = "luma"

    def __post_init__(self) -> None:
        if self.channels < 1:
            raise ConfigError(f"data.channels={self.channels}; expected 1 (gray), 3 (RGB), or the number of bands")
        if self.size is None and self.resize != "none":
            raise ConfigError(f"data.resize={self.resize} needs data.size=[height, width]")
        for name, number in (("white", self.white), ("max_megapixels", self.max_megapixels)):
            if number is not None and not 0 < number < float("inf"):
                raise ConfigError(f"data.{name}={number}; expected a number above 0{', or null' * (name == 'white')}")

    def options(self) -> dict[str, Any]:
        """Return the options as plain data for the cache key, without `gray` where it is the default."""
        plain = asdict(self)
        if self.gray == "luma":  # as in the keys of entries from before that option
            del plain["gray"]
        return plain


@dataclass(frozen=True)
class Decoded:
    """Pixels `(C, H, W)`, uint8 or uint16, whose largest possible value means white, and facts about the decoding."""

    pixels: np.ndarray
    facts: Facts


def decode(encoded: Encoded, decoding: Decoding, reserve: Callable[[int], None] = lambda size: None) -> Decoded:
    """Decode one image. Palettes are resolved and the EXIF orientation is applied; color profiles are ignored.

    reserve: called with the bytes of memory that decoding takes, before they are allocated; it may block.

    Raises:
        BadImage: for a file that is empty, truncated, corrupt, of unknown format, too large, below MIN_SIDE, or not of
            `size`.
        DataError: if there is not enough memory.
    """
    if isinstance(encoded, Window):
        return _window(encoded, decoding)
    facts = Facts()
    with warned.heard() as facts.warnings, naming(encoded):
        picture = _picture(encoded, decoding, reserve, facts)
        if isinstance(picture.pixels, np.ndarray):
            picture.pixels = level(picture.pixels, decoding.white, facts)
        pixels = turn(
            to_channels(picture, decoding.channels, facts, matlab=decoding.gray == "matlab"), picture.orientation
        )
        height, width = shape(pixels)
        if decoding.size is not None and (height, width) != decoding.size:
            if decoding.resize == "none":
                expected = f"{decoding.size[0]}x{decoding.size[1]}"
                raise Refused(f"is {height}x{width}, not {expected} (set resize to stretch or crop)")
            pixels = resized(pixels, decoding.size, decoding.resize == "crop")
        array = np.asarray(pixels)
    return Decoded(np.ascontiguousarray(array[None] if array.ndim == 2 else array.transpose(2, 0, 1)), facts)


def _window(window: Window, decoding: Decoding) -> Decoded:
    """Decode a window of a file; facts about the file are given with the first of its windows."""
    whole = _decoded.get((window.file, decoding), lambda: decode(window.file, decoding))
    rows, columns = slice(window.top, window.top + window.height), slice(window.left, window.left + window.width)
    pixels = whole.pixels[:, rows, columns]
    if pixels.shape[1:] != (window.height, window.width):
        raise BadImage(_name(window), f"the image has {whole.pixels.shape[1]}x{whole.pixels.shape[2]} pixels only")
    return Decoded(np.ascontiguousarray(pixels), Facts() if window.top or window.left else whole.facts)


def pages(encoded: Encoded, channels: int) -> int:
    """Return the number of pages, frames or pictures of a file; 1 for a file that cannot be read."""
    if isinstance(encoded, np.ndarray | Page | Window):
        return 1
    try:
        with warned.heard(), naming(encoded):
            return open_bytes(read_bytes(encoded), channels).pages
    except BadImage:
        return 1


class naming:  # noqa: N801 - a context
    """Convert any exception of a decoder into BadImage: on arbitrary bytes a decoder may raise anything."""

    def __init__(self, encoded: Encoded) -> None:
        self.encoded = encoded

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Refused):
            raise BadImage(_name(self.encoded), str(error)) from None
        if isinstance(error, FileNotFoundError):
            raise BadImage(_name(self.encoded), "no such file") from None
        if isinstance(error, OSError) and error.filename:  # of the file system; those of decoders name no file
            raise BadImage(_name(self.encoded), f"cannot be read ({error.strerror})") from error
        if isinstance(error, MemoryError):
            raise DataError(f"{_name(self.encoded)}: decoding it ran out of memory.") from error
        if isinstance(error, Exception) and not isinstance(error, DataError):
            reason = f"cannot be decoded ({type(error).__name__}: {' '.join(str(error).split())})"
            raise BadImage(_name(self.encoded), reason) from error


def _name(encoded: Encoded) -> str:
    if isinstance(encoded, Page):
        return f"{_name(encoded.file)} (page {encoded.number})"
    if isinstance(encoded, Window):
        return f"{encoded.file} (window at {encoded.top}, {encoded.left})"
    if isinstance(encoded, Slice):
        return f"{encoded.path} (bytes {encoded.offset} to {encoded.offset + encoded.size})"
    return "pixels" if isinstance(encoded, np.ndarray) else str(encoded)


def _picture(encoded: Encoded, decoding: Decoding, reserve: Callable[[int], None], facts: Facts) -> Picture:
    if isinstance(encoded, np.ndarray):
        if encoded.ndim not in (2, 3):
            raise Refused(f"pixels of {encoded.dtype} {encoded.shape}; expected (H, W) or (H, W, C)")
        _check_size(encoded.shape[0], encoded.shape[1], decoding)
        bands = encoded[..., None] if encoded.ndim == 2 else encoded
        return Picture(bands, 3 if bands.shape[2] == 3 else 1)
    if isinstance(encoded, Page):
        source, channels = encoded.file, decoding.channels
        file = _opened.get((source, channels), lambda: open_bytes(read_bytes(source), channels))
        number, size = encoded.number, 0
    else:
        assert not isinstance(encoded, Window)  # which `decode` cuts from the whole file
        data, number = read_bytes(encoded), 1
        file, size = open_bytes(data, decoding.channels), len(data)
        facts.pages = file.pages
    _check_size(*file.size(number), decoding)
    need = size + file.need(number)
    require(need, _name(encoded), LEAVE_OUT)
    reserve(need)
    return file.load(number)


def _check_size(height: int, width: int, decoding: Decoding) -> None:
    if height * width > decoding.max_megapixels * 1e6:
        limit = f"more than {decoding.max_megapixels:g} megapixels (data.max_megapixels)"
        raise Refused(f"{width}x{height} pixels, {limit}")
    if min(height, width) < MIN_SIDE:
        raise Refused(f"{width}x{height} pixels: a placeholder, not a picture")


def read_bytes(encoded: Path | Slice) -> bytes:
    """Return the bytes of a file; Refused for an empty file and for a format that is not known by its first bytes."""
    if isinstance(encoded, Slice):
        path, offset, length = encoded.path, encoded.offset, encoded.size
    else:
        path, offset, length = encoded, 0, encoded.stat().st_size
    if length == 0:
        raise Refused("empty file")
    with path.open("rb") as file:
        file.seek(offset)
        head = file.read(min(length, 16))
        if _opener(head) is None:
            raise Refused(f"{_other_format(head)} (known: JPEG, PNG, TIFF, GIF, BMP, PGM, WebP, NumPy)")
        require(length, _name(encoded), LEAVE_OUT)
        data = head + file.read(length - len(head))
    if len(data) < length:
        raise Refused(f"the file ends after {len(data):,} of {length:,} bytes")
    return data


def _other_format(head: bytes) -> str:
    """Say what a file with these first bytes is, which no class reads."""
    start = head[4:12] if head[4:8] == b"ftyp" else head
    name = next((name for starts, name in OTHERS.items() if start.startswith(starts)), None)
    return f"{name}, which is not read; convert it to PNG or TIFF" if name else "not an image of a known format"


def _opener(head: bytes) -> Callable[[bytes, int], Raster | Tiff | Array] | None:
    """Return the class that reads a file with these first bytes; None for an unknown format."""
    if head.startswith(MAGICS):
        return lambda data, channels: Tiff(data)
    if head.startswith((MAGIC, b"PK\3\4")):
        return Array
    plugin = next((opener for starts, opener in OPENERS if head.startswith(starts)), None)
    return None if plugin is None else lambda data, channels: Raster(data, plugin)


def open_bytes(data: bytes, channels: int) -> Raster | Tiff | Array:
    """Return the reader of an image file in memory, of a format that `read_bytes` accepts; pixels are not decoded."""
    opener = _opener(data[:16])
    assert opener is not None  # `read_bytes` refuses unknown formats
    return opener(data, channels)


_opened: Latest[tuple[Path | Slice, int], Raster | Tiff | Array] = Latest(2)
"""Files whose pages are decoded: an image and its degraded partner."""

_decoded: Latest[tuple[Path, Decoding], Decoded] = Latest(4)
"""Files whose windows are cut out."""


def forget() -> None:
    """Free the memory of files that several images come from."""
    _opened.forget()
    _decoded.forget()
