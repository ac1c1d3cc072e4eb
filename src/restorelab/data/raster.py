"""JPEG, PNG, GIF, BMP, WebP and PGM with its family, read by Pillow, with two additions.

Pillow does not detect data that end before the image does if every checksum is right; the rest would be black, or gray
in a JPEG. And it does not keep 16-bit samples in color or with transparency.
"""

import io
import struct
import zlib
from typing import Any

import numpy as np
from kornia_rs import io as kornia_io
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.WebPImagePlugin import WebPImageFile

from restorelab.data import warned
from restorelab.data.pixels import Picture, Refused

OPENERS: tuple[tuple[tuple[bytes, ...], type[Any]], ...] = (
    ((b"\xff\xd8\xff",), JpegImageFile),
    ((b"\x89PNG\r\n\x1a\n",), PngImageFile),
    ((b"GIF87a", b"GIF89a"), GifImageFile),
    ((b"BM",), BmpImageFile),
    ((b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"), PpmImageFile),
    ((b"RIFF",), WebPImageFile),
)

DENSEST = {PngImageFile: 1032, GifImageFile: 4096, JpegImageFile: 512, PpmImageFile: 1, BmpImageFile: 1}
"""The most bytes of samples that a byte of a file can encode; for a JPEG the most pixels, at one bit per block."""

JPEG_FILL = 128
"""The value that libjpeg fills an image with after its data end."""


class Raster:
    """A file in memory that Pillow reads; `opener` is Pillow's class for its format.

    Raises:
        Refused: for a header that promises more pixels than the data can encode.
    """

    def __init__(self, data: bytes, opener: type[Any]) -> None:
        self.data, self.opener = data, opener
        self.image = opener(io.BytesIO(data))
        self.pages = int(
            getattr(self.image, "n_frames", 1)
        )  # a JPEG's further pictures (stereo, gain map) are not read
        self.is_png16 = opener is PngImageFile and data[24] == 16 and data[25] in (2, 4, 6)
        width, height = self.image.size
        if width * height * self._bits() > 8 * len(data) * DENSEST.get(opener, width * height):
            promise = f"{width}x{height} pixels, more than its {len(data):,} bytes can hold"
            raise Refused(f"damaged: its header promises {promise}")

    def _bits(self) -> int:
        """Return a lower limit of the bits per pixel before compression."""
        if self.opener is PngImageFile:
            return self.data[24] * {2: 3, 4: 2, 6: 4}.get(self.data[25], 1)
        if self.opener is BmpImageFile:
            return 0 if self.data[30] in (1, 2) else {"RGB": 16, "RGBA": 16, "L": 8}.get(self.image.mode, 1)  # 0: RLE
        return {"1": 1, "RGB": 24}.get(self.image.mode, 8) if self.opener is PpmImageFile else 8

    def size(self, number: int) -> tuple[int, int]:
        """Return height and width as stored."""
        return int(self.image.height), int(self.image.width)

    def need(self, number: int) -> int:
        """Return the approximate memory that decoding takes, in bytes."""
        height, width = self.size(number)
        bands = 3 if self.image.mode == "P" else len(self.image.getbands())
        return height * width * (24 if self.is_png16 else 6 + 4 * bands)

    def load(self, number: int) -> Picture:
        """Decode picture or frame `number`, counted from 1."""
        if self.is_png16:
            if number > 1:
                raise Refused("an animated PNG of 16-bit color, of which only the first frame can be read")
            array = _png16(self.data, self.image.height, self.image.width)
            alpha = array.shape[2] - 1 if array.shape[2] in (2, 4) else None
            return Picture(array, 3 if array.shape[2] > 2 else 1, alpha, orientation=orientation_of(self.image))
        if self.opener is PpmImageFile and self.image.mode == "RGB":
            arguments = self.image.tile[0][3]
            if isinstance(arguments, tuple) and arguments[1] > 255:
                raise Refused("a color PPM with more than 8 bits a sample; save it as PNG or TIFF")
        image = self.image if number == 1 else self._open(number)
        places = [tile[1] for tile in image.tile]
        image.load()
        if self.opener is JpegImageFile:
            _check_jpeg(self.data, image)
        elif number == 1 and self.opener is not WebPImageFile:  # libwebp detects truncated data itself
            self._check_filled(image, places)
        decoded = picture(image)
        decoded.orientation = orientation_of(image)
        return decoded

    def _check_filled(self, image: Image.Image, places: list[tuple[int, int, int, int]]) -> None:
        """Raise Refused if the data do not set all pixels: decode again over another initial value and compare.

        Pillow initializes pixels to 0, so this is only done if the last row is 0 or the rows are interlaced.
        """
        last = image.crop((0, image.height - 1, image.width, image.height))
        if last.getbbox(alpha_only=False) is not None and not image.info.get("interlace"):
            return
        again = self._open(1)
        prepare = again.load_prepare

        def prepared() -> None:
            prepare()
            again.im.paste(1 if len(again.getbands()) == 1 else (1,) * len(again.getbands()), (0, 0, *again.size))

        again.load_prepare = prepared
        again.load()
        if any(image.crop(place).tobytes() != again.crop(place).tobytes() for place in places):
            raise Refused(f"damaged: the data end before all {image.width}x{image.height} pixels are set")

    def _open(self, number: int) -> Any:
        image = self.opener(io.BytesIO(self.data))
        if number > 1:
            image.seek(number - 1)
        return image


def _check_jpeg(data: bytes, image: JpegImageFile) -> None:
    """Raise Refused if more than half a row of blocks is missing at the end of a JPEG; warn if less is missing.

    If the last pixel is libjpeg's fill value, the image is decoded again by kornia, which reports libjpeg's warnings
    but holds the interpreter's lock. A single flipped bit can cost less than half a row.
    """
    corner = image.crop((image.width - 1, image.height - 1, image.width, image.height))
    if corner.tobytes() != bytes([JPEG_FILL] * len(image.getbands())):
        return
    try:
        kornia_io.decode_image_jpegturbo(data, "rgb")
    except Exception as error:
        rows = 8 * max(layer[2] for layer in image.layer)
        last = np.asarray(image)[-rows:].reshape(-1, len(image.getbands()))
        if (last == JPEG_FILL).all(axis=1).mean() > 0.5:
            size = f"{image.width}x{image.height}"
            raise Refused(f"damaged: the data end before all {size} pixels are set") from error
        warned.warn("a JPEG whose data end early")


def picture(image: Image.Image) -> Picture:
    """Convert an image of any of Pillow's modes to gray or color, without palettes."""
    if image.mode.startswith("I"):  # I;16 and its byte orders; 16-bit PGM and 32-bit TIFF open as I
        array = np.asarray(image)
        if array.min() < 0 or array.max() > 65535:
            raise Refused(f"samples from {array.min()} to {array.max()} do not fit 16 bits")
        return Picture(array.astype(np.uint16)[..., None], 1)
    if image.has_transparency_data:
        gray = image.mode == "LA"
        array = np.asarray(image if gray else image.convert("RGBA"))
        return Picture(array, 1 if gray else 3, array.shape[2] - 1)
    if image.mode not in ("L", "RGB"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    return Picture(image, len(image.getbands()))


def _png16(data: bytes, height: int, width: int) -> np.ndarray:
    """Decode a 16-bit PNG with several samples, which Pillow would reduce to 8 bits: `(H, W, 2 | 3 | 4)` uint16."""
    if data[25] != 4:
        return kornia_io.decode_image_png_u16(data, (height, width), "rgb" if data[25] == 2 else "rgba")
    # No library that is installed decodes 16-bit gray with alpha. Its four bytes per pixel are filtered like those of
    # 8-bit RGBA, so the header is rewritten to RGBA, and its channels are the bytes of the two samples, high first.
    header = data[12:24] + bytes((8, 6)) + data[26:29]
    image = PngImageFile(io.BytesIO(data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]))
    return np.ascontiguousarray(np.asarray(image)).view(">u2").astype(np.uint16)


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8. It is parsed here so that other, broken tags do no harm."""
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
