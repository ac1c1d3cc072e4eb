"""TIFF: any number of bands, pages and planes; unsigned, signed and floating-point samples; every lossless compression.

tifffile reads the tags, Pillow's libtiff decompresses the strips or tiles as plain bytes, and this module converts the
bytes to samples. libtiff reports a strip that decompresses to too few bytes; tifffile and Pillow by themselves would
fill the rest with zeros. Other files (palettes, JPEG, CCITT, CMYK, fewer than 8 bits) are decoded by Pillow alone.
"""

import io
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import tifffile
from PIL.TiffImagePlugin import TiffImageFile

from restorelab.data import warned
from restorelab.data.pixels import Picture, Refused
from restorelab.data.raster import picture

MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""The first bytes of a TIFF file: little-endian, big-endian, and both again for BigTIFF."""

RATIOS = {1: 1, 5: 4096, 8: 1032, 32773: 64, 32946: 1032, 34925: None, 50000: None}
"""The greatest ratio of each compression (none, LZW, deflate, PackBits, LZMA, Zstandard); None for no limit."""

NOT_A_PICTURE = 0b101
"""Bits of NewSubfileType: the page is a reduced version or the mask of another page."""


class Tiff:
    """A TIFF file in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.file = tifffile.TiffFile(io.BytesIO(data))
        self.pictures = self._pictures()
        self.planes = self._planes()  # images stored one after another behind one page's tags
        self.pages = len(self.pictures) * self.planes

    def _pictures(self) -> list[Any]:
        pictures: list[Any] = []
        try:
            for page in self.file.pages:
                if not int(getattr(page, "subfiletype", 0)) & NOT_A_PICTURE:
                    pictures.append(page)
        except Exception as error:  # the chain of pages is broken; the pages before the break are complete
            warned.warn(f"the list of its pages is broken: {error}")
        return pictures or [self.file.pages[0]]

    def _planes(self) -> int:
        """Return the number of images of a stack that has the tags of one page only, as ImageJ and tifffile write."""
        page = self.pictures[0]
        if len(self.pictures) > 1 or not (self.file.is_imagej or self.file.is_shaped) or page.compression != 1:
            return 1
        size = int(np.prod(page.shape)) * max(1, _bits(page) // 8)
        stored = (len(self.data) - min(page.dataoffsets, default=0)) // max(1, size)
        return max(1, min(stored, int(np.prod(self.file.series[0].shape)) // max(1, int(np.prod(page.shape)))))

    def size(self, number: int) -> tuple[int, int]:
        """Return height and width of a page as stored."""
        page = self._page(number)
        return int(page.imagelength), int(page.imagewidth)

    def need(self, number: int) -> int:
        """Return the approximate bytes of memory that decoding takes. Refused if the data are too short."""
        page = self._page(number)
        if page.imagedepth != 1:
            raise Refused(f"a TIFF volume of {page.imagedepth} slices in one page; save each slice as a page")
        _check_data(page, len(self.data))
        samples = page.imagelength * page.imagewidth * page.samplesperpixel
        return int(samples * (3 if page.compression == 1 else 5) * max(1, _bits(page) // 8))

    def load(self, number: int) -> Picture:
        """Decode page `number`, counted from 1."""
        page = self._page(number)
        known = int(page.compression) in RATIOS and page.photometric in (0, 1, 2) and page.predictor in (1, 2, 3)
        if not (known and _bits(page) in (8, 16, 32, 64) and (page.sampleformat == 4 or page.dtype is not None)):
            return self._by_pillow(page)
        kinds = [int(kind) for kind in page.extrasamples]
        colors = 3 if page.photometric == 2 else 1
        if page.samplesperpixel < colors:
            raise Refused(f"RGB of {page.samplesperpixel} samples a pixel")
        alpha = next((colors + place for place, kind in enumerate(kinds) if kind in (1, 2)), None)
        pixels = self._samples(page, (number - 1) % self.planes)
        if page.photometric == 0:  # white is zero
            if pixels.dtype.kind != "u":
                raise Refused(f"{pixels.dtype} samples with 0 as white; save it with 0 as black")
            pixels = np.iinfo(pixels.dtype).max - pixels
        orientation = int(page.tags.valueof(274, 1))
        premultiplied = alpha is not None and kinds[alpha - colors] == 1
        return Picture(pixels, colors, alpha, premultiplied, orientation)

    def _page(self, number: int) -> Any:
        return self.pictures[(number - 1) // self.planes]

    def _by_pillow(self, page: Any) -> Picture:
        if page.sampleformat not in (1, 4) or _bits(page) not in (1, 2, 4, 8, 16):
            raise Refused(f"{_bits(page)} bits a sample, {_name(page.sampleformat)}, {_name(page.compression)}")
        if _bits(page) == 16 and page.samplesperpixel > 1:
            raise Refused(f"16-bit TIFF, {_name(page.photometric)}, {_name(page.compression)}; save it as RGB")
        image = TiffImageFile(io.BytesIO(self.data))
        image.seek(page.index)
        image.load()  # Pillow applies the orientation of a TIFF when it loads it
        decoded = picture(image)
        if page.photometric == 0 and isinstance(decoded.pixels, np.ndarray):  # Pillow inverts at 8 bits only
            decoded.pixels = np.uint16(65535) - decoded.pixels
        return decoded

    def _samples(self, page: Any, plane: int) -> np.ndarray:
        """Return the samples of a page, `(H, W, bands)`, in its own sample type.

        It is gray or color in whole bytes, losslessly compressed.
        """
        tall, wide, down, across = _grid(page)
        apart = page.planarconfig == 2
        bands, together = page.samplesperpixel, 1 if apart else page.samplesperpixel
        kind = np.dtype(f"u{_bits(page) // 8}") if page.sampleformat == 4 else page.dtype
        out = np.empty((page.imagelength, page.imagewidth, bands), kind)
        skipped = plane * out.nbytes  # 0 unless the page is a stack, which is stored in one strip
        for band in range(bands if apart else 1):
            places = slice(band * down * across, (band + 1) * down * across)
            strips = [
                self.data[offset + skipped : offset + skipped + count]
                for offset, count in zip(page.dataoffsets[places], page.databytecounts[places], strict=True)
            ]
            row = wide * together * kind.itemsize
            rows = down * tall if page.is_tiled else page.imagelength
            raw = _unpacked(strips, row, rows, tall, across if page.is_tiled else 0, page.compression, page.fillorder)
            samples = _unpredicted(raw.reshape(rows, across, row), kind, together, page.predictor, self.file.byteorder)
            samples = samples.reshape(rows, across * wide, together)[: page.imagelength, : page.imagewidth]
            out[..., band : band + together] = samples
        return out


def _grid(page: Any) -> tuple[int, int, int, int]:
    """Return the rows and columns of a strip or tile, and the numbers of these down and across."""
    tall, wide = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
    if min(tall, wide, page.imagelength, page.imagewidth) < 1:
        raise Refused(f"invalid tags: {page.imagewidth}x{page.imagelength} pixels in parts of {wide}x{tall}")
    return tall, wide, -(-page.imagelength // tall), -(-page.imagewidth // wide)


def _check_data(page: Any, total: int) -> None:
    """Raise Refused if strips or tiles are missing, empty, beyond the end of the file, or too short for their rows."""
    tall, wide, down, across = _grid(page)
    planes = page.samplesperpixel if page.planarconfig == 2 else 1
    needed, kind = down * across * planes, "tiles" if page.is_tiled else "strips"
    listed = min(len(page.dataoffsets), len(page.databytecounts))
    size = f"{page.imagewidth}x{page.imagelength} pixels"
    if listed < needed:
        raise Refused(f"damaged: its tags promise {size} in {needed:,} {kind}, and list {listed:,}")
    parts = list(zip(page.dataoffsets, page.databytecounts, strict=False))[:needed]
    missing = sum(count < 1 or offset < 1 or offset + count > total for offset, count in parts)
    if missing:
        raise Refused(f"damaged: {missing:,} of its {needed:,} {kind} are empty or beyond the end of the file")
    ratio = RATIOS.get(int(page.compression))
    if ratio is None or page.photometric == 6:  # YCbCr is subsampled
        return
    row = -(-wide * (page.samplesperpixel // planes) * _bits(page) // 8)
    for place, (_, count) in enumerate(parts):
        last = not page.is_tiled and place % down == down - 1
        rows = page.imagelength - (down - 1) * tall if last else tall
        if count * ratio < rows * row:
            raise Refused(f"damaged: its tags promise {size}, more than the {count:,} bytes of one of its {kind} hold")


def _bits(page: Any) -> int:
    bits = page.bitspersample
    return bits if isinstance(bits, int) else max(bits)


def _name(tag: Any) -> str:
    return str(getattr(tag, "name", tag)).lower()


def _unpacked(
    strips: Sequence[bytes], row: int, rows: int, tall: int, across: int, compression: int, fillorder: int
) -> np.ndarray:
    """Decompress strips of `tall` rows of `row` bytes, or tiles, of which `across` (0 for strips) are side by side.

    Compressed data are wrapped in a TIFF file of 8-bit gray pixels, one per byte, which Pillow's libtiff decodes.
    """
    if compression == 1 and not across:
        sizes = [min(tall, rows - top) * row for top in range(0, rows, tall)]
        return np.frombuffer(b"".join(s[:size] for s, size in zip(strips, sizes, strict=True)), np.uint8)
    width = row * max(across, 1)
    kinds = (322, 323, 324, 325) if across else (None, 278, 273, 279)
    tags: dict[int, tuple[int, ...]] = {256: (width,), 257: (rows,), 258: (8,), 259: (int(compression),)}
    tags |= {262: (1,), 266: (int(fillorder),), 277: (1,)}
    tags |= {322: (row,), 323: (tall,)} if across else {278: (tall,)}
    header = 8 + 2 + 12 * (len(tags) + 2) + 4
    first = header + 8 * len(strips)  # the strips follow the lists of offsets and counts
    counts = [len(strip) for strip in strips]
    offsets = [first + int(before) for before in np.cumsum([0, *counts[:-1]])]
    tags |= {int(kinds[2] or 0): tuple(offsets), int(kinds[3] or 0): tuple(counts)}
    entries, lists = b"", b""
    for tag, values in sorted(tags.items()):
        single = len(values) == 1
        entries += struct.pack("<HHII", tag, 4, len(values), values[0] if single else header + len(lists))
        lists += b"" if single else struct.pack(f"<{len(values)}I", *values)
    lists = lists.ljust(8 * len(strips), b"\0")
    plain = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + lists + b"".join(strips)
    with TiffImageFile(io.BytesIO(plain)) as image:
        image.load()
        return np.asarray(image)


def _unpredicted(raw: np.ndarray, kind: np.dtype[Any], bands: int, predictor: int, order: Any) -> np.ndarray:
    """Undo the predictor in each row of a strip or tile: bytes `(rows, across, bytes)` to samples of `kind`."""
    rows, across, _ = raw.shape
    if predictor == 3:  # differences of bytes, grouped by significance, the most significant first
        summed = raw.reshape(rows, across, -1, bands).cumsum(axis=2, dtype=np.uint8)
        planes = summed.reshape(rows, across, kind.itemsize, -1)
        return np.ascontiguousarray(np.moveaxis(planes, 2, 3)).view(kind.newbyteorder(">"))
    samples = np.ascontiguousarray(raw).view(kind.newbyteorder(order))
    if predictor == 1:
        return samples
    unsigned = np.dtype(f"u{kind.itemsize}")
    differences = samples.astype(kind).view(unsigned).reshape(rows, across, -1, bands)
    return differences.cumsum(axis=2, dtype=unsigned).view(kind)
