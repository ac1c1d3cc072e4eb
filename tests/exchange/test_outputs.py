"""Reading what a method wrote: every form, and every way in which it is not an image of the set."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from restorelab.data.pixels import Refused
from restorelab.exchange import outputs

GRAY, COLOUR = (1, 12, 16), (3, 12, 16)
VALUES = np.random.default_rng(0).random((12, 16, 3))
BYTES, WORDS = (VALUES * 255).astype(np.uint8), (VALUES * 65535).astype(np.uint16)


@pytest.mark.parametrize("shape", [GRAY, COLOUR], ids=["gray", "colour"])
@pytest.mark.parametrize("ending", [".npy", ".png", ".tif"])
@pytest.mark.parametrize(("stored", "white"), [(BYTES, 255), (WORDS, 65535)], ids=["8", "16"])
def test_whole_numbers(tmp_path: Path, shape: outputs.Shape, ending: str, stored: np.ndarray, white: int):
    array = stored if shape == COLOUR else stored[..., 0]
    file = tmp_path / f"a{ending}"
    if ending == ".npy":
        np.save(file, array)
    elif ending == ".tif":
        tifffile.imwrite(file, array, photometric="rgb" if shape == COLOUR else "minisblack")
    elif white == 255 or shape == GRAY:
        Image.fromarray(array).save(file)
    else:
        from kornia_rs import io

        io.write_image_png_u16(str(file), array, "rgb")
    found = outputs.read(file, shape)
    wanted = array[None] if shape == GRAY else array.transpose(2, 0, 1)
    assert found.image.dtype == torch.float32
    np.testing.assert_allclose(found.image.numpy(), wanted / white, atol=1e-7)
    assert not found.collapsed
    assert str(8 if white == 255 else 16) in found.form


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("ending", [".npy", ".tif"])
def test_floats_are_not_rounded(tmp_path: Path, kind: type, ending: str):
    array = (VALUES * 1.4 - 0.2).astype(kind)
    file = tmp_path / f"a{ending}"
    if ending == ".npy":
        np.save(file, array)
    else:
        tifffile.imwrite(file, array, photometric="rgb")
    found = outputs.read(file, COLOUR)
    np.testing.assert_array_equal(found.image.numpy(), array.transpose(2, 0, 1).astype(np.float32))
    assert found.form == f"{ending[1:]} {np.dtype(kind)}"


def test_every_layout_of_an_array(tmp_path: Path):
    chw = VALUES.transpose(2, 0, 1).astype(np.float32)
    for array, shape in [
        (chw, COLOUR), (chw[None], COLOUR), (VALUES.astype(np.float32)[None], COLOUR),
        (chw[:1], GRAY), (chw[0], GRAY), (chw[0][..., None], GRAY), (chw[:1][None], GRAY),
    ]:  # fmt: skip
        np.save(tmp_path / "a.npy", array)
        np.testing.assert_array_equal(outputs.read(tmp_path / "a.npy", shape).image.numpy(), chw[: shape[0]])


def test_gray_saved_as_rgb_is_taken_where_nothing_is_lost(tmp_path: Path):
    for file, save in {
        "a.png": lambda path, array: Image.fromarray(array).save(path),
        "a.tif": lambda path, array: tifffile.imwrite(path, array, photometric="rgb"),
        "a.npy": np.save,
    }.items():
        save(tmp_path / file, np.repeat(BYTES[..., :1], 3, axis=2))
        found = outputs.read(tmp_path / file, GRAY)
        assert found.collapsed
        np.testing.assert_allclose(found.image.numpy()[0], BYTES[..., 0] / 255, atol=1e-7)
        save(tmp_path / file, BYTES)
        with pytest.raises(Refused, match="RGB with unequal channels; expected gray"):
            outputs.read(tmp_path / file, GRAY)
        save(tmp_path / file, BYTES[..., 0]) if file != "a.tif" else tifffile.imwrite(tmp_path / file, BYTES[..., 0])
        with pytest.raises(Refused, match="is gray; expected RGB"):
            outputs.read(tmp_path / file, COLOUR)


def test_what_is_no_output(tmp_path: Path):
    nan = VALUES.copy()
    nan[0, 0, 0], nan[1, 1, 1] = np.nan, np.inf
    for array, words in [
        (nan, "2 values that are NaN or infinite"),
        (VALUES * 255, "goes up to 25.*divide"),
        (VALUES[:, ::-1].transpose(1, 0, 2), r"is 16x12, not 12x16 \(height x width\)"),
        (VALUES[:6, :8], "is 6x8, not 12x16"),
        (np.zeros((12, 16, 2)), r"array of \(12, 16, 2\)"),
        (np.zeros(5), r"array of \(5,\)"),
        (BYTES.astype(np.int64), "holds int64"),
        (np.array([{}], dtype=object), "cannot be read"),
    ]:
        np.save(tmp_path / "a.npy", array)
        with pytest.raises(Refused, match=words):
            outputs.read(tmp_path / "a.npy", COLOUR)
    for name in ("a.npy", "a.png", "a.tif"):
        for content in (b"not an image", b""):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(Refused, match=r"cannot be read|not an image|not a PNG|empty"):
                outputs.read(tmp_path / name, COLOUR)


def test_what_would_be_measured_as_another_image_is_refused(tmp_path: Path):
    """A JPEG under the name of a PNG, an image that lets the background through, an archive of several arrays."""
    Image.fromarray(BYTES).save(tmp_path / "a.png", "JPEG")
    with pytest.raises(Refused, match="not a PNG"):
        outputs.read(tmp_path / "a.png", COLOUR)
    for alpha, refused in ((255, False), (254, True)):
        image = Image.fromarray(BYTES).convert("RGBA")
        image.putalpha(alpha)
        image.save(tmp_path / "a.png")
        if refused:
            with pytest.raises(Refused, match="has transparent pixels"):
                outputs.read(tmp_path / "a.png", COLOUR)
        else:
            read = outputs.read(tmp_path / "a.png", COLOUR).image.numpy()
            np.testing.assert_allclose(read, BYTES.transpose(2, 0, 1) / 255, atol=1e-7)
    np.savez(tmp_path / "a", image=VALUES)
    with pytest.raises(Refused, match="is an archive of arrays"):
        outputs.read((tmp_path / "a.npz").rename(tmp_path / "a.npy"), COLOUR)


@pytest.mark.parametrize("name", ["a", "a.png", "a.JPG"])
@pytest.mark.parametrize("file", ["a.png", "a.npy", "a.PNG", "A.tif", "a.TIFF"])
def test_the_file_of_an_image_is_found_by_its_name(tmp_path: Path, name: str, file: str):
    """Sets that were exported before have `119082.png` for a name, and a method writes 119082.png for it."""
    (tmp_path / file).touch()
    assert outputs.find(outputs.present(tmp_path), name) == tmp_path / file


def test_a_name_with_an_ending_of_its_own_is_found_first(tmp_path: Path):
    for file in ("a.png", "a.png.npy"):
        (tmp_path / file).touch()
    assert outputs.find(outputs.present(tmp_path), "a.png") == tmp_path / "a.png.npy"


def test_one_file_an_image(tmp_path: Path):
    with pytest.raises(Refused, match="missing"):
        outputs.find(outputs.present(tmp_path), "a")
    (tmp_path / "a.png").touch()
    (tmp_path / "a.npy").touch()
    with pytest.raises(Refused, match=r"as \.npy and \.png"):
        outputs.find(outputs.present(tmp_path), "a")
    (tmp_path / "b.jpg").touch()
    with pytest.raises(Refused, match=r"is there as b\.jpg; expected one of"):
        outputs.find(outputs.present(tmp_path), "b")
    (tmp_path / "image_0001_out.png").touch()
    with pytest.raises(Refused, match=r"is missing.*the folder has image_0001_out\.png"):
        outputs.find(outputs.present(tmp_path), "image_0001")
