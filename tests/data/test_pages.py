"""Files of several pages, frames or pictures; and what a dataset says of how it was decoded."""

import io
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from reading import read

from restorelab.data import decode as decode_module
from restorelab.data.cache import ImageTable, prepare
from restorelab.data.decode import Decoding, decode, pages
from restorelab.data.item import Page
from restorelab.data.sources.folder import Folder
from restorelab.data.sources.pairs import Pairs
from restorelab.errors import DataError

STACK = np.random.default_rng(0).integers(0, 256, (4, 24, 32)).astype(np.uint8)


def stack(path: Path, kind: str) -> Path:
    frames = [Image.fromarray(page) for page in STACK]
    if kind in ("gif", "webp", "png"):
        options = {"lossless": True} if kind == "webp" else {}
        frames[0].save(path, kind, save_all=True, append_images=frames[1:], duration=40, **options)
    elif kind == "planes":  # one page's tags for all of them
        tifffile.imwrite(path, STACK.astype(np.uint16), photometric="minisblack", truncate=True)
    elif kind == "pyramid":  # the stack's pages, and the first one made small
        with tifffile.TiffWriter(path) as file:
            for page in STACK:
                file.write(page, metadata=None)
            file.write(STACK[0, ::2, ::2], subfiletype=1, metadata=None)
    else:
        tifffile.imwrite(path, STACK, photometric="minisblack", ome=kind == "ome", imagej=kind == "imagej")
    return path


@pytest.mark.parametrize("kind", ["tif", "ome", "imagej", "planes", "pyramid", "gif", "webp", "png"])
def test_every_page_of_a_file(tmp_path: Path, kind: str):
    path = stack(tmp_path / "a", kind)
    assert pages(path, 1) == 4
    assert decode(path, Decoding(1)).facts.pages == 4
    for number, page in enumerate(STACK, start=1):
        assert np.abs(read(Page(path, number), 1)[0].astype(int) - page).max() <= (1 if kind == "webp" else 0)
    assert np.array_equal(read(Page(path, 1), 1), read(path, 1))


def test_a_jpeg_is_one_picture(tmp_path: Path):
    """The further pictures of a stereo camera, and the gain maps and thumbnails of phones, are not read."""
    path = tmp_path / "a.jpg"
    frames = [Image.fromarray(np.kron(page, np.ones((2, 2), np.uint8))) for page in STACK]
    frames[0].save(path, "MPO", save_all=True, append_images=frames[1:])
    assert pages(path, 1) == 1
    stream = io.BytesIO()
    frames[0].save(stream, "JPEG")
    with Image.open(stream) as alone:
        assert np.array_equal(read(path, 1)[0], np.asarray(alone))


def get(root: Path, **options: Any) -> ImageTable:
    return prepare(Folder(root / "images"), Decoding(**options), cache_dir=root / "cache")


def test_pages_all_makes_images_of_one_group(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "images").mkdir()
    stack(tmp_path / "images" / "z.tif", "tif")
    Image.fromarray(STACK[0]).save(tmp_path / "images" / "one.png")
    caplog.set_level(logging.INFO)
    table = get(tmp_path)
    assert table.ids == ["one.png", "z.tif"]
    assert "1 image (z.tif) holds several pages or frames, 4 in all: the first of each is used" in caplog.text
    table = get(tmp_path, pages="all")
    assert table.ids == ["one.png", "z.tif#1", "z.tif#2", "z.tif#3", "z.tif#4"]
    assert table.groups == ["one.png", *["z.tif"] * 4]
    assert np.array_equal(table.block((1, 24, 32))[1:, 0], STACK)
    assert table.remarks == []


def test_a_stack_is_read_once_and_not_once_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "images").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (40, 16, 16)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "images" / "z.tif", pixels, photometric="minisblack")
    opened: list[int] = []
    init = decode_module.Tiff.__init__

    def counted(self: decode_module.Tiff, data: bytes) -> None:
        opened.append(len(data))
        init(self, data)

    monkeypatch.setattr(decode_module.Tiff, "__init__", counted)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(4))
    table = get(tmp_path, pages="all")
    assert {name: int(name.split("#")[1]) for name in table.ids} == {f"z.tif#{i}": i for i in range(1, 41)}
    assert all(np.array_equal(table.clean(row)[0], pixels[int(name.split("#")[1]) - 1])
               for row, name in enumerate(table.ids))  # fmt: skip
    assert len(opened) == 2  # to count the pages, and to decode them
    for name in ("blur", "sharp"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "z.tif").write_bytes((tmp_path / "images" / "z.tif").read_bytes())
    opened.clear()
    prepare(Pairs(tmp_path), Decoding(1, pages="all"), cache_dir=tmp_path / "c")
    assert len(opened) == 4


def test_pairs_are_joined_page_by_page(tmp_path: Path):
    for name in ("blur", "sharp"):
        (tmp_path / name).mkdir()
        stack(tmp_path / name / "z.tif", "tif")
    table = prepare(Pairs(tmp_path), Decoding(1, pages="all"), cache_dir=tmp_path / "c")
    assert np.array_equal(table.degraded(2)[0], STACK[2])
    tifffile.imwrite(tmp_path / "blur" / "z.tif", STACK[:3], photometric="minisblack")
    with pytest.raises(DataError, match=r"z\.tif: the clean file has 4 pages and its degraded partner 3"):
        prepare(Pairs(tmp_path), Decoding(1, pages="all"), cache_dir=tmp_path / "c")


def test_a_dataset_says_what_was_done_to_its_files(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    folder = tmp_path / "images"
    folder.mkdir()
    bands = np.random.default_rng(0).integers(0, 4096, (24, 32, 4)).astype(np.uint16)
    tifffile.imwrite(folder / "nir.tif", bands, photometric="rgb", extrasamples=["unspecified"])
    tifffile.imwrite(folder / "clear.tif", bands, photometric="rgb", extrasamples=["unassalpha"])
    np.save(folder / "float.npy", bands / np.float32(4095))
    caplog.set_level(logging.INFO)
    for _ in range(2):  # the entry keeps it for the next run
        said = get(tmp_path, channels=3).remarks
        assert len(said) == 4
    assert "more bands than data.channels=3" in said[0]
    assert "composited over white" in said[1]
    assert "rounded to 16 bits" in said[2]
    assert "the 2 images with 16 bits exceeds 4095. If they hold 12-bit values, set data.white=4095" in said[3]
    assert caplog.text.count("data.white=4095") == 1  # said once, however often a command opens it
    table = get(tmp_path, channels=4, white=2000)
    over = [int((bands > 2000).sum())] * 2
    assert any(f"above data.white=2000, {sum(over):,} in all" in sentence for sentence in table.remarks)
