"""Published sets: complete or refused, in gray as MATLAB makes it, and large images cut once."""

import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import runs
from restorelab.config import build
from restorelab.data import cache
from restorelab.data.dataset import Dataset
from restorelab.data.decode import Decoding, decode
from restorelab.data.sources.folder import Folder
from restorelab.data.sources.image_set import ImageSet
from restorelab.errors import ConfigError, DataError


def images(folder: Path, count: int, side: int = 16, first: int = 1) -> Path:
    rng = np.random.default_rng(count)
    folder.mkdir(parents=True)
    for number in range(first, first + count):
        Image.fromarray(rng.integers(0, 256, (side, side), np.uint8)).save(folder / f"{number:02d}.png")
    return folder


def test_a_set_with_a_missing_image_is_refused_by_name(tmp_path: Path) -> None:
    root = images(tmp_path / "set12", 12)
    (root / "07.png").unlink()
    with pytest.raises(DataError, match=r"Set12 has 12 images, and .*set12 holds 11 \(missing: 07.png\)"):
        ImageSet(root, images=12, title="Set12", names="{:02d}.png").items()


def test_a_set_with_an_image_too_many_is_refused_by_name(tmp_path: Path) -> None:
    root = images(tmp_path / "set12", 12)
    (root / "mine.png").write_bytes((root / "01.png").read_bytes())
    with pytest.raises(DataError, match=r"holds 13 \(not of the set: mine.png\)"):
        ImageSet(root, images=12, title="Set12", names="{:02d}.png").items()


def test_where_a_missing_set_is_found_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"does not exist\. It is described at https://example\.org"):
        ImageSet(tmp_path / "none", images=3, page="https://example.org").items()


def test_ids_do_not_depend_on_which_folder_the_root_is(tmp_path: Path) -> None:
    inner = images(tmp_path / "div2k" / "DIV2K_valid_HR", 3)
    outside, inside = (ImageSet(root, images={"DIV2K_valid_HR": 3}) for root in (tmp_path / "div2k", inner))
    assert (
        [item.id for item in outside.items()] == [item.id for item in inside.items()] == ["01.png", "02.png", "03.png"]
    )
    assert outside.fingerprint() == inside.fingerprint()


def test_real_pairs_are_counted_and_matched(tmp_path: Path) -> None:
    for kind in ("real", "mean"):
        for number in (1, 2):
            Image.fromarray(np.full((16, 16, 3), 9 * number, np.uint8)).save(tmp_path / f"a{number}_{kind}.png")
    pairs = ImageSet(tmp_path, images=2, degraded_name="*_real.png", clean_name="*_mean.png")
    assert pairs.paired
    assert [(Path(str(i.degraded)).name, Path(str(i.clean)).name) for i in pairs.items()] == [
        ("a1_real.png", "a1_mean.png"),
        ("a2_real.png", "a2_mean.png"),
    ]
    (tmp_path / "a2_real.png").unlink()
    (tmp_path / "a2_mean.png").unlink()
    with pytest.raises(DataError, match=r"has 2 pairs, and .* holds 1"):
        ImageSet(tmp_path, images=2, degraded_name="*_real.png", clean_name="*_mean.png").items()


def test_gray_is_that_of_matlabs_rgb2gray(tmp_path: Path) -> None:
    """MATLAB's documented weights, in exact whole numbers; half of all colors would tell a weight off by 0.004."""
    colors = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(colors).save(tmp_path / "a.png")
    weights = (298936021293775, 587043074451121, 114020904255103)
    total = sum(colors[..., band].astype(object) * weight for band, weight in enumerate(weights))
    expected = (2 * total + 10**15) // (2 * 10**15)
    matlab = decode(tmp_path / "a.png", Decoding(1, gray="matlab")).pixels[0]
    assert (matlab == expected.astype(np.uint8)).all()
    luma = decode(tmp_path / "a.png", Decoding(1)).pixels[0]
    assert np.abs(luma.astype(int) - matlab).max() == 1  # the two differ in rounding only, but they do differ


def test_the_cache_key_of_other_datasets_is_as_before() -> None:
    assert "gray" not in Decoding().options()
    assert Decoding(gray="matlab").options()["gray"] == "matlab"


def test_sub_images_cover_an_image_and_hold_its_pixels(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 70), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "large.png")
    Image.fromarray(pixels[:20, :20]).save(tmp_path / "small.png")
    table = cache.prepare(ImageSet(tmp_path, images=2, tile=32), Decoding(1))
    found = {name: table.clean(row)[0] for row, name in enumerate(table.ids)}
    corners = [(top, left) for top in (0, 8) for left in (0, 32, 38)]
    assert set(found) == {"small.png", *(f"large.png/y{top:04d}_x{left:04d}" for top, left in corners)}
    for top, left in corners:
        assert (found[f"large.png/y{top:04d}_x{left:04d}"] == pixels[top : top + 32, left : left + 32]).all()
    assert {group for name, group in zip(table.ids, table.groups, strict=True) if "/" in name} == {"large.png"}


def test_sub_images_of_a_damaged_file_are_left_out_together(tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)).save(tmp_path / "bad.png")
    images(tmp_path / "good", 1)
    whole = (tmp_path / "bad.png").read_bytes()
    (tmp_path / "bad.png").write_bytes(whole[: len(whole) // 2])
    table = cache.prepare(ImageSet(tmp_path, images=2, tile=32), Decoding(1), on_bad="skip")
    assert table.ids == ["good/01.png"]
    assert len(table.bad) == 4


def test_a_test_set_is_decoded_whole(tmp_path: Path) -> None:
    """Neither the crop nor the limit of the training data changes it, and it has the same images as a plain folder."""
    root = images(tmp_path / "a", 5, 24)
    training = Dataset(partial(Folder), str(root), crop=8, limit=2, val=0.2, test=0.2, augment="dihedral", small="skip")
    table, rows = training.whole(ImageSet(root, images=5)).open(0)
    assert sorted(table.ids[row] for row in rows["test"]) == [f"{n:02d}.png" for n in range(1, 6)]
    assert not len(rows["train"])
    assert not len(rows["val"])


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    folder = images(tmp_path / "served", 3)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()


def test_fetching_brings_each_image_and_completes_a_set(served: tuple[str, Path], tmp_path: Path) -> None:
    address, folder = served
    root = tmp_path / "set"
    mine = ImageSet(root, images=3, names="{:02d}.png", url=f"{address}/{{name}}")
    assert mine.fetch() == root
    assert [path.read_bytes() for path in sorted(root.iterdir())] == [p.read_bytes() for p in sorted(folder.iterdir())]
    (root / "02.png").unlink()
    again = ImageSet(root, images=3, names="{:02d}.png", url=f"{address}/{{name}}")
    again.fetch()
    assert len(again.items()) == 3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"images": 0}, "images=0"),
        ({"images": 2, "degraded_name": "*_n"}, "belong together"),
        ({"images": 2, "url": "http://a/{name}"}, "expected their file names in names"),
        ({"images": 2, "tile": 0}, "tile=0"),
    ],
)
def test_bad_values_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ImageSet(None, **values)


def test_every_shipped_set_says_what_it_is() -> None:
    from restorelab.config import conf_files

    names = conf_files.options("test")
    assert len(names) == 12
    settings = runs.composed([f"test=[{','.join(names)}]", "data_dir=/nowhere", "noise=none"])
    assert list(settings["test"]) == names
    for name, node in settings["test"].items():
        with pytest.raises(DataError, match="/nowhere"):
            build.make(f"test.{name}", node).items()
