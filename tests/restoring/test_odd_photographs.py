"""Files that other programs write in ways of their own: what they tell is found, wherever it stands."""

import io
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import photographs
import pytest
import tifffile
from PIL import Image

from restorelab.restoring import fitting
from restorelab.restoring.photograph import Photograph
from restorelab.restoring.read_photograph import header, read
from restorelab.restoring.write_photograph import write


def _read(folder: Path, name: str, data: bytes) -> Photograph:
    photographs.write(folder, {name: data})
    return read(folder / name)


def _with_chunk(png: bytes, kind: bytes, content: bytes, *, behind: bool) -> bytes:
    """A PNG with one more chunk, before or behind its pixels."""
    place = png.index(b"IEND" if behind else b"IDAT") - 4
    return png[:place] + photographs.chunk(kind, content) + png[place:]


@pytest.mark.parametrize("depth", [8, 16])
def test_exif_behind_the_pixels_of_a_png_turns_them(depth: int, tmp_path: Path) -> None:
    """ImageMagick and ExifTool write it there."""
    image = photographs.pixels(3, np.uint8 if depth == 8 else np.uint16)
    plain = photographs.encoded(image, "png") if depth == 8 else photographs.png16(image)
    photograph = _read(tmp_path, "a.png", _with_chunk(plain, b"eXIf", photographs.exif(6)[6:], behind=True))
    assert np.array_equal(photograph.pixels, np.rot90(image, 3))
    write(photograph, tmp_path / "b.png", 95)
    assert np.array_equal(read(tmp_path / "b.png").pixels, np.rot90(image, 3))
    written = Image.open(tmp_path / "b.png").getexif()
    assert (written[0x0112], written[0x010F]) == (1, "Maker")


