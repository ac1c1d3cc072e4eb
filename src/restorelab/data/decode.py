"""Encoded images to pixels: one function, `decode`, for every format, bit depth and colour model that people bring.

The formats are a closed set (JPEG, PNG, TIFF, GIF, BMP, PGM and its family, WebP, NumPy arrays), recognised by their
first bytes and not by their names, so that no other parser of Pillow's is ever handed a stranger's file. Samples of 8
bits stay at 8 bits; all deeper ones become 16 bits.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from restorelab.data import warned
from restorelab.data.arrays import MAGIC, Array
from restorelab.data.decode_memory import require
from restorelab.data.item import Encoded, Page, Slice
from restorelab.data.pixels import Facts, Picture, Refused, level, resized, shape, to_channels, turn
from restorelab.data.raster import OPENERS, Raster
from restorelab.data.tiff import MAGICS, Tiff
from restorelab.errors import ConfigError, DataError, nearest

EXTENSIONS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".pgm", ".webp", ".gif", ".npy", ".npz")
"""Names under which a folder's files are taken for images."""

MIN_SIDE = 4
"""The smallest height or width: below it a file is a placeholder (IMDB-WIKI holds 1x1 ones), not a picture."""

Resize = Literal["stretch", "crop", "none"]


class BadImage(DataError):  # noqa: N818 - what people read is the noun
    """An image that cannot be used: `name` says which (a path, a tar member, an id), `reason` why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


@dataclass(frozen=True)
class Decoding:
    """What decoding makes of a file. Equal ones make equal pixels: a part of the cache's key.

    Attributes:
        channels: 1 is gray: of colour the ITU-R 601 luma, (19595 R + 38470 G + 7471 B) / 65536, the same at both
            depths. 3 is RGB; gray is repeated. Both lay transparent images on white, as pages show them, and leave out
            bands that are neither colour nor transparency. Any other number takes that many bands as they are.
        size: (height, width) of every image; None leaves the sizes as they are.
        resize: how: `stretch` whatever the shape; `crop` until `size` is covered, and cuts the middle; `none` refuses
            images of another size. Pillow's bicubic kernel (a = -0.5), widened when it reduces (antialiased); 16-bit
            samples are resized in float32 and rounded once, 8-bit ones rounded and clipped between rows and columns.
        pages: of a file with several pages, frames or pictures the `first`, or `all`, each an image.
        white: the sample that means white where samples have more than 8 bits; None is 65535 for 16-bit samples, and 1
            for floating-point ones. The samples are scaled by it to 16 bits.
        max_megapixels: larger images are refused.
        multiple: the sides of every image are cut to multiples of this, see `factor.py`.

    """

    channels: int = 1
    size: tuple[int, int] | None = None
    resize: Resize = "none"
    pages: Literal["first", "all"] = "first"
    white: float | None = None
    max_megapixels: float = 1000
    multiple: int = 1

    def __post_init__(self) -> None:
        if self.channels < 1:
            raise ConfigError(f"data.channels={self.channels}; 1 (gray), 3 (RGB), or how many bands the images have")
        for name, value, allowed in (
            ("resize", self.resize, ("stretch", "crop", "none")),
            ("pages", self.pages, ("first", "all")),
        ):
            if value not in allowed:
                raise ConfigError(f"data.{name}={value!r}. {nearest(value, allowed)}")
        if self.size is not None and (len(self.size) != 2 or min(self.size) < 1):
            raise ConfigError(f"data.size={self.size!r}; (height, width) in pixels, or null to keep each image's own")
        if self.size is None and self.resize != "none":
            raise ConfigError(f"data.resize={self.resize} needs data.size=[height, width]")
        for name, number in (("white", self.white), ("max_megapixels", self.max_megapixels)):
            if number is not None and not 0 < number < float("inf"):
                raise ConfigError(f"data.{name}={number}; a number above 0{', or null' * (name == 'white')}")


@dataclass(frozen=True)
class Decoded:
    """Pixels `(C, H, W)`, uint8 or uint16, of which the largest value is white, and what there is to say of them."""

    pixels: np.ndarray
    facts: Facts


def decode(encoded: Encoded, decoding: Decoding, reserve: Callable[[int], None] = lambda size: None) -> Decoded:
    """Decode one image. Palettes are looked up, the EXIF rotation is applied, colour profiles are not.

    reserve: is told, before they are taken, how many bytes of memory decoding takes; it may wait.

    Raises:
        BadImage: empty, truncated, corrupt, of unknown format, too large, under MIN_SIDE, or not of `size`.
        DataError: where the memory does not do.
    """
    facts = Facts()
    with warned.heard() as facts.warnings, _named(encoded):
        picture = _picture(encoded, decoding, reserve, facts)
        if isinstance(picture.pixels, np.ndarray):
            picture.pixels = level(picture.pixels, decoding.white, facts)
        pixels = turn(to_channels(picture, decoding.channels, facts), picture.orientation)
        height, width = shape(pixels)
        if decoding.size is not None and (height, width) != decoding.size:
            if decoding.resize == "none":
                asked = f"{decoding.size[0]}x{decoding.size[1]}"
                raise Refused(f"is {height}x{width}, not {asked} (set resize to stretch or crop)")
            pixels = resized(pixels, decoding.size, decoding.resize == "crop")
        array = np.asarray(pixels)
    laid = np.ascontiguousarray(array[None] if array.ndim == 2 else array.transpose(2, 0, 1))
    return Decoded(laid, facts)


def pages(encoded: Encoded, channels: int) -> int:
    """How many pages, frames or pictures a file holds; 1 where it cannot be read, which decoding will say."""
    if isinstance(encoded, np.ndarray | Page):
        return 1
    try:
        with warned.heard(), _named(encoded):
            return _open(_bytes(encoded), channels).pages
    except BadImage:
        return 1


class _named:  # noqa: N801 - a context
    """Turns whatever decoders throw into BadImage: they meet any bytes at all, and it all means the same."""

    def __init__(self, encoded: Encoded) -> None:
        self.encoded = encoded

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Refused):
            raise BadImage(_name(self.encoded), str(error)) from None
        if isinstance(error, FileNotFoundError):
            raise BadImage(_name(self.encoded), "no such file") from None
        if isinstance(error, MemoryError):
            raise DataError(f"{_name(self.encoded)}: decoding it took all of the memory there was.") from error
        if isinstance(error, Exception) and not isinstance(error, DataError):
            reason = f"cannot be decoded ({type(error).__name__}: {' '.join(str(error).split())})"
            raise BadImage(_name(self.encoded), reason) from error


def _name(encoded: Encoded) -> str:
    if isinstance(encoded, Page):
        return f"{_name(encoded.file)} (page {encoded.number})"
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
        opened, number, held = _shared.get(encoded.file, decoding.channels), encoded.number, 0
    else:
        data, number = _bytes(encoded), 1
        opened, held = _open(data, decoding.channels), len(data)
        facts.pages = opened.pages
    _check_size(*opened.size(number), decoding)
    need = held + opened.need(number)
    require(need, _name(encoded))
    reserve(need)
    return opened.load(number)


def _check_size(height: int, width: int, decoding: Decoding) -> None:
    if height * width > decoding.max_megapixels * 1e6:
        bound = f"over the bound of {decoding.max_megapixels:g} megapixels (data.max_megapixels)"
        raise Refused(f"{width}x{height} pixels, {bound}")
    if min(height, width) < MIN_SIDE:
        raise Refused(f"{width}x{height} pixels: a placeholder, not a picture")


def _bytes(encoded: Path | Slice) -> bytes:
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
            raise Refused("not an image of a known format (JPEG, PNG, TIFF, GIF, BMP, PGM, WebP, NumPy)")
        require(length, _name(encoded))
        data = head + file.read(length - len(head))
    if len(data) < length:
        raise Refused(f"its file ends after {len(data):,} of its {length:,} bytes")
    return data


def _opener(head: bytes) -> Callable[[bytes, int], Raster | Tiff | Array] | None:
    if head.startswith(MAGICS):
        return lambda data, channels: Tiff(data)
    if head.startswith((MAGIC, b"PK\3\4")):
        return Array
    found = next((opener for starts, opener in OPENERS if head.startswith(starts)), None)
    return None if found is None else lambda data, channels: Raster(data, found)


def _open(data: bytes, channels: int) -> Raster | Tiff | Array:
    opener = _opener(data[:16])
    assert opener is not None  # `_bytes` asked
    return opener(data, channels)


class _Shared:
    """The files whose pages are being decoded, one and its degraded partner: read once, not once a page."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[tuple[Path | Slice, int], Raster | Tiff | Array] = {}

    def get(self, file: Path | Slice, channels: int) -> Raster | Tiff | Array:
        """The file, opened; the threads that ask for the same one share it."""
        with self._lock:
            if (file, channels) not in self._files:
                for key in list(self._files)[:-1]:  # the oldest goes before the next one is read
                    del self._files[key]
                self._files[file, channels] = _open(_bytes(file), channels)
            return self._files[file, channels]

    def forget(self) -> None:
        """Let go of the memory."""
        with self._lock:
            self._files.clear()


_shared = _Shared()
forget = _shared.forget
