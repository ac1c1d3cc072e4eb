"""What goes in comes out: read and written back, a file keeps its samples and what is around them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import photographs
import pytest
import tifffile
from PIL import Image

from restorelab.data.decode import BadImage
from restorelab.errors import DataError
from restorelab.restoring import exif, fitting, transparency
from restorelab.restoring.read_photograph import header, read
from restorelab.restoring.write_photograph import write

KEPT = photographs.kept()
LOST = photographs.lost()


def _copied(name: str, folder: Path) -> tuple[Path, Path]:
    source, target = folder / name, folder / f"copy_{name}"
    photographs.write(folder, {name: KEPT[name]})
    write(read(source), target, 100)
    return source, target


def _samples(file: Path) -> np.ndarray:
    """The samples as another library reads them."""
    if file.suffix in (".tif", ".tiff") and "color.tif" not in file.name:  # compressed by LZW, which it does not read
        return tifffile.imread(file)
    if "16" in file.name and "gray16" not in file.name:  # Pillow reduces these to 8 bits
        photograph = read(file)
        assert photograph.depth == 16
        return np.dstack([photograph.pixels, *([] if photograph.alpha is None else [photograph.alpha])])
    return np.asarray(Image.open(file))


@pytest.mark.parametrize("name", KEPT)
def test_samples_come_out_as_they_went_in(name: str, tmp_path: Path) -> None:
    source, target = _copied(name, tmp_path)
    before, after = _samples(source), _samples(target)
    assert before.dtype == after.dtype
    assert before.shape == after.shape
    if name in ("color.jpg", "gray.jpg", "color.webp"):  # compressed with loss
        assert np.abs(before.astype(int) - after).mean() < (3 if name == "color.webp" else 0.5)
    else:
        assert np.array_equal(before, after)
    assert read(source).format == read(target).format
    if name.endswith(("jpg", "png", "webp", "bmp", "ppm", "pgm")):
        assert Image.open(source).mode == Image.open(target).mode
    assert not list(tmp_path.glob(".*"))  # no temporary file


def test_16_bit_png_files_are_read_by_another_decoder(tmp_path: Path) -> None:
    from kornia_rs import io as kornia_io

    _, target = _copied("color16.png", tmp_path)
    expected = photographs.pixels(3, np.uint16)
    decoded = kornia_io.decode_image_png_u16(target.read_bytes(), expected.shape[:2], "rgb")
    assert np.array_equal(decoded, expected)
    Image.open(target).load()  # checks every checksum


@pytest.mark.parametrize("name", ["color.jpg", "color.png", "color.webp", "color.tif", "color16.tiff"])
def test_the_profile_and_the_resolution_stay(name: str, tmp_path: Path) -> None:
    source, target = _copied(name, tmp_path)
    before, after = Image.open(source).info, Image.open(target).info
    assert after["icc_profile"] == before["icc_profile"] == photographs.ICC
    if not name.endswith("webp"):
        assert after["dpi"] == pytest.approx((300, 300), abs=0.01)


@pytest.mark.parametrize("name", ["color.jpg", "color.png", "color.webp"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_exif_stays_and_the_orientation_is_applied(name: str, orientation: int, tmp_path: Path) -> None:
    photographs.write(tmp_path, {name: KEPT[name]})
    image = Image.open(tmp_path / name)
    options = {"exif": photographs.exif(orientation), "quality": 100, "lossless": True}
    image.save(tmp_path / name, **{key: value for key, value in options.items() if key == "exif" or "png" not in name})
    write(read(tmp_path / name), tmp_path / f"copy_{name}", 100)
    before, after = Image.open(tmp_path / name), Image.open(tmp_path / f"copy_{name}")
    assert after.size == ((36, 50) if orientation in (6, 8) else (50, 36))
    turned = np.rot90(np.asarray(before), {1: 0, 3: 2, 6: 3, 8: 1}[orientation])
    assert np.abs(turned.astype(int) - np.asarray(after)).mean() < 3
    old, new = before.getexif(), after.getexif()
    assert new[0x0112] == 1
    assert {tag: new[tag] for tag in (0x010F, 0x0132)} == {tag: old[tag] for tag in (0x010F, 0x0132)}
    assert dict(new.get_ifd(0x8825)) == dict(old.get_ifd(0x8825))
    sub = dict(old.get_ifd(0x8769)) | {0xA002: after.width, 0xA003: after.height}
    assert dict(new.get_ifd(0x8769)) == sub


def test_exif_goes_into_tiff_and_back(tmp_path: Path) -> None:
    photographs.write(tmp_path, {"color.jpg": KEPT["color.jpg"]})
    photograph = read(tmp_path / "color.jpg")
    write(fitting.fitted(photograph, "tiff", None)[0], tmp_path / "a.tif", 95)
    write(fitting.fitted(read(tmp_path / "a.tif"), "jpeg", None)[0], tmp_path / "b.jpg", 95)
    expected = Image.open(tmp_path / "color.jpg").getexif()
    for file in ("a.tif", "b.jpg"):
        found = Image.open(tmp_path / file).getexif()
        assert found[0x010F] == "Maker"
        assert dict(found.get_ifd(0x8769)) == dict(expected.get_ifd(0x8769))
        assert dict(found.get_ifd(0x8825)) == dict(expected.get_ifd(0x8825))


@pytest.mark.parametrize("name", ["color.jpg", "color.png", "color.webp"])
def test_xmp_stays_upright(name: str, tmp_path: Path) -> None:
    _, target = _copied(name, tmp_path)
    image = Image.open(target)
    image.load()
    assert image.info["xmp"].strip() == photographs.XMP.replace(b'Orientation="6"', b'Orientation="1"')


def test_texts_of_a_png_stay(tmp_path: Path) -> None:
    _, target = _copied("color.png", tmp_path)
    assert Image.open(target).text["Title"] == "A title"


@pytest.mark.parametrize("name", LOST)
def test_what_cannot_be_kept_is_said(name: str, tmp_path: Path) -> None:
    data, words = LOST[name]
    photographs.write(tmp_path, {name: data})
    photograph = read(tmp_path / name)
    assert words in "; ".join(photograph.lost)
    with pytest.raises(DataError, match="lossy=true"):
        fitting.check(photograph, None, None, lossy=False)
    fitting.check(photograph, None, None, lossy=True)
    head = header(tmp_path / name)
    assert head is not None
    assert name == "bright.tif" or head.lost == photograph.lost  # the range is known when it is decoded
    write(fitting.fitted(photograph, None, None)[0], tmp_path / "out", 95)


def test_nothing_is_lost_of_the_others(tmp_path: Path) -> None:
    photographs.write(tmp_path, KEPT)
    assert {name: read(tmp_path / name).lost for name in KEPT} == dict.fromkeys(KEPT, ())


def test_premultiplied_colors_stay_so(tmp_path: Path) -> None:
    image = photographs.pixels(4, np.uint16)
    image[..., 3] |= 0x8000
    image[..., :3] = (image[..., :3].astype(float) * image[..., 3:] / 65535).astype(np.uint16)
    photographs.write(tmp_path, {"a.tif": photographs.tiff(image, photometric="rgb", extrasamples=["assocalpha"])})
    write(read(tmp_path / "a.tif"), tmp_path / "b.tif", 95)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert file.pages[0].extrasamples == (1,)
    assert np.abs(tifffile.imread(tmp_path / "b.tif").astype(int) - image).max() <= 1


@pytest.mark.parametrize(("wanted", "depth"), [("png", 16), ("tiff", 32), ("tiff", None), ("webp", None), ("png", 8)])
def test_formats_and_depths_can_be_changed(wanted: str, depth: int | None, tmp_path: Path) -> None:
    photographs.write(tmp_path, {"alpha.png": KEPT["alpha.png"]})
    photograph = read(tmp_path / "alpha.png")
    target = tmp_path / f"b.{wanted}"
    changed, notes = fitting.fitted(replace(photograph, lossless=True), wanted, depth)
    write(changed, target, 95)
    back = read(target)
    assert (back.format, back.depth, notes) == (wanted, depth or 8, ())
    eight = fitting.fitted(back, "png", 8)[0]
    assert np.array_equal(eight.pixels, photograph.pixels)
    assert np.array_equal(eight.alpha, photograph.alpha)


def test_a_format_without_transparency_says_so(tmp_path: Path) -> None:
    photographs.write(tmp_path, {"alpha.png": KEPT["alpha.png"]})
    changed, notes = fitting.fitted(read(tmp_path / "alpha.png"), "jpeg", None)
    assert notes == ("transparent parts are white now",)
    assert (changed.pixels[:12] == 255).all()
    with pytest.raises(DataError, match="jpeg holds 8 bits"):
        fitting.fitted(read(tmp_path / "alpha.png"), "jpeg", 16)


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    photographs.write(tmp_path, {"color.jpg": KEPT["color.jpg"]})
    photograph = read(tmp_path / "color.jpg")
    wide = replace(photograph, pixels=np.zeros((1, 70_000, 3), np.uint8))
    with pytest.raises(DataError, match="70000x1 pixels; jpeg holds up to 65535"):
        write(wide, tmp_path / "wide.jpg", 95)
    with pytest.raises(DataError, match="cannot be written"):
        write(photograph, tmp_path / "no" / "folder.jpg", 95)
    assert [file.name for file in tmp_path.iterdir()] == ["color.jpg"]


def test_no_pixels_are_an_error_that_names_the_file(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", photographs.pixels(3))
    with pytest.raises(BadImage, match=r"a\.npy: a NumPy array.*restorelab\.restore"):
        read(tmp_path / "a.npy")


def test_broken_exif_blocks_do_no_harm() -> None:
    block = exif.stripped(photographs.exif(6))
    generator = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(block[: generator.integers(4, len(block) + 1)])
        for place in generator.integers(4, len(damaged) + 1, 4):
            damaged[min(place, len(damaged) - 1)] = generator.integers(256)
        exif.upright(bytes(damaged), 10, 10)
        exif.read(exif.stripped(bytes(damaged)))
    assert len(exif.upright(block, 10, 10)) == len(block)


def test_hidden_colors_come_from_visible_neighbors() -> None:
    image = photographs.pixels(3)
    alpha = np.full(image.shape[:2], 255, np.uint8)
    alpha[10:20, 10:30] = 0
    alpha[0, 0] = 1
    hidden, other = image.copy(), image.copy()
    hidden[alpha == 0] = (255, 0, 255)
    filled = transparency.filled(hidden, alpha)
    assert np.array_equal(filled, transparency.filled(other, alpha))  # what is hidden does not matter
    assert np.array_equal(filled[alpha > 0], image[alpha > 0])
    assert filled[alpha == 0].min() >= image[alpha > 0].min()
    assert filled[alpha == 0].max() <= image[alpha > 0].max()
    assert np.array_equal(transparency.filled(hidden, np.zeros_like(alpha)), hidden)
