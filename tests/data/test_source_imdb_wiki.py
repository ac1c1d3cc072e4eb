"""IMDB-WIKI in its own layout: a table that MATLAB would write, and images in a tar or unpacked."""

import io
import logging
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat, savemat

from restorelab.data.cache import prepare
from restorelab.data.decode import Decoding
from restorelab.data.item import Slice
from restorelab.data.sources import imdb_wiki as module
from restorelab.data.sources.imdb_wiki import ImdbWiki
from restorelab.errors import DataError

NAN, NONE = float("nan"), float("-inf")
ROWS = [  # path, name, score, second score
    ("17/1_a.jpg", "Ann  Ärger", 4.3, NAN),
    ("17/2_b.jpg", "ann ärger", 2.0, NAN),
    ("48/3_c.jpg", "Bob", 3.0, 1.9),  # a second face
    ("48/4_d.jpg", "", 3.5, NAN),  # nobody named
    ("48/5_e.jpg", "", 3.6, NAN),
    ("65/6_f.jpg", "Cy", NONE, NAN),  # no face
    ("65/7_g.jpg", "Cy", 0.8, NAN),
    ("65/8_h.jpg", "Dee", 5.0, NAN),  # listed, not there
    ("65/9_i.jpg", "Dee", 5.0, NAN),  # a 1x1 placeholder
]
PASS = ["17/1_a.jpg", "17/2_b.jpg", "48/4_d.jpg", "48/5_e.jpg", "65/9_i.jpg"]


def cells(values: list[str]) -> np.ndarray:
    """A row of MATLAB cells, each a string (loadmat gives them back as arrays of one string, or of none)."""
    row = np.empty((1, len(values)), object)
    for place, value in enumerate(values):
        row[0, place] = np.array([value] if value else [])
    return row


def table(path: Path, part: str, **more: Any) -> bytes:
    record = {
        "full_path": cells([row[0] for row in ROWS]),
        "name": cells([row[1] for row in ROWS]),
        "face_score": np.array([[row[2] for row in ROWS]]),
        "second_face_score": np.array([[row[3] for row in ROWS]]),
        "gender": np.ones((1, len(ROWS))),
        **more,
    }
    savemat(path, {part: record})
    return path.read_bytes()


def jpeg(number: int, size: tuple[int, int] = (40, 30)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, (number * 20, 100, 50)).save(stream, "JPEG")
    return stream.getvalue()


def unpacked(root: Path, part: str = "wiki", **more: Any) -> Path:
    folder = root / f"{part}_crop"
    for number, (name, *_) in enumerate(ROWS):
        if name == "65/8_h.jpg":
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(jpeg(number, (1, 1) if name == "65/9_i.jpg" else (40, 30)))
    table(folder / f"{part}.mat", part, **more)
    return folder


def packed(root: Path, part: str = "wiki", *, inside: bool = True, **more: Any) -> Path:
    folder = unpacked(root / "original", part, **more)
    if not inside:
        shutil.move(folder / f"{part}.mat", root / f"{part}.mat")
    with tarfile.open(root / f"{part}_crop.tar", "w") as archive:
        archive.add(folder, f"{part}_crop")
    shutil.rmtree(root / "original")
    return root / f"{part}_crop.tar"


