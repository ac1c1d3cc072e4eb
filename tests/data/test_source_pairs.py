"""Pairs of folders as people have them, and the real ones."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from restorelab.data.cache import prepare
from restorelab.data.dataset import Dataset
from restorelab.data.decode import Decoding
from restorelab.data.loader import Order, TrainLoader
from restorelab.data.sources.pairs import Pairs
from restorelab.data.store import TableStore
from restorelab.degradations.blur import Gaussian as Blur
from restorelab.degradations.noise import Gaussian
from restorelab.degradations.pipeline import Degradation
from restorelab.errors import ConfigError, DataError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTORELAB_CACHE", str(tmp_path / "cache"))


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (20, 24)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)).save(path)


def make(root: Path, names: list[str], folders: tuple[str, str] = ("blur", "sharp"), top: str = "") -> None:
    for seed, name in enumerate(names):
        for place, folder in enumerate(folders):
            picture(root / top / folder / name, 2 * seed + place)


def test_matched_by_path(tmp_path: Path):
    make(tmp_path, ["b.png", "deep/a.png", "deep/c.png"])
    items = Pairs(str(tmp_path), group="parent").items()
    assert [(item.id, item.group, item.split) for item in items] == [
        ("b.png", ".", None),
        ("deep/a.png", "deep", None),
        ("deep/c.png", "deep", None),
    ]
    for item in items:
        assert item.clean == tmp_path / "sharp" / item.id
        assert item.degraded == tmp_path / "blur" / item.id
    assert [item.group for item in Pairs(tmp_path, group=r"([a-z])\.png").items()] == ["b", "a", "c"]
    table = prepare(Pairs(tmp_path), Decoding(3))
    for row, name in enumerate(table.ids):
        for kind, pixels in (("blur", table.degraded(row)), ("sharp", table.clean(row))):
            with Image.open(tmp_path / kind / name) as image:
                assert np.array_equal(pixels.transpose(1, 2, 0), np.asarray(image))


@pytest.mark.parametrize("above", [True, False])
def test_official_parts_above_or_below_the_two_folders(tmp_path: Path, above: bool):
    for part, names in (("train", ["a.png", "b.png"]), ("test", ["a.png"])):
        make(tmp_path, names if above else [f"{part}/{name}" for name in names], ("in", "out"), part if above else "")
    items = Pairs(tmp_path, degraded="in", clean="out").items()
    assert {item.id: item.split for item in items} == {
        "train/a.png": "train", "train/b.png": "train", "test/a.png": "test",
    }  # fmt: skip
    for item in items:
        place = f"{item.split}/in/{item.id.split('/')[1]}" if above else f"in/{item.id}"
        assert item.degraded == tmp_path / place


def test_a_pair_without_its_partner(tmp_path: Path):
    make(tmp_path, ["a.png", "b.png", "c.png"])
    (tmp_path / "sharp" / "b.png").unlink()
    (tmp_path / "sharp" / "c.png").unlink()
    picture(tmp_path / "sharp" / "d.png")
    with pytest.raises(DataError) as caught:
        Pairs(tmp_path).items()
    words = ("3 of 5 images have no partner", f"b.png in {tmp_path}/blur has none in {tmp_path}/sharp",
             f"d.png in {tmp_path}/sharp has none in {tmp_path}/blur")  # fmt: skip
    assert all(word in str(caught.value) for word in words), str(caught.value)


def named(root: Path, degraded: list[str], clean: list[str], **options: str) -> dict[str, str]:
    """The degraded name of each id."""
    for folder, names in (("in", degraded), ("out", clean)):
        for name in names:
            picture(root / folder / name)
    items = Pairs(root, **{"degraded": "in", "clean": "out", **options}).items()
    return {item.id: str(Path(str(item.degraded)).relative_to(root / "in")) for item in items}


@pytest.mark.parametrize(("degraded", "clean", "options"), [
    (["1_noisy.png", "22_noisy.png"], ["1.png", "22.png"], {"degraded_name": "*_noisy.png"}),
    (["1_noisy.png", "22_noisy.png"], ["1.png", "22.png"], {"degraded_name": "{name}_noisy", "clean_name": "{name}"}),
    (["1_NOISY.PNG"], ["1.png"], {"degraded_name": "*_noisy.png"}),
    (["a/x_1.png", "b/x_1.png"], ["a/1.bmp", "b/1.bmp"], {"degraded_name": "x_*.png"}),
    (["0_NOISY_010.png", "0_NOISY_011.png"], ["0_GT_010.png", "0_GT_011.png"],
     {"degraded_name": "*_NOISY_*", "clean_name": "*_GT_*"}),
    (["a.png", "b.png"], ["a.jpg", "b.tif"], {}),
    (["A.png", "b.PNG"], ["a.png", "B.png"], {}),
    (["s1/lq.png", "s2/lq.png"], ["s1/gt.png", "s2/gt.png"], {"degraded_name": "lq.png", "clean_name": "gt.png"}),
])  # fmt: skip
def test_matched_by_pattern_ending_and_case(tmp_path: Path, degraded: list[str], clean: list[str], options: dict):
    assert named(tmp_path, degraded, clean, **options) == dict(zip(clean, degraded, strict=True))


def test_one_folder_of_both_kinds_and_names_that_fit_no_pattern(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    for name in ("HR_train/1", "LR_train/X2/1x2", "LR_train/X4/1x4", "HR_valid/2", "LR_valid/X2/2x2"):
        picture(tmp_path / f"{name}.png")
    caplog.set_level("INFO")
    patterns = {"degraded_name": "LR_*/X2/*x2.png", "clean_name": "HR_*/*.png"}
    items = Pairs(tmp_path, degraded=".", clean=".", **patterns).items()
    assert [(item.id, item.split) for item in items] == [("HR_train/1.png", "train"), ("HR_valid/2.png", "val")]
    assert [Path(str(item.degraded)).name for item in items] == ["1x2.png", "2x2.png"]
    assert "1 names" in caplog.text
    assert "such as LR_train/X4/1x4.png" in caplog.text


@pytest.mark.parametrize(("degraded", "clean", "options", "advice"), [
    (["0_noisy.png", "1_noisy.png"], ["0.png", "1.png"], {}, "'data.source.degraded_name=*_noisy' would make 2 pairs"),
    (["n0.png", "n1.png"], ["0.png", "1.png"], {"degraded_name": "m*"}, "'data.source.degraded_name=n*' would make 2"),
    (["0.png", "1.png"], ["0_gt.png", "1_gt.png"], {}, "'data.source.clean_name=*_gt' would make 2"),
    (["0_in_a.png", "1_in_a.png"], ["0_out_a.png", "1_out_a.png"], {},
     "'data.source.degraded_name=*in*' 'data.source.clean_name=*out*' would make 2"),
])  # fmt: skip
def test_the_pattern_that_would_match_is_offered(
    tmp_path: Path, degraded: list[str], clean: list[str], options: dict, advice: str
):
    with pytest.raises(DataError) as caught:
        named(tmp_path, degraded, clean, **options)
    assert "have no partner: " in str(caught.value)
    assert advice in str(caught.value)


def test_patterns_that_mean_nothing(tmp_path: Path):
    with pytest.raises(ConfigError, match="different numbers of stars"):
        Pairs(tmp_path, degraded_name="*_*", clean_name="*")
    with pytest.raises(ConfigError, match="degraded_name=' '"):
        Pairs(tmp_path, degraded_name=" ")


def test_a_name_that_two_files_could_be_partners_of_is_not_guessed(tmp_path: Path):
    with pytest.raises(DataError, match="3 of 3 images have no partner"):
        named(tmp_path, ["a.png"], ["a.jpg", "a.tif"])


@pytest.mark.parametrize("tops", [("Train", "VALID"), ("training", "test")])
def test_parts_above_the_folders_by_any_of_their_names(tmp_path: Path, tops: tuple[str, str]):
    for top in tops:
        make(tmp_path, ["a.png"], top=top)
    second = "val" if tops[1] == "VALID" else "test"
    assert {item.id: item.split for item in Pairs(tmp_path).items()} == {
        f"{tops[0]}/a.png": "train", f"{tops[1]}/a.png": second,
    }  # fmt: skip


def test_pairs_of_unlike_sizes_name_both(tmp_path: Path):
    """Resizing both to one size would hide that one is half as large, so headers are compared before."""
    make(tmp_path, ["a.png", "b.png", "c.png", "d.png", "e.png"])
    picture(tmp_path / "blur" / "b.png", 9, (10, 12))
    picture(tmp_path / "blur" / "c.png", 9, (10, 12))
    with pytest.raises(DataError, match=r"2 of 5 pairs differ in size: of b\.png the degraded image is 12x10 and the"):
        prepare(Pairs(tmp_path), Decoding(3, (16, 16), "stretch"))


def test_turned_photographs_have_the_size_they_show(tmp_path: Path):
    picture(tmp_path / "sharp" / "a.jpg", size=(20, 24))
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "blur").mkdir()
    Image.new("RGB", (20, 24)).save(tmp_path / "blur" / "a.jpg", exif=exif)
    assert len(Pairs(tmp_path).items()) == 1
    Image.new("RGB", (24, 20)).save(tmp_path / "blur" / "a.jpg", exif=exif)
    with pytest.raises(DataError, match=r"the degraded image is 20x24 and the clean one 24x20"):
        Pairs(tmp_path).items()


def test_a_broken_image_leaves_its_pair_out(tmp_path: Path):
    make(tmp_path, ["a.png", "b.png", "c.png"])
    (tmp_path / "blur" / "b.png").write_bytes(b"")
    table = prepare(Pairs(tmp_path), Decoding(3))
    assert table.ids == ["a.png", "c.png"]
    assert [name for name, _ in table.bad] == ["b.png"]


def test_missing_and_empty(tmp_path: Path):
    with pytest.raises(DataError, match=rf"no folder {tmp_path}/blur.*holds nothing.*data\.source\.degraded=blur"):
        Pairs(tmp_path).items()
    (tmp_path / "sharp").mkdir()
    with pytest.raises(DataError, match=rf"no folder {tmp_path}/blur\. {tmp_path} holds sharp"):
        Pairs(tmp_path).fingerprint()
    (tmp_path / "blur").mkdir()
    (tmp_path / "blur" / "notes.txt").write_text("")
    with pytest.raises(DataError, match="there are no pairs of images"):
        Pairs(tmp_path).items()
    with pytest.raises(DataError, match=r"data\.root is not set"):
        Pairs().items()
    with pytest.raises(ConfigError, match="are one folder"):
        Pairs(tmp_path, degraded="a", clean="a")
    with pytest.raises(ConfigError, match="pairs: group='\\('"):
        Pairs(tmp_path, group="(")


def test_fingerprint_follows_both_folders(tmp_path: Path):
    make(tmp_path, ["a.png", "b.png"])
    prints = [Pairs(tmp_path).fingerprint(), Pairs(tmp_path, degraded="sharp", clean="blur").fingerprint()]
    for folder in ("blur", "sharp"):
        with (tmp_path / folder / "a.png").open("ab") as file:
            file.write(b"more")
        prints.append(Pairs(tmp_path).fingerprint())
    assert len({str(told) for told in prints}) == 4


def dataset(root: Path, **options: object) -> Dataset:
    return Dataset(Pairs, root=str(root), channels=3, val=1, test=1, **options)  # type: ignore[arg-type]


def test_real_pairs_are_never_degraded(tmp_path: Path):
    make(tmp_path, ["a.png", "b.png", "c.png"])
    table, rows = dataset(tmp_path).open(0, Degradation())
    assert len(rows["train"]) == 1
    assert table.degraded_pixels is not None
    with pytest.raises(ConfigError, match=r"blur, noise: .*real degraded/clean pairs.*Set blur=none noise=none"):
        dataset(tmp_path).open(0, Degradation(blur=Blur(1.0), noise=Gaussian(5, clip=True)))


@pytest.mark.parametrize("on_gpu", [False, True])
def test_crops_cut_both_images_at_one_place(tmp_path: Path, on_gpu: bool):
    """The clean image counts its own pixels, the degraded one is the same and 1 more."""
    for i in range(6):
        for kind, more in (("sharp", 0), ("blur", 1)):
            image = (np.arange(20 * 24).reshape(20, 24) * 7 + i) % 200 + more
            path = tmp_path / kind / f"{i}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(image.astype(np.uint8)).save(path)
    table = prepare(Pairs(tmp_path), Decoding(1))
    store = TableStore(table, np.arange(6), (8, 6), torch.device("cpu"), True)
    store._on_device = on_gpu  # by one indexed gather; it runs on any device
    corners = set()
    for sample in TrainLoader(store, Order(store.buckets, 4, seed=0), prefetch=False):
        assert sample.degraded is not None
        assert sample.clean.shape[1:] == (1, 8, 6)
        assert torch.equal(sample.degraded, sample.clean + 1)
        corners |= set(sample.clean[:, 0, 0, 0].tolist())
    assert len(corners) > 1


@pytest.mark.parametrize("on_gpu", [False, True])
@pytest.mark.parametrize(("height", "crop"), [(20, (8, 6)), (6, (16, 32))])
def test_crops_of_a_factor_show_the_same(tmp_path: Path, height: int, crop: tuple[int, int], on_gpu: bool):
    """A clean image is its degraded one with every pixel doubled, and a row and a column more; the second is padded."""
    for i in range(4):
        small = np.random.default_rng(i).integers(0, 256, (height, 12), np.uint8)
        large = np.pad(small.repeat(2, 0).repeat(2, 1), ((0, 1), (0, 1)))
        for folder, image in (("lr", small), ("hr", large)):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(image).save(
                tmp_path / folder / f"{i}x2.png" if folder == "lr" else tmp_path / folder / f"{i}.png"
            )
    source = Pairs(tmp_path, "lr", "hr", degraded_name="*x2")
    assert source.factor == 2
    table, rows = Dataset(lambda root: Pairs(root, "lr", "hr", "*x2"), root=str(tmp_path), val=0, test=0).open(0)
    assert {tuple(shape) for shape in table.shapes.tolist()} == {(1, 2 * height, 24)}
    store = TableStore(table, rows["train"], crop, torch.device("cpu"), True, pad=True)
    store._on_device = on_gpu  # by one indexed gather; it runs on any device
    for key in range(8):
        fields = store.gather(rows["train"], None, (key,))
        assert fields["clean"] is not None
        assert fields["degraded"] is not None
        assert fields["clean"].shape[-2:] == crop
        doubled = fields["degraded"].repeat_interleave(2, -1).repeat_interleave(2, -2)
        assert torch.equal(doubled, fields["clean"])


def test_the_real_pairs(shared: Path):
    """The blurred image itself, brought to 256x256, has a mean squared error of 0.00359 on the six pairs."""
    root = shared / "data" / "gopro_pairs"
    assert [item.id for item in Pairs(root).items()] == [f"{i:02d}.png" for i in range(6)]
    table = prepare(Pairs(root), Decoding(3, (256, 256), "stretch"))
    errors = [((table.clean(row) / 255 - table.degraded(row) / 255) ** 2).mean() for row in range(6)]
    assert np.mean(errors) == pytest.approx(0.00359, abs=0.000005)
