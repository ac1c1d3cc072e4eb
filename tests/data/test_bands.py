"""Bands, transparency, white levels and NumPy arrays, against the arrays that were written."""

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from reading import read

from restorelab.data.decode import BadImage, Decoding, decode
from restorelab.errors import ConfigError

BANDS = np.random.default_rng(0).integers(0, 65536, (20, 30, 5)).astype(np.uint16)


def planes(pixels: np.ndarray) -> np.ndarray:
    return np.moveaxis(pixels, -1, 0)


def tiff(path: Path, pixels: np.ndarray, **options: object) -> Path:
    tifffile.imwrite(path, pixels, **options)
    return path


def coded(path: Path, pixels: np.ndarray, predictor: int, compression: str) -> Path:
    """A TIFF of two strips, whose bytes Pillow's libtiff compressed: tifffile has no LZW here."""
    height, width, bands = pixels.shape
    if predictor == 2:
        pixels = np.diff(pixels, axis=1, prepend=pixels.dtype.type(0))
    raw = pixels.reshape(height, -1).view(np.uint8)
    Image.fromarray(raw).save(path, "TIFF", compression=compression, tiffinfo={278: height // 2})
    with tifffile.TiffFile(path) as file:
        page, whole = file.pages[0], path.read_bytes()
        (first, second), (one, two), code = page.dataoffsets, page.databytecounts, int(page.compression)
    strips = [whole[first : first + one], whole[second : second + two]]
    tags = {256: width, 257: height, 258: 16, 259: code, 262: 1, 273: 0, 277: bands, 278: height // 2, 279: 0}
    tags |= {317: predictor}
    lists = 8 + 2 + 12 * len(tags) + 4
    start = lists + 16
    entries = {**{tag: (1, value) for tag, value in tags.items()}, 273: (2, lists), 279: (2, lists + 8)}
    data = b"II*\0" + struct.pack("<IH", 8, len(tags))
    data += b"".join(struct.pack("<HHII", tag, 4, count, value) for tag, (count, value) in entries.items())
    data += bytes(4) + struct.pack("<IIII", start, start + one, one, two) + b"".join(strips)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("bands", [2, 4, 5])
@pytest.mark.parametrize("layout", ["contig", "separate", "tiles", "zlib"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_of_any_number_of_bands(tmp_path: Path, bands: int, layout: str, dtype: type):
    pixels = BANDS[..., :bands].astype(dtype)
    options = {
        "contig": {"rowsperstrip": 7},
        "separate": {"rowsperstrip": 7},
        "tiles": {"tile": (16, 16)},
        "zlib": {"compression": "zlib", "predictor": True, "rowsperstrip": 7, "byteorder": ">"},
    }[layout]
    separate = layout == "separate"
    path = tiff(tmp_path / "a.tif", planes(pixels) if separate else pixels, photometric="minisblack",
                planarconfig="separate" if separate else "contig", **options)  # fmt: skip
    assert np.array_equal(read(path, bands), planes(pixels))
    assert np.array_equal(read(path, 1)[0], pixels[..., 0])
    if bands > 2:
        assert np.array_equal(read(path, 3), planes(pixels[..., :3]))
        assert decode(path, Decoding(2)).facts.dropped == bands - 2
    with pytest.raises(BadImage, match=f"has {bands} channels; data.channels=6 needs 6"):
        read(path, 6)


@pytest.mark.parametrize("predictor", [1, 2])
@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "zstd"])
def test_tiff_bands_under_every_compression(tmp_path: Path, predictor: int, compression: str):
    path = coded(tmp_path / "a.tif", BANDS, predictor, compression)
    assert np.array_equal(read(path, 5), planes(BANDS))
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, 8 + 2 + 12 + 8, 21)  # a row more than the two strips have
    path.write_bytes(data)
    with pytest.raises(BadImage, match="damaged: its tags promise 30x21 pixels in 3 strips, and list 2"):
        read(path, 5)
    struct.pack_into("<I", data, 8 + 2 + 12 * 7 + 8, 11)  # rows of a strip, so that two of them are enough
    path.write_bytes(data)
    with pytest.raises(BadImage, match="cannot be decoded"):
        read(path, 5)


def test_float_tiff_with_its_predictor(tmp_path: Path):
    pixels = np.random.default_rng(0).random((20, 30, 2), np.float32)
    for options in ({}, {"compression": "zlib"}, {"byteorder": ">"}):
        path = tiff(tmp_path / "a.tif", pixels, photometric="minisblack", planarconfig="contig", **options)
        assert np.array_equal(read(path, 2), planes(np.rint(pixels * 65535).astype(np.uint16)))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tag_338_says_what_an_extra_sample_is(tmp_path: Path, dtype: type):
    white = np.iinfo(dtype).max
    pixels = BANDS[..., :4].astype(dtype)
    pixels[0, 0] = (white, 0, 0, 0)
    color, alpha = pixels[..., :3].astype(float), pixels[..., 3:].astype(float) / white
    band = decode(tiff(tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=["unspecified"]), Decoding(3))
    assert np.array_equal(band.pixels, planes(pixels[..., :3]))
    assert (band.facts.dropped, band.facts.transparent) == (1, False)
    clear = decode(tiff(tmp_path / "b.tif", pixels, photometric="rgb", extrasamples=["unassalpha"]), Decoding(3))
    assert np.abs(clear.pixels - planes(color * alpha + white * (1 - alpha))).max() <= 0.5 + 1e-9
    assert (clear.facts.dropped, clear.facts.transparent) == (0, True)
    pixels[..., :3] = np.rint(color * alpha)
    multiplied = read(tiff(tmp_path / "c.tif", pixels, photometric="rgb", extrasamples=["assocalpha"]), 3)
    assert np.abs(multiplied - planes(color * alpha + white * (1 - alpha))).max() <= 0.5 + 1e-9
    assert np.array_equal(read(tmp_path / "b.tif", 4)[3], pixels[..., 3])  # as bands, transparency is one


def test_white_level_scales_without_loss(tmp_path: Path):
    values = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    found = decode(tiff(tmp_path / "a.tif", values), Decoding(1, white=4095))
    assert np.abs(found.pixels[0] / 65535 - values / 4095).max() <= 0.5 / 65535
    assert len(np.unique(found.pixels)) == 4096
    assert (found.facts.clipped, found.facts.largest) == (0, None)
    assert decode(tmp_path / "a.tif", Decoding(1)).facts.largest == 4095
    beyond = decode(tmp_path / "a.tif", Decoding(1, white=4000))
    assert beyond.facts.clipped == 95
    assert beyond.pixels.max() == 65535
    eight = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(read(eight, 1, white=4095)[0], eight)  # 8 bits are white at 255
    wide = tiff(tmp_path / "b.tif", values.astype(np.int32))
    assert np.array_equal(read(wide, 1, white=4095), found.pixels)
    for white in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match=r"data\.white"):
            Decoding(1, white=white)


FLOATS = np.random.default_rng(1).random((20, 30, 4), np.float32)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16, np.float32, np.float64, ">u2"])
@pytest.mark.parametrize("form", ["npy", "npz", "first", "fortran"])
def test_arrays(tmp_path: Path, dtype: type, form: str):
    kind = np.dtype(dtype).newbyteorder("=")
    pixels = FLOATS.astype(dtype) if kind.kind == "f" else (FLOATS * np.iinfo(kind).max).astype(dtype)
    path = tmp_path / f"a.{form if form == 'npz' else 'npy'}"
    if form == "npz":
        np.savez_compressed(path, image=pixels)
    else:
        laid = {"npy": pixels, "first": np.ascontiguousarray(planes(pixels)), "fortran": np.asfortranarray(pixels)}
        np.save(path, laid[form])
    exact = np.rint(planes(pixels).astype(np.float64) * 65535) if kind.kind == "f" else planes(pixels)
    found = decode(path, Decoding(4))
    assert np.abs(found.pixels.astype(float) - exact).max() <= (1 if kind.kind == "f" else 0)  # a tie in float32
    assert found.facts.rounded == (kind.kind == "f")
    assert np.array_equal(read(path, 3), found.pixels[:3])
    np.save(tmp_path / "gray.npy", pixels[..., 0])
    assert np.array_equal(read(tmp_path / "gray.npy", 1)[0], found.pixels[0])