@pytest.mark.parametrize("layout", ["tar", "tar and mat", "folder", "the folder itself"])
def test_every_layout_gives_the_same(tmp_path: Path, layout: str, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    root = tmp_path
    if layout.startswith("tar"):
        packed(tmp_path, inside=layout == "tar")
    else:
        folder = unpacked(tmp_path)
        root = folder if layout == "the folder itself" else tmp_path
    items = ImdbWiki(root).items()
    assert [item.id for item in items] == [f"wiki/{name}" for name in PASS]
    assert [item.group for item in items] == ["ann ärger", "ann ärger", "wiki/48/4_d.jpg", "wiki/48/5_e.jpg", "dee"]
    assert isinstance(items[0].clean, Slice) == layout.startswith("tar")
    assert "lacks 1 listed images, such as 65/8_h.jpg" in caplog.text
    assert "9 images listed, 6 selected, 5 exist" in caplog.text
    cached = prepare(ImdbWiki(root), Decoding(3, (30, 40)), cache_dir=tmp_path / "c")
    assert [name for name, _ in cached.bad] == ["wiki/65/9_i.jpg"]
    assert "a placeholder" in caplog.text
    numbers = {name: number for number, (name, *_) in enumerate(ROWS)}
    for row, name in enumerate(cached.ids):
        with Image.open(io.BytesIO(jpeg(numbers[name.removeprefix("wiki/")]))) as image:
            assert np.array_equal(cached.clean(row), np.asarray(image).transpose(2, 0, 1))


def test_thresholds(tmp_path: Path):
    unpacked(tmp_path)
    count = lambda **options: len(ImdbWiki(tmp_path, **options).items())  # noqa: E731
    assert count(min_score=None, one_face=False) == 8
    assert count(min_score=None) == 7
    assert count(min_score=NONE) == 6  # -inf is not above -inf: no face
    assert count(min_score=NONE, one_face=False) == 7
    assert count(min_score=2.0) == 4  # above, not at


def test_both_parts_share_persons_and_celebrities_have_numbers(tmp_path: Path):
    packed(tmp_path)
    packed(tmp_path, "imdb", celeb_id=np.arange(len(ROWS))[None] + 100.0)
    items = ImdbWiki(tmp_path, part="both").items()
    assert [item.id for item in items] == [f"{part}/{name}" for part in ("wiki", "imdb") for name in PASS]
    groups = [item.group for item in items]
    assert groups[5:] == ["ann ärger", "ann ärger", "celebrity 103.0", "celebrity 104.0", "dee"]
    assert groups[0] == groups[5]


def test_missing_says_where_what_and_how(tmp_path: Path):
    wanted = rf"looked for in {tmp_path}, which holds neither wiki_crop\.tar nor.*restorelab fetch data=imdb_wiki"
    for call in (ImdbWiki(tmp_path).items, ImdbWiki(tmp_path).fingerprint):
        with pytest.raises(DataError, match=wanted):
            call()
    with pytest.raises(DataError, match=r"data\.root is not set"):
        ImdbWiki().items()
    folder = unpacked(tmp_path)
    (folder / "wiki.mat").unlink()
    with pytest.raises(DataError, match=r"holds no wiki\.mat"):
        ImdbWiki(tmp_path).items()
    shutil.rmtree(folder)
    (folder / "99").mkdir(parents=True)
    table(tmp_path / "wiki.mat", "wiki")
    with pytest.raises(DataError, match=r"none of the 6 images selected from wiki\.mat exists"):
        ImdbWiki(tmp_path).items()


def test_broken_archives_and_tables(tmp_path: Path):
    tar = packed(tmp_path)
    whole = tar.read_bytes()
    tar.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"wiki_crop\.tar: cannot be read as a plain tar"):
        ImdbWiki(tmp_path).items()
    tar.write_bytes(b"<html>not found</html>")
    with pytest.raises(DataError, match="cannot be read as a plain tar"):
        ImdbWiki(tmp_path).items()
    tar.write_bytes(whole)
    good = table(tmp_path / "wiki.mat", "wiki")
    other = table(tmp_path / "wiki.mat", "other")
    for broken in (b"", b"text", good[:1000], other):
        (tmp_path / "wiki.mat").write_bytes(broken)
        with pytest.raises(DataError, match=r"wiki\.mat: is not the table of IMDB-WIKI"):
            ImdbWiki(tmp_path).items()


