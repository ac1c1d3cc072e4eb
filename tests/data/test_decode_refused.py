"""Files that are refused: cut off, damaged, too large, or no image."""

import io
import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from reading import read

from data.image_files import chunk, noise, png, tiff, write
from restorelab.data import warned
from restorelab.data.decode import BadImage
from restorelab.errors import ConfigError


@pytest.mark.parametrize("kind", ["jpg", "png", "tif", "bmp", "pgm", "webp", "png16", "tif16"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_truncated(tmp_path: Path, kind: str, share: float):
    if kind == "png16":
        data = png(noise((100, 80, 3), np.uint16))
    elif kind == "tif16":
        data = tiff(noise((100, 80, 3), np.uint16), photometric="rgb")
    else:
        stream = io.BytesIO()
        names = {"jpg": "JPEG", "tif": "TIFF", "pgm": "PPM"}
        Image.fromarray(noise((100, 80))).save(stream, names.get(kind, kind.upper()))
        data = stream.getvalue()
    path = write(tmp_path / f"a.{kind}", data)
    read(path, 1)
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BadImage) as caught:
        read(path, 1)
    assert caught.value.name == str(path)
    assert str(path) in str(caught.value)


def test_flipped_bits_of_a_png(tmp_path: Path):
    for pixels in (noise((60, 60)), noise((60, 60, 3), np.uint16)):
        data = bytearray(png(pixels))
        data[len(data) // 2] ^= 0x55
        with pytest.raises(BadImage, match="cannot be decoded"):
            read(write(tmp_path / "a.png", bytes(data)), 1)


def huge(kind: str) -> bytes:
    if kind == "png":
        header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))
    if kind == "pgm":
        return b"P5 20000 20000 255\n" + bytes(100)
    if kind == "bmp":
        return b"BM" + struct.pack("<IHHIIiiHHIIIIII", 100, 0, 0, 54, 40, 20000, 20000, 1, 24, 0, 0, 0, 0, 0, 0)
    data = bytearray(tiff(np.zeros((8, 8), np.uint8)))
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        for tag in (256, 257):
            entry = file.pages[0].tags[tag]
            struct.pack_into("<I" if entry.dtype == 4 else "<H", data, entry.offset + 8, 20000)
    return bytes(data)


@pytest.mark.parametrize("kind", ["png", "pgm", "bmp", "tif"])
def test_huge_is_refused_by_its_header_without_a_warning(tmp_path: Path, kind: str):
    path = write(tmp_path / f"a.{kind}", huge(kind))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(BadImage, match=r"damaged: its (header|tags) promises? 20000x20000 pixels"):
            read(path, 1)
    assert told == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"<html>", "not an image of a known format"),
        (b"\0\0\0\x0cjP  " + bytes(50), "JPEG 2000, which is not read; convert it"),
        (b"\0\0\0\x1cftypavif" + bytes(50), "AVIF, which"),
        (b"\0\0\0\x18ftypheic" + bytes(50), "HEIC, which"),
        (b"\xff\x0a" + bytes(50), "JPEG XL, which"),
    ],
)
def test_no_image_at_all(tmp_path: Path, data: bytes, reason: str):
    with pytest.raises(BadImage, match=reason):
        read(write(tmp_path / "a.jpg", data), 1)


def test_missing_placeholder_wrong_size_and_kind(tmp_path: Path):
    with pytest.raises(BadImage, match="no such file"):
        read(tmp_path / "none.png", 1)
    Image.new("L", (1, 1)).save(tmp_path / "a.png")
    with pytest.raises(BadImage, match="1x1 pixels: a placeholder"):
        read(tmp_path / "a.png", 1, (100, 100), "stretch")
    with pytest.raises(BadImage, match="is 20x30, not 30x20"):
        read(noise((20, 30)), 1, (30, 20), "none")
    with pytest.raises(BadImage, match=r"from -1 to 0; expected 0 to 1. Set data.white"):
        read(write(tmp_path / "a.tif", tiff(np.float32([[0] * 8 + [-1]] * 9))), 1)
    with pytest.raises(BadImage, match="int64 samples, whose white level is not known"):
        read(np.zeros((9, 9), np.int64), 1)


def test_settings_that_mean_nothing():
    for arguments in ((0, None, "none"), (1, None, "crop")):
        with pytest.raises(ConfigError):
            read(noise((9, 9)), *arguments)


def test_broken_exif_neither_warns_nor_stops(tmp_path: Path):
    pixels = noise((24, 24))
    tags = b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 9, 0x0112, 3, 1, 3, 0, 0) + b"\xff\x01\x69"
    path = tmp_path / "a.jpg"
    Image.fromarray(pixels).save(path, exif=tags)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with Image.open(path) as image:
            image.getexif()
            expected = np.asarray(image)[::-1, ::-1]
        assert told, "the file must be one that Pillow warns about"
        told.clear()
        found = read(path, 1)[0]
    assert told == []
    assert np.array_equal(found, expected)  # the one tag that is whole, a half turn, is obeyed


def test_quiet_restores_the_filters_after_overlapping_threads():
    before = list(warnings.filters)
    first, second = threading.Event(), threading.Event()

    def long() -> None:
        with warned.quiet():
            first.set()
            second.wait(5)

    thread = threading.Thread(target=long)
    thread.start()
    first.wait(5)
    with warned.quiet():
        pass
    assert list(warnings.filters) != before  # the long one is still inside
    second.set()
    thread.join()
    assert list(warnings.filters) == before


def test_a_file_that_the_system_does_not_open_says_why(tmp_path: Path):
    with pytest.raises(BadImage, match=r"cannot be read \(Is a directory\)"):
        read(tmp_path, 1)
