"""Files whose header promises more than their data hold, and files damaged anywhere: pixels or BadImage, never more."""

import io
import logging
import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from restorelab.data import decode as decode_module
from restorelab.data import memory
from restorelab.data.cache import prepare
from restorelab.data.decode import BadImage, Decoding, decode, pages
from restorelab.data.decode_memory import Gate
from restorelab.data.header import size_of
from restorelab.data.sources.folder import Folder
from restorelab.errors import ConfigError, DataError

Y, X = np.mgrid[0:80, 0:64]
GRAY = ((np.sin(X / 7) + np.cos(Y / 5) + 2) / 4 * 200 + 20).astype(np.uint8)
COLOR = np.stack([GRAY, 255 - GRAY, GRAY // 2 + 9], axis=-1)


def by_pillow(pixels: np.ndarray, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def by_numpy(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, pixels)
    return stream.getvalue()


def by_tifffile(pixels: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **options)
    return stream.getvalue()


def interlaced(pixels: np.ndarray) -> bytes:
    """A gray PNG of Adam7's seven passes, unfiltered."""
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    rows = [b"\0" + row.tobytes() for y, x, down, right in passes for row in pixels[y::down, x::right]]
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 0, 0, 0, 1)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


FILES = {
    "jpeg": by_pillow(COLOR, "JPEG"),
    "jpeg progressive": by_pillow(COLOR, "JPEG", progressive=True),
    "jpeg gray": by_pillow(GRAY, "JPEG"),
    "png": by_pillow(COLOR, "PNG"),
    "png 16": by_pillow(GRAY.astype(np.uint16) * 200, "PNG"),
    "png interlaced": interlaced(GRAY),
    "gif": by_pillow(GRAY, "GIF"),
    "bmp": by_pillow(COLOR, "BMP"),
    "pgm": by_pillow(GRAY, "PPM"),
    "npy": by_numpy(COLOR),
    "tif": by_tifffile(GRAY),
    "tif strips": by_tifffile(COLOR, photometric="rgb", rowsperstrip=8),
    "tif zlib": by_tifffile(GRAY.astype(np.uint16) * 200, compression="zlib"),
    "tif tiles": by_tifffile(COLOR, photometric="rgb", tile=(16, 16)),
    "tif lzw": by_pillow(COLOR, "TIFF", compression="tiff_lzw"),
    "tif jpeg": by_pillow(COLOR, "TIFF", compression="jpeg"),
    "tif palette": by_pillow(np.asarray(Image.fromarray(COLOR).convert("P")), "TIFF"),
    "webp": by_pillow(COLOR, "WEBP"),
}


def taller(kind: str, rows: int) -> bytes:
    """The file with a header that says so many rows, and every checksum right."""
    data = bytearray(FILES[kind])
    if kind.startswith("jpeg"):
        frame = data.index(b"\xff\xc2" if "progressive" in kind else b"\xff\xc0")
        struct.pack_into(">H", data, frame + 5, rows)
    elif kind.startswith("png"):
        struct.pack_into(">I", data, 20, rows)
        struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
    elif kind == "gif":
        frame = data.index(b",\0\0\0\0")
        struct.pack_into("<H", data, 8, rows)
        struct.pack_into("<H", data, frame + 7, rows)
    elif kind == "bmp":
        struct.pack_into("<i", data, 22, rows)
    elif kind == "pgm":
        return bytes(data).replace(b"64 80", b"64 %d" % rows)
    elif kind == "npy":
        return bytes(data).replace(b"(80, 64, 3), }" + b" " * 4, b"(%5d, 64, 3), }" % rows + b" ", 1)
    elif kind.startswith("tif"):
        with tifffile.TiffFile(io.BytesIO(FILES[kind])) as file:
            tag = file.pages[0].tags[257]
        struct.pack_into("<I" if tag.dtype == 4 else "<H", data, tag.offset + 8, rows)
    else:
        frame = data.index(b"\x9d\x01\x2a")
        struct.pack_into("<H", data, frame + 5, rows)
    return bytes(data)


@pytest.mark.parametrize("rows", [96, 112, 60_000])
@pytest.mark.parametrize("kind", FILES)
def test_a_size_that_the_data_cannot_fill_is_damage(tmp_path: Path, kind: str, rows: int):
    rows = min(rows, 16383) if kind == "webp" else rows  # WebP has 14 bits for them
    path = tmp_path / "a"
    path.write_bytes(FILES[kind])
    assert decode(path, Decoding(3)).facts.warnings == []
    path.write_bytes(taller(kind, rows))
    before = memory.available()
    with pytest.raises(BadImage) as caught:
        decode(path, Decoding(3))
    assert caught.value.name == str(path)
    assert before - memory.available() < 1 << 30


def test_black_and_gray_images_are_whole(tmp_path: Path):
    """The rows that Pillow and libjpeg leave where data end look like these."""
    for value in (0, 1, 128):
        for kind in ("PNG", "GIF", "BMP", "JPEG", "PPM"):
            flat = np.full((80, 64), value, np.uint8)
            (tmp_path / "a").write_bytes(by_pillow(flat, kind))
            found = decode(tmp_path / "a", Decoding(1))
            assert np.array_equal(found.pixels[0], flat)
            assert found.facts.warnings == []


def test_the_issue_of_a_tiff_with_rows_behind_its_data(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """80 rows, a header that says 65,616, and other data behind them: a damaged file, by name."""
    (tmp_path / "images").mkdir()
    for i in range(3):
        Image.fromarray(GRAY).save(tmp_path / "images" / f"{i}.png")
    (tmp_path / "images" / "a.tif").write_bytes(taller("tif strips", 65_616) + bytes(1 << 22))
    table = prepare(Folder(tmp_path / "images"), Decoding(1), cache_dir=tmp_path / "c")
    assert [name for name, _ in table.bad] == ["a.tif"]
    assert "damaged: its tags promise 64x65616 pixels in 8,202 strips, and list 10" in caplog.text


def test_files_that_warn_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    folder = tmp_path / "images"
    folder.mkdir()
    whole = by_pillow(np.tile(COLOR, (3, 3, 1)), "JPEG", subsampling=0)
    (folder / "cut.jpg").write_bytes(whole[:-14] + whole[-2:])  # some blocks of the last row, not all of it
    exif = b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 9, 0x0112, 3, 1, 1, 0, 0) + b"\xff\x01\x69"
    (folder / "tags.jpg").write_bytes(by_pillow(COLOR, "JPEG", exif=exif))
    (folder / "whole.jpg").write_bytes(whole)
    strips = bytearray(FILES["tif strips"])
    with tifffile.TiffFile(io.BytesIO(bytes(strips))) as file:
        tag = file.pages[0].tags[305]
    strips[tag.offset + 2 : tag.offset + 4] = b"\x63\0"  # a kind of tag that there is not
    (folder / "tag.tif").write_bytes(bytes(strips))
    table = prepare(Folder(folder), Decoding(1), cache_dir=tmp_path / "c")
    assert (len(table), table.bad) == (4, [])
    assert table.warned == 3
    assert "4 images, 3 of them with decoder warnings" in caplog.text
    assert "3 images (such as cut.jpg) cause warnings of the decoder" in caplog.text


def test_any_damage_ends_as_pixels_or_as_a_bad_image(tmp_path: Path):
    """Some hundred files: cut off, bits flipped, bytes of the header replaced."""
    generator = np.random.default_rng(0)
    path, outcomes = tmp_path / "a", {"pixels": 0, "bad": 0}
    for data in FILES.values():
        for number in range(12):
            damaged = bytearray(data)
            if number % 3 == 0:
                damaged = damaged[: generator.integers(1, len(data))]
            elif number % 3 == 1:
                damaged[generator.integers(0, len(data))] ^= 1 << int(generator.integers(0, 8))
            else:
                damaged[generator.integers(0, min(len(data), 200))] = generator.integers(0, 256)
            path.write_bytes(bytes(damaged))
            try:
                shape = decode(path, Decoding(3)).pixels.shape
            except BadImage as error:
                shape, name = None, error.name
            assert name == str(path) if shape is None else shape[0] == 3
            outcomes["bad" if shape is None else "pixels"] += 1
            pages(path, 3)
            size_of(path)
    assert min(outcomes.values()) > 30


@pytest.mark.parametrize("kind", ["jpeg", "png", "tif", "bmp", "webp", "gif", "npy"])
def test_large_images_are_bounded_by_a_key_and_never_by_pillow(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    path = tmp_path / "a"
    path.write_bytes(FILES[kind])
    assert decode(path, Decoding(1)).pixels.shape == (1, 80, 64)
    assert Image.MAX_IMAGE_PIXELS == 100
    assert size_of(path) == (80, 64)
    with pytest.raises(BadImage, match=r"64x80 pixels, more than 0\.005 megapixels \(data\.max_megapixels\)"):
        decode(path, Decoding(1, max_megapixels=0.005))
    monkeypatch.setattr(memory, "available", lambda: 20_000)
    monkeypatch.setattr("restorelab.data.decode_memory.SMALL", 0)
    with pytest.raises(DataError, match=r"decoding it takes about 0\.0 GB of memory") as caught:
        decode(path, Decoding(1))
    assert not isinstance(caught.value, BadImage)  # the machine's fault: it must not be left out for good
    with pytest.raises(ConfigError, match=r"data\.max_megapixels"):
        Decoding(1, max_megapixels=0)


def test_the_gate_bounds_what_is_in_flight_and_lets_the_oldest_pass():
    gate, order = Gate(100), []
    gate.take(1, 90)

    def other(task: int, size: int) -> None:
        gate.take(task, size)
        order.append(task)

    threads = [threading.Thread(target=other, args=given) for given in ((2, 20), (0, 500))]
    threads[0].start()
    threads[0].join(0.05)
    assert order == []  # 90 + 20 > 100
    threads[1].start()
    threads[1].join(5)
    assert order == [0]  # the oldest passes whatever it takes
    gate.done(0)
    gate.done(1)
    threads[0].join(5)
    assert order == [0, 2]


def test_a_build_in_threads_keeps_to_its_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Twelve images under a gate that holds one: all are decoded, one after another, in their order."""
    for i in range(12):
        Image.fromarray(np.roll(COLOR, i)).save(tmp_path / f"{i:02d}.png")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(4))
    monkeypatch.setattr("restorelab.data.decode_memory.SHARE", 1e-9)
    inside, most, lock = [0], [0], threading.Lock()
    load = decode_module.Raster.load

    def counted(self: decode_module.Raster, number: int) -> object:
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        try:
            return load(self, number)
        finally:
            with lock:
                inside[0] -= 1

    monkeypatch.setattr(decode_module.Raster, "load", counted)
    table = prepare(Folder(tmp_path), Decoding(3), cache_dir=tmp_path / "c")
    assert table.ids == [f"{i:02d}.png" for i in range(12)]
    assert most[0] == 1