def test_paths_that_leave_the_folder_are_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        __import__(__name__), "ROWS", [("../x/evil.jpg", "Eve", 4.0, NAN), ("17/1_a.jpg", "Ann", 4.0, NAN)]
    )
    folder = unpacked(tmp_path)
    assert (tmp_path / "x" / "evil.jpg").exists()
    assert [item.id for item in ImdbWiki(folder).items()] == ["wiki/17/1_a.jpg"]


def test_fingerprint_follows_the_content(tmp_path: Path):
    tar = packed(tmp_path)
    first = ImdbWiki(tmp_path).fingerprint()
    assert first == ImdbWiki(tmp_path).fingerprint()
    assert first != ImdbWiki(tmp_path, min_score=2.0).fingerprint()
    with tar.open("ab") as file:
        file.write(bytes(512))
    assert first != ImdbWiki(tmp_path).fingerprint()
    tar.unlink()
    folder = unpacked(tmp_path)
    before = ImdbWiki(tmp_path).fingerprint()
    (folder / "17" / "new.jpg").write_bytes(b"")
    assert before != ImdbWiki(tmp_path).fingerprint()


def test_fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked = []
    monkeypatch.setattr(module, "download", lambda url, target, md5: asked.append((url, target.name, len(md5))))
    ImdbWiki(tmp_path, part="both").fetch()
    assert [name for _, name, _ in asked] == ["wiki_crop.tar", "imdb_crop.tar"]
    assert all(url == module.HOST + name and digits == 32 for url, name, digits in asked)


@pytest.fixture(scope="module")
def real(shared: Path) -> np.ndarray:
    return loadmat(shared / "data" / "imdb_wiki" / "wiki.mat")["wiki"]


def test_the_real_table(shared: Path, real: np.ndarray):
    """Counts by plain NumPy on the real wiki.mat; its images are not at hand."""
    path = shared / "data" / "imdb_wiki" / "wiki.mat"
    found = module._table(path.read_bytes(), "wiki", str(path))
    score, second = real["face_score"][0, 0][0], real["second_face_score"][0, 0][0]
    assert len(found["path"]) == 62_328  # printed on the dataset's page
    assert found["path"][0] == "17/10000217_1981-05-05_2009.jpg"
    assert found["person"][0] == "sami jauhojärvi"
    keep = (found["score"] > 1.0) & np.isnan(found["second"])
    assert keep.sum() == np.count_nonzero(np.isnan(second) & np.where(np.isinf(score), False, score > 1.0)) == 38_923
    assert np.isneginf(found["score"]).sum() == 18_016
    names = [str(cell[0]) if cell.size else "" for cell in real["name"][0, 0][0]]
    assert (found["person"] == "").sum() == names.count("") == 124
    # Folding case and spaces may only merge persons.
    persons = set(found["person"].tolist())
    assert persons == {" ".join(name.casefold().split()) for name in set(names)} | persons
    assert 61_000 < len(persons) <= len(set(names))


def test_the_real_table_with_images_in_a_tar(shared: Path, real: np.ndarray, tmp_path: Path):
    """300 of the listed names, with a real face behind each."""
    path = shared / "data" / "imdb_wiki" / "wiki.mat"
    score, second = real["face_score"][0, 0][0], real["second_face_score"][0, 0][0]
    rows = np.flatnonzero((score > 1.0) & np.isnan(second))[::130][:300]
    names = [str(real["full_path"][0, 0][0][row][0]) for row in rows]
    faces = sorted((shared / "data" / "faces").iterdir())[: len(names)]
    with tarfile.open(tmp_path / "wiki_crop.tar", "w") as archive:
        archive.add(path, "wiki_crop/wiki.mat")
        for name, face in zip(names, faces, strict=True):
            archive.add(face, f"wiki_crop/{name}")
    cached = prepare(ImdbWiki(tmp_path), Decoding(1, (100, 100), "stretch"), limit=200, cache_dir=tmp_path / "c")
    assert len(cached) == 200
    assert cached.block((1, 100, 100)).shape == (200, 1, 100, 100)
    assert {name.removeprefix("wiki/") for name in cached.ids} < set(names)