@pytest.mark.parametrize(
    ("array", "channels", "reason"),
    [
        (np.zeros((8, 8, 8), np.uint8), 8, "first and the last axis"),
        (np.zeros((9, 9, 9), np.uint8), 3, "first and the last axis"),
        (np.zeros((20, 64, 64), np.uint8), 1, "first and the last axis"),
        (np.zeros((2, 8, 8, 3), np.uint8), 3, "expected one image"),
        (np.full((8, 8), 1.5, np.float32), 1, r"from 1.5 to 1.5; expected 0 to 1"),
        (np.full((8, 8), np.nan, np.float32), 1, "NaN or infinite"),
        (np.zeros((8, 8), np.complex64), 1, "complex64 samples"),
        (np.zeros((8, 8), np.int64), 1, "int64 samples, whose white level is not known"),
        (np.array([[{}] * 8] * 8), 1, "pickled objects are never read"),
    ],
)
def test_arrays_that_are_refused(tmp_path: Path, array: np.ndarray, channels: int, reason: str):
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(BadImage, match=reason) as caught:
        read(tmp_path / "a.npy", channels)
    assert caught.value.name == str(tmp_path / "a.npy")


def test_bands_are_the_axis_that_is_asked_for(tmp_path: Path):
    cube = np.random.default_rng(0).integers(0, 256, (24, 20, 200)).astype(np.uint8)  # hyperspectral
    np.save(tmp_path / "a.npy", cube)
    assert np.array_equal(read(tmp_path / "a.npy", 200), planes(cube))
    np.save(tmp_path / "a.npy", planes(cube))
    assert np.array_equal(read(tmp_path / "a.npy", 200), planes(cube))
    np.savez(tmp_path / "two.npz", a=cube, b=cube)
    with pytest.raises(BadImage, match=r"an archive of 2 arrays \(a, b\)"):
        read(tmp_path / "two.npz", 200)


def test_resized_bands_are_resized_alike(tmp_path: Path):
    np.save(tmp_path / "a.npy", BANDS.astype(np.uint8))
    np.save(tmp_path / "b.npy", BANDS)
    for name, dtype in (("a.npy", np.uint8), ("b.npy", np.uint16)):
        found = read(tmp_path / name, 5, (13, 17), "stretch")
        assert found.dtype == dtype
        for band in range(5):
            one = read(np.ascontiguousarray(BANDS[..., band].astype(dtype)), 1, (13, 17), "stretch")
            assert np.array_equal(found[band], one[0])
