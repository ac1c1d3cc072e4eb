"""Formats, depths and color models against arrays that were written, Pillow, and torch's antialiased bicubic."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from reading import read

from data.image_files import chunk, noise, png, tiff, write
from restorelab.data.decode import BadImage
from restorelab.data.item import Slice


def exif(orientation: int) -> bytes:
    """A TIFF header with one directory of one entry."""
    return b"MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)


def lzw_tiff(pixels: np.ndarray) -> bytes:
    """16-bit RGB, LZW: literal codes of 9 bits, with a Clear before the table would outgrow them."""
    height, width, _ = pixels.shape
    codes = []
    for place, byte in enumerate(pixels.astype("<u2").tobytes()):
        codes += [256, byte] if place % 200 == 0 else [byte]
    bits = "".join(f"{code:09b}" for code in [*codes, 257])
    strip = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    entries = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, 8 + len(strip)), (259, 3, 1, 5), (262, 3, 1, 2)]
    entries += [(273, 4, 1, 8), (277, 3, 1, 3), (278, 3, 1, height), (279, 4, 1, len(strip)), (284, 3, 1, 1)]
    tail = struct.pack("<HHH", 16, 16, 16)
    place = 8 + len(strip) + len(tail)
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", place) + strip + tail + directory + bytes(4)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.png", {}),
        ("a.bmp", {}),
        ("a.tif", {}),
        ("a.tiff", {"compression": "tiff_lzw"}),
        ("a.tif", {"compression": "tiff_adobe_deflate"}),
        ("a.pgm", {}),
        ("a.webp", {"lossless": True}),
    ],
)
def test_lossless_8_bit(tmp_path: Path, name: str, options: dict, channels: int):
    pixels = noise((20, 30) if channels == 1 else (20, 30, 3))
    path = tmp_path / name
    Image.fromarray(pixels).save(path, **options)  # a .pgm of color is written as PPM, and recognized by its bytes
    found = read(path, channels)
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    assert np.array_equal(found, pixels[None] if channels == 1 else pixels.transpose(2, 0, 1))


def test_jpeg_as_pillow_decodes_it(tmp_path: Path):
    path = tmp_path / "a.jpg"
    Image.fromarray(noise((40, 30, 3))).save(path, quality=90)
    with Image.open(path) as image:
        assert np.array_equal(read(path, 3), np.asarray(image).transpose(2, 0, 1))
        assert np.array_equal(read(path, 1)[0], np.asarray(image.convert("L")))


GRAY16 = noise((20, 30), np.uint16)
RGB16 = noise((20, 30, 3), np.uint16)


@pytest.mark.parametrize(
    "data",
    [
        png(GRAY16),
        tiff(GRAY16),
        tiff(GRAY16, compression="zlib"),
        tiff(GRAY16, byteorder=">"),
        tiff(65535 - GRAY16, photometric="miniswhite"),
        b"P5\n# comment\n30 20\n65535\n" + GRAY16.astype(">u2").tobytes(),
    ],
    ids=["png", "tiff", "zlib", "big endian", "white is zero", "pgm"],
)
def test_gray_keeps_16_bits(tmp_path: Path, data: bytes):
    path = write(tmp_path / "a", data)
    found = read(path, 1)
    assert found.dtype == np.uint16
    assert np.array_equal(found[0], GRAY16)
    assert np.array_equal(read(path, 3), np.stack([GRAY16] * 3))


@pytest.mark.parametrize(
    "data",
    [
        png(RGB16),
        tiff(RGB16, photometric="rgb"),
        tiff(RGB16, photometric="rgb", compression="zlib", predictor=True),
        tiff(RGB16.transpose(2, 0, 1), photometric="rgb", planarconfig="separate"),
        tiff(RGB16, photometric="rgb", byteorder=">"),
        lzw_tiff(RGB16),
    ],
    ids=["png", "tiff", "zlib", "planes", "big endian", "lzw"],
)
def test_color_keeps_16_bits(tmp_path: Path, data: bytes):
    path = write(tmp_path / "a", data)
    found = read(path, 3)
    assert found.dtype == np.uint16
    assert np.array_equal(found, RGB16.transpose(2, 0, 1))
    luma = RGB16 @ np.array([0.299, 0.587, 0.114])
    assert np.abs(read(path, 1)[0] - luma).max() <= 0.5 + 65535 * 3 * 0.5 / 65536  # rounding, of value and of weights


def test_luma_of_8_bits_is_601():
    pixels = noise((50, 50, 3))
    assert np.abs(read(pixels, 1)[0] - pixels @ np.array([0.299, 0.587, 0.114])).max() <= 0.5 + 255 * 3 * 0.5 / 65536


@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.uint16, 65535)])
@pytest.mark.parametrize("samples", [2, 4])
def test_transparency_is_laid_on_white(tmp_path: Path, dtype: type, white: int, samples: int):
    pixels = noise((20, 30, samples), dtype)
    pixels[:5, ..., -1], pixels[5:10, ..., -1] = 0, white
    found = read(write(tmp_path / "a.png", png(pixels)), 3).transpose(1, 2, 0)
    color = pixels[..., :-1].astype(float)
    alpha = pixels[..., -1:] / white
    expected = np.broadcast_to(color * alpha + white * (1 - alpha), found.shape)
    assert found.dtype == dtype
    assert (found[:5] == white).all()
    assert np.array_equal(found[5:10], expected[5:10])
    assert np.abs(found.astype(float) - expected).max() <= 1


def test_palette_with_and_without_transparency(tmp_path: Path):
    colors = noise((4, 3))
    index = noise((20, 30)) % 4
    image = Image.fromarray(index.astype(np.uint8), "L")
    image.putpalette(colors.tobytes())
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "b.png", transparency=2)
    image.save(tmp_path / "a.bmp")
    expected = colors[index]
    assert np.array_equal(read(tmp_path / "a.png", 3).transpose(1, 2, 0), expected)
    assert np.array_equal(read(tmp_path / "a.bmp", 3).transpose(1, 2, 0), expected)
    clear = np.where((index == 2)[..., None], 255, expected)
    assert np.array_equal(read(tmp_path / "b.png", 3).transpose(1, 2, 0), clear)


def test_one_bit_and_cmyk(tmp_path: Path):
    bits = noise((20, 30)) > 127
    Image.fromarray(bits).save(tmp_path / "a.png")
    assert np.array_equal(read(tmp_path / "a.png", 1)[0], bits * np.uint8(255))
    Image.new("CMYK", (30, 20), (0, 255, 255, 0)).save(tmp_path / "a.jpg")
    red = read(tmp_path / "a.jpg", 3)
    assert red[0].min() > 240
    assert red[1:].max() < 15


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_exif_rotation(tmp_path: Path, name: str, orientation: int):
    path = tmp_path / name
    tags = Image.Exif()
    tags[0x0112] = orientation
    pixels = np.kron(noise((5, 7, 3)), np.ones((8, 8, 1), np.uint8))  # blocks of 8: JPEG keeps them apart
    Image.fromarray(pixels).save(path, exif=tags, **({"lossless": True} if name == "a.webp" else {}))
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    assert expected.shape[:2] == ((40, 56) if orientation < 5 else (56, 40))
    assert np.array_equal(read(path, 3).transpose(1, 2, 0), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_at_16_bits(tmp_path: Path, orientation: int):
    tags = Image.Exif()
    tags[0x0112] = orientation
    marks = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30) * 100
    image = Image.fromarray(marks.astype(np.int32), "I")
    image.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(image))
    color = np.stack([marks] * 3, axis=-1)
    tag = (274, "H", 1, orientation, True)
    for data in (
        png(marks, chunk(b"eXIf", exif(orientation))),
        png(color, chunk(b"eXIf", exif(orientation))),
        tiff(marks, extratags=[tag]),
        tiff(color, photometric="rgb", extratags=[tag]),
    ):
        found = read(write(tmp_path / "a", data), 1)[0]
        assert found.dtype == np.uint16
        assert np.array_equal(found, expected)


def bicubic(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """torch's antialiased bicubic has Pillow's kernel, a = -0.5, in double precision here."""
    tensor = torch.from_numpy(pixels.astype(np.float64))[None]
    return torch.nn.functional.interpolate(tensor, size, mode="bicubic", antialias=True)[0].numpy()


@pytest.mark.parametrize("size", [(16, 16), (37, 20), (90, 100)])
@pytest.mark.parametrize(("dtype", "white", "within"), [(np.uint8, 255, 1.13), (np.uint16, 65535, 0.52)])
def test_stretch_is_antialiased_bicubic(size: tuple[int, int], dtype: type, white: int, within: float):
    pixels = noise((60, 45, 3), dtype)
    if dtype is np.uint8:
        pixels = pixels // 3 + 85  # no overshoot: Pillow clips 8-bit rows before it resizes columns
    found = read(pixels, 3, size, "stretch")
    assert found.dtype == dtype
    expected = bicubic(pixels.transpose(2, 0, 1), size).clip(0, white)
    # It rounds them, too: 0.5 times the columns' absolute weights (at most 1.25) and 0.5; 16 bits once.
    assert np.abs(found - expected).max() <= within


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_crop_takes_the_middle(dtype: type):
    pixels = noise((40, 100), dtype)
    covering = read(pixels, 1, (20, 50), "stretch")
    assert np.array_equal(read(pixels, 1, (20, 20), "crop"), covering[..., 15:35])
    assert np.array_equal(read(pixels.T, 1, (20, 20), "crop"), read(pixels.T, 1, (50, 20), "stretch")[:, 15:35])
    assert np.array_equal(read(pixels, 1, (40, 40), "crop")[0], pixels[:, 30:70])


def test_slice_of_a_file(tmp_path: Path):
    pixels = noise((20, 30))
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    path = write(tmp_path / "archive", b"x" * 700 + stream.getvalue() + b"y" * 99)
    assert np.array_equal(read(Slice(path, 700, len(stream.getvalue())), 1)[0], pixels)
    with pytest.raises(BadImage, match=r"the file ends after .* bytes"):
        read(Slice(path, 700, 10_000_000), 1)