@pytest.mark.parametrize("kind", ["gray", "gray4", "gray16", "color", "color16"])
def test_a_transparent_color_is_kept_as_transparency(kind: str, tmp_path: Path) -> None:
    image = photographs.pixels(1 if "gray" in kind else 3, np.uint16 if "16" in kind else np.uint8)
    if kind == "gray4":
        image = image // 16 * 17
    key = image[7, 9]
    stream = io.BytesIO()
    if kind == "color16":
        stream.write(photographs.png16(image))
    else:
        Image.fromarray(image // 17 if kind == "gray4" else image).save(stream, "png", bits=4 if kind == "gray4" else 8)
    stored = np.atleast_1d(key // 17 if kind == "gray4" else key)
    content = struct.pack(f">{len(stored)}H", *stored.tolist())
    photograph = _read(tmp_path, "a.png", _with_chunk(stream.getvalue(), b"tRNS", content, behind=False))
    expected = image if image.ndim == 3 else image[..., None]
    assert np.array_equal(photograph.pixels, expected)
    assert photograph.alpha is not None
    assert photograph.alpha.dtype == image.dtype
    assert np.array_equal(photograph.alpha == 0, (expected == key).all(axis=2))
    assert set(np.unique(photograph.alpha)) == {0, np.iinfo(image.dtype).max}
    assert photograph.lost == ()


@pytest.mark.parametrize("lossless", [True, False])
def test_webp_stays_lossless_with_a_long_profile(lossless: bool, tmp_path: Path) -> None:
    image = photographs.pixels(3)
    assert len(photographs.ICC) > 100  # it stands before the picture
    data = photographs.encoded(image, "webp", lossless=lossless, icc_profile=photographs.ICC)
    photograph = _read(tmp_path, "a.webp", data)
    write(photograph, tmp_path / "b.webp", 50)
    assert (b"VP8L" in (tmp_path / "b.webp").read_bytes()) == lossless
    assert np.array_equal(read(tmp_path / "b.webp").pixels, photograph.pixels) == lossless


def test_the_transparency_of_a_bmp_is_not_lost_silently(tmp_path: Path) -> None:
    image = photographs.pixels(4)
    raw = np.ascontiguousarray(image[::-1, :, [2, 1, 0, 3]]).tobytes()
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    size = (image.shape[1], image.shape[0])
    head = struct.pack("<IiiHHIIiiII4I", 124, *size, 1, 32, 3, len(raw), 2835, 2835, 0, 0, *masks).ljust(124, b"\0")
    data = b"BM" + struct.pack("<IHHI", 138 + len(raw), 0, 0, 138) + head + raw
    photograph = _read(tmp_path, "a.bmp", data)
    assert photograph.lost == ("the transparency of a BMP (it becomes white)",)
    assert header(tmp_path / "a.bmp").lost == photograph.lost  # type: ignore[union-attr]
    kept, notes = fitting.fitted(photograph, "png", None)
    assert notes == ()
    assert np.array_equal(np.dstack([kept.pixels, kept.alpha]), image)


@pytest.mark.parametrize("big", [True, False])
def test_what_a_large_tiff_tells_is_kept(big: bool, tmp_path: Path) -> None:
    options = {"software": "Scanner", "datetime": "2020:01:02 03:04:05", "description": "A caption"}
    data = photographs.tiff(photographs.pixels(1, np.uint16), bigtiff=big, byteorder=">", resolution=(300, 200),
                            resolutionunit=2, **options)  # fmt: skip
    photograph = _read(tmp_path, "a.tif", data)
    assert photograph.metadata.dpi == (300, 200)
    write(photograph, tmp_path / "b.tif", 95)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        tags = file.pages[0].tags
        assert [tags.valueof(tag) for tag in (305, 306, 270)] == list(options.values())
        assert np.array_equal(file.asarray(), photographs.pixels(1, np.uint16))


@pytest.mark.parametrize("kind", ["jpeg", "tiff"])
def test_the_resolution_is_turned_with_the_picture(kind: str, tmp_path: Path) -> None:
    about = {"exif": photographs.exif(6)} if kind == "jpeg" else {"tiffinfo": {274: 6}}
    photograph = _read(tmp_path, "a", photographs.encoded(photographs.pixels(3), kind, dpi=(200, 100), **about))
    assert photograph.pixels.shape == (50, 36, 3)
    assert photograph.metadata.dpi == (100, 200)


@pytest.mark.parametrize("kind", ["shaped", "imagej", "ome"])
def test_one_image_of_a_stack_is_not_described_as_a_stack(kind: str, tmp_path: Path) -> None:
    stack = np.stack([photographs.pixels(1), photographs.pixels(2)[..., 1]])
    metadata = {"shaped": {"Title": "A title"}, "imagej": {"Info": "A title"}, "ome": {"axes": "ZYX"}}[kind]
    tifffile.imwrite(tmp_path / "a.ome.tif" if kind == "ome" else tmp_path / "a.tif", stack, metadata=metadata,
                     photometric="minisblack", imagej=kind == "imagej")  # fmt: skip
    write(read(next(tmp_path.iterdir())), tmp_path / "b.tif", 95)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert file.series[0].shape == stack.shape[1:]
        assert np.array_equal(file.asarray(), stack[0])
        assert file.pages[0].description == ('{"Title": "A title"}' if kind == "shaped" else "")


def test_a_profile_of_cielab_does_not_stay_with_rgb(tmp_path: Path) -> None:
    lab = Image.fromarray(photographs.pixels(3)).convert("RGB")
    stream = io.BytesIO()
    Image.frombytes("LAB", lab.size, lab.tobytes()).save(stream, "tiff", icc_profile=photographs.ICC)
    photograph = _read(tmp_path, "a.tif", stream.getvalue())
    assert photograph.lost == ("CIELAB (it becomes RGB)",)
    assert photograph.metadata.icc == b""


def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path: Path) -> None:
    file = tmp_path / f"{'ü' * 125}.png"
    write(_read(tmp_path, "a.png", photographs.kept()["gray.png"]), file, 95)
    assert file.is_file()


SRGB = {b"gAMA": (45455,), b"cHRM": (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)}
"""From the specification of PNG."""


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        (SRGB, ""),
        (SRGB | {b"gAMA": (100000,)}, "gAMA"),  # linear light
        (SRGB | {b"cHRM": (31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)}, "cHRM"),  # Adobe RGB
        ({b"cICP": b"\x0c\x0d\0\1"}, "cICP"),  # Display P3
        ({b"cICP": b"\1\x0d\0\1"}, ""),
        ({b"gAMA": (100000,), b"sRGB": b"\0"}, ""),  # which stands above it
    ],
)
def test_colors_that_another_format_would_change_are_told(
    chunks: dict[bytes, object], expected: str, tmp_path: Path
) -> None:
    data = photographs.encoded(photographs.pixels(3), "png")
    for kind, values in chunks.items():
        content = values if isinstance(values, bytes) else struct.pack(f">{len(values)}I", *values)  # type: ignore
        data = _with_chunk(data, kind, content, behind=False)
    photograph = _read(tmp_path, "a.png", data)
    told = (f"without what its colors mean ({expected}), which jpeg does not hold",) if expected else ()
    assert fitting.fitted(photograph, "jpeg", None)[1] == told
    kept, notes = fitting.fitted(photograph, None, None)
    assert notes == ()
    assert dict(kept.metadata.chunks).keys() == chunks.keys()


def test_metadata_that_another_format_does_not_hold_are_told(tmp_path: Path) -> None:
    photograph = _read(tmp_path, "a.jpg", photographs.kept()["color.jpg"])
    assert photograph.metadata.xmp
    for kind in ("bmp", "ppm"):
        changed, notes = fitting.fitted(photograph, kind, None)
        assert notes == (f"without EXIF, XMP, its color profile, which {kind} does not hold",)
        write(changed, tmp_path / f"b.{kind}", 95)
    for kind in ("png", "tiff", "webp", None):
        assert fitting.fitted(photograph, kind, None)[1] == ()


@pytest.mark.parametrize(("size", "told"), [(65_500, ()), (70_000, ("without EXIF, XMP, which jpeg does not hold",))])
def test_long_metadata_do_not_keep_a_photograph_from_becoming_a_jpeg(
    size: int, told: tuple[str, ...], tmp_path: Path
) -> None:
    photograph = _read(tmp_path, "a.png", photographs.kept()["color.png"])
    block, packet = photograph.metadata.exif.ljust(size, b"\0"), photograph.metadata.xmp.ljust(size)
    assert len(photograph.metadata.chunks) == 1  # a title
    long = replace(photograph, metadata=replace(photograph.metadata, exif=block, xmp=packet, chunks=()))
    changed, notes = fitting.fitted(long, "jpeg", None)
    assert notes == told
    write(changed, tmp_path / "b.jpg", 95)
    assert (Image.open(tmp_path / "b.jpg").getexif().get(0x010F) == "Maker") == (not told)
