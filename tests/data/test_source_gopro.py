"""GoPro's tree, with tiny frames and with the real pairs."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.test_download import Server, server
from restorelab.data.cache import prepare
from restorelab.data.decode import Decoding
from restorelab.data.sources import gopro as module
from restorelab.data.sources.gopro import GoPro
from restorelab.data.split import split
from restorelab.errors import DataError

__all__ = ["server"]

SEQUENCES = {"train": {"GOPR0372_07_00": 3, "GOPR0374_11_01": 2, "GOPR0380_11_00": 2}, "test": {"GOPR0384_11_00": 4}}
NAMES = [
    f"{part}/{sequence}/{number:06d}.png"
    for part, sequences in SEQUENCES.items()
    for sequence, count in sequences.items()
    for number in range(47, 47 + count)
]


def shade(name: str, kind: str) -> int:
    return 10 * NAMES.index(name) + ("sharp", "blur", "blur_gamma").index(kind)


def make(root: Path, kinds: tuple[str, ...] = ("sharp", "blur", "blur_gamma")) -> Path:
    for name in NAMES:
        part, sequence, file = name.split("/")
        for kind in kinds:
            path = root / part / sequence / kind / file
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (16, 9), (shade(name, kind),) * 3).save(path)
    return root


@pytest.mark.parametrize("inside", ["", "GOPRO_Large"])
@pytest.mark.parametrize("blur", ["blur", "blur_gamma"])
def test_pairs(tmp_path: Path, inside: str, blur: str):
    make(tmp_path / inside)
    source = GoPro(str(tmp_path), blur=blur)
    assert source.paired
    items = source.items()
    assert [item.id for item in items] == NAMES
    assert [item.split for item in items] == ["train"] * 7 + ["test"] * 4
    assert {item.group for item in items} == {name for sequences in SEQUENCES.values() for name in sequences}
    table = prepare(source, Decoding(1, (8, 8), "stretch"), cache_dir=tmp_path / "c")
    for row, name in enumerate(table.ids):
        assert set(table.clean(row).ravel().tolist()) == {shade(name, "sharp")}
        assert set(table.degraded(row).ravel().tolist()) == {shade(name, blur)}
    rows = split(table, val=2, test=0, seed=0)
    held = {table.groups[row] for row in rows["val"]}
    assert len(held) == 1
    assert held.isdisjoint({table.groups[row] for row in rows["train"]})
    assert len(rows["test"]) == 4


def test_the_sharp_frames_alone_need_no_other(tmp_path: Path):
    make(tmp_path, ("sharp",))
    source = GoPro(tmp_path, pairs=False)
    assert not source.paired
    assert [item.id for item in source.items()] == NAMES
    assert all(item.degraded is None for item in source.items())
    with pytest.raises(DataError, match=r"GOPR0372_07_00 holds no folder blur; it holds sharp.*pairs=false"):
        GoPro(tmp_path).items()


def test_fingerprint_follows_what_is_used(tmp_path: Path):
    make(tmp_path)
    prints = [GoPro(tmp_path).fingerprint(), GoPro(tmp_path, blur="blur_gamma").fingerprint()]
    prints.append(GoPro(tmp_path, pairs=False).fingerprint())
    (tmp_path / NAMES[0].replace("/0", "/blur/0")).unlink()
    prints.append(GoPro(tmp_path).fingerprint())
    assert len({str(told) for told in prints}) == 4
    assert GoPro(tmp_path, pairs=False).fingerprint() == prints[2]


def test_a_frame_without_its_partner(tmp_path: Path):
    make(tmp_path)
    (tmp_path / "test" / "GOPR0384_11_00" / "sharp" / "000048.png").unlink()
    with pytest.raises(DataError, match=r"1 of 7 images have no partner: 000048\.png in .*_00/blur has none"):
        GoPro(tmp_path).items()
    assert len(GoPro(tmp_path, pairs=False).items()) == 10


def test_frames_of_unlike_sizes(tmp_path: Path):
    make(tmp_path)
    Image.new("RGB", (8, 4)).save(tmp_path / "test" / "GOPR0384_11_00" / "blur" / "000048.png")
    with pytest.raises(
        DataError, match=r"1 of 11 pairs differ in size: of test/GOPR0384_11_00/000048\.png.* 8x4 .*16x9"
    ):
        GoPro(tmp_path).items()


def test_missing_says_where_what_and_how(tmp_path: Path):
    for call in (GoPro(tmp_path).items, GoPro(tmp_path).fingerprint):
        with pytest.raises(
            DataError, match=rf"looked for in {tmp_path}, which holds no train and test.*fetch data=gopro"
        ):
            call()
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match=r"which holds no test .*data=pairs"):
        GoPro(tmp_path).items()
    (tmp_path / "test").mkdir()
    with pytest.raises(DataError, match=r"train holds no sequences"):
        GoPro(tmp_path).items()
    with pytest.raises(DataError, match=r"data\.root is not set"):
        GoPro().items()


def test_fetch_unpacks_into_the_root(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch):
    make(tmp_path / "made")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path in sorted((tmp_path / "made").rglob("*.png")):
            archive.write(path, path.relative_to(tmp_path / "made"))
    server.body = stream.getvalue()
    monkeypatch.setattr(module, "URL", server.url.replace("file.bin", "GOPRO_Large.zip"))
    source = GoPro(tmp_path / "data" / "gopro")
    source.fetch()
    assert sorted(path.name for path in (tmp_path / "data" / "gopro").glob("[!.]*")) == ["test", "train"]
    assert [item.id for item in source.items()] == NAMES
    source.fetch()
    assert len(server.asked) == 1
    with pytest.raises(DataError, match="its sha256 is"):
        GoPro(tmp_path / "other", sha256="ab" * 32).fetch()


def test_real_frames(shared: Path, tmp_path: Path):
    """Six real pairs in the original's tree: 1280x720 brought to 256x256 as Pillow does it."""
    pairs = shared / "data" / "gopro_pairs"
    for number in range(6):
        sequence = tmp_path / ("test/GOPR0384_11_00" if number > 3 else "train/GOPR0372_07_00")
        for kind in ("blur", "sharp"):
            (sequence / kind).mkdir(parents=True, exist_ok=True)
            (sequence / kind / f"{number:06d}.png").symlink_to(pairs / kind / f"{number:02d}.png")
    table = prepare(GoPro(tmp_path), Decoding(3, (256, 256), "stretch"), cache_dir=tmp_path / "c")
    assert table.splits == ["train"] * 4 + ["test"] * 2
    row = table.ids.index("test/GOPR0384_11_00/000005.png")
    for kind, pixels in (("blur", table.degraded(row)), ("sharp", table.clean(row))):
        with Image.open(pairs / kind / "05.png") as image:
            assert image.size == (1280, 720)
            expected = image.convert("RGB").resize((256, 256), Image.Resampling.BICUBIC)
        assert np.array_equal(pixels.transpose(1, 2, 0), np.asarray(expected))
