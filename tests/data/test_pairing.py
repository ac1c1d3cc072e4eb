"""Which image is shown under which noise: splits of pairs, groups of images, and what a run makes of them."""

import csv
import logging
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import runs
from data.test_frozen import Arrays
from restorelab.config import build
from restorelab.data.datamodule import DataModule
from restorelab.data.dataset import Dataset
from restorelab.data.evaluation import Evaluation
from restorelab.data.loader import Order
from restorelab.data.pairing import Division, divide, variant_of
from restorelab.data.required import require
from restorelab.data.split import split
from restorelab.degradations.mixture import Each, Mixture
from restorelab.degradations.noise import Gaussian, NoNoise
from restorelab.degradations.pipeline import Degradation
from restorelab.errors import ConfigError, DataError, UserError

FOUR = {f"gaussian_{sigma}": Gaussian(sigma, clip=False) for sigma in (10, 30, 50, 70)}
GROUPS = {
    "a": {"noises": ["gaussian_10", "gaussian_50"], "train": 1102, "test": 611},
    "b": {"noises": ["gaussian_30", "gaussian_70"], "train": 1000, "test": 500},
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTORELAB_CACHE", str(tmp_path / "cache"))


def table(count: int, order: int | None = None, **parts: int) -> SimpleNamespace:
    """`count` images without official parts, or the `parts`; shuffled where `order` is a seed."""
    splits = [part for part, number in parts.items() for _ in range(number)] or [None] * count
    ids = [f"image {i:05d}" for i in range(len(splits))]
    places = np.arange(len(ids)) if order is None else np.random.default_rng(order).permutation(len(ids))
    return SimpleNamespace(
        ids=[ids[place] for place in places],
        groups=[ids[place] for place in places],
        splits=[splits[place] for place in places],
    )


def pairs(division: Division, of: SimpleNamespace) -> dict[str, set[tuple[str, str]]]:
    assert division.shown is not None
    return {
        part: {(of.ids[row], name) for name, rows in shown.items() for row in rows}
        for part, shown in division.shown.items()
    }


def by_pair(of: SimpleNamespace, noise: Any = None, **options: Any) -> Division:
    settings = {"val": 0.1, "test": 0.2, "seed": 0} | options
    return divide(of, noise or Each(FOUR), by="pair", **settings)


def test_every_pair_falls_into_one_part_and_numbers_are_exact():
    for numbers, wanted in (((0.1, 0.2), (280, 40, 80)), ((16, 41), (343, 16, 41)), ((0, 0.5), (200, 0, 200))):
        division = by_pair(table(100), val=numbers[0], test=numbers[1])
        found = pairs(division, table(100))
        assert tuple(map(len, found.values())) == wanted
        assert len(set.union(*found.values())) == sum(wanted) == 400
        for part, rows in division.items():
            assert np.array_equal(rows, sorted({int(name[-5:]) for name, _ in found[part]}))
            assert division.shown is not None
            assert all(
                (np.diff(shown) > 0).all() and shown.dtype == np.int64 for shown in division.shown[part].values()
            )


def test_a_split_of_pairs_depends_on_seed_and_names_alone():
    plain, shuffled = table(50), table(50, order=3)
    assert plain.ids != shuffled.ids
    first = pairs(by_pair(plain), plain)
    assert pairs(by_pair(shuffled), shuffled) == first
    assert pairs(by_pair(plain, Each(dict(reversed(FOUR.items())))), plain) == first
    assert pairs(by_pair(plain, seed=1), plain) != first


def test_pairs_are_drawn_evenly_and_leak_as_often_as_chance_says(caplog: pytest.LogCaptureFixture):
    """Drawn with shares 0.7, 0.1 and 0.2, four pairs an image."""
    caplog.set_level(logging.INFO)
    division = by_pair(table(4000))
    assert division.shown is not None
    for rows in division.shown["test"].values():  # hypergeometric: 3,200 of 16,000 pairs, 4,000 of each noise
        assert abs(len(rows) - 800) < 5 * np.sqrt(3200 * 0.25 * 0.75 * 0.8)
    test, train = set(division["test"].tolist()), set(division["train"].tolist())
    share = len(test & train) / len(test)
    # An image with pairs in test has none in training with the chance that the others leave for it; p: share of a part.
    p = {"train": 0.7, "val": 0.1, "test": 0.2}
    expected = 1 - ((1 - p["train"]) ** 4 - p["val"] ** 4) / (1 - (1 - p["test"]) ** 4)
    assert share == pytest.approx(expected, abs=5 * np.sqrt(expected * (1 - expected) / len(test)))
    assert f"{100 * share:.0f} % of the test images are in training under another noise" in caplog.text


def test_the_faces_report_split():
    """144,003 / 16,000 / 40,001 pairs of 50,000 faces sum to 200,004; its test and validation numbers are met."""
    division = by_pair(table(50_000), val=16_000, test=40_001)
    assert division.describe().startswith("143999 pairs train (")
    assert division.shown is not None
    assert {part: sum(map(len, shown.values())) for part, shown in division.shown.items()} == {
        "train": 143_999, "val": 16_000, "test": 40_001,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: by_pair(table(0, train=8, test=2)), ConfigError, ["official parts", "data.split_by=group"]),
        (lambda: by_pair(table(9), Gaussian(5, clip=True)), ConfigError, ["one variant", "noise=each"]),
        (lambda: by_pair(table(9), Mixture(FOUR)), ConfigError, ["one variant", "noise=each"]),
        (lambda: by_pair(table(9), Each({"a": NoNoise()})), ConfigError, ["one variant"]),
        (lambda: by_pair(table(9), Each(FOUR, groups=GROUPS)), ConfigError, ["noise.groups=null"]),
        (lambda: divide(table(9), None, val=0, test=0, seed=0, by="pair"), ConfigError, ["noise=each"]),
        (lambda: by_pair(table(9), val=20, test=16), DataError, ["36 pairs", "16 for test", "20 for val"]),
        (lambda: by_pair(table(9), val=0.5, test=1.5), ConfigError, ["data.test=1.5"]),
    ],
)
def test_splits_of_pairs_that_cannot_be(call: Any, error: type[UserError], words: list[str]):
    with pytest.raises(error) as caught:
        call()
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_without_pairing_a_division_is_the_split():
    plain = table(60)
    for noise in (None, NoNoise(), Each(FOUR)):
        division = divide(plain, noise, val=0.1, test=0.2, seed=3, by="group")
        expected = split(plain, val=0.1, test=0.2, seed=3, by="group")
        assert division.shown is None
        assert list(division) == list(expected)
        assert all(np.array_equal(division[part], expected[part]) for part in expected)
        assert division.under("test", None) is division["test"]
        assert division.describe() == "42 train, 6 val, 12 test"
        assert {part: len(rows) for part, rows in division.first(9).items()} == {"train": 9, "val": 6, "test": 9}


def grouped(of: SimpleNamespace, groups: Any = None, **options: Any) -> Division:
    settings = {"val": 0, "test": 0, "seed": 0, "by": "image"} | options
    return divide(of, Each(FOUR, groups=groups or GROUPS), **settings)


def test_the_gopro_report_numbers(caplog: pytest.LogCaptureFixture):
    """Printed in the report: 1,102 / 1,000 / 1,102 / 1,000 and 611 / 500 / 611 / 500, of 2,103 and 1,111 images."""
    caplog.set_level(logging.INFO)
    gopro = table(0, train=2103, test=1111, order=1)
    division = grouped(gopro, val=1)
    assert division.shown is not None
    counts = {part: [len(rows) for rows in shown.values()] for part, shown in division.shown.items()}
    assert counts == {"train": [1102, 1000, 1102, 1000], "val": [1] * 4, "test": [611, 500, 611, 500]}
    assert (sum(counts["train"]), sum(counts["test"])) == (4204, 2222)
    for part in ("train", "test"):
        shown = division.shown[part]
        assert np.array_equal(shown["gaussian_10"], shown["gaussian_50"])
        assert np.array_equal(shown["gaussian_30"], shown["gaussian_70"])
        assert not np.intersect1d(shown["gaussian_10"], shown["gaussian_30"]).size
        assert {gopro.splits[row] for row in division[part]} == {part}
    assert (len(division["train"]), len(division["test"])) == (2102, 1111)
    assert "out: 1102 a" not in caplog.text  # 2,102 of 2,102: the one image more is in validation
    caplog.clear()
    assert len(grouped(gopro)["train"]) == 2102
    assert "train: noise.groups leaves out 1 of 2103 images: 1102 a, 1000 b" in caplog.text


def test_fewer_images_keep_the_proportions_and_say_so(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    division = grouped(table(0, train=200, test=12))
    assert division.shown is not None
    counts = {part: [len(rows) for rows in shown.values()] for part, shown in division.shown.items()}
    assert counts["train"] == [105, 95, 105, 95]  # 200 x 1102 / 2102 = 104.85
    assert counts["test"] == [7, 5, 7, 5]  # 12 x 611 / 1111 = 6.60
    assert "train has 200 images, not the 2102 of noise.groups; scaled to 105 a, 95 b" in (caplog.text)


def test_groups_by_share():
    groups = {"a": {"noises": list(FOUR)[:3], "train": 0.25}, "b": {"noises": list(FOUR)[2:], "train": 0.5, "test": 7}}
    division = grouped(table(0, train=81, test=10), groups)
    assert division.shown is not None
    assert [len(rows) for rows in division.shown["train"].values()] == [20, 20, 61, 41]  # 20.25 and 40.5 of 81
    assert [len(rows) for rows in division.shown["test"].values()] == [0, 0, 7, 7]


def test_groups_depend_on_seed_and_names_alone():
    plain, shuffled = table(0, train=80, test=40), table(0, train=80, test=40, order=5)
    first = pairs(grouped(plain), plain)
    assert pairs(grouped(shuffled), shuffled) == first
    assert pairs(grouped(plain, seed=1), plain) != first


def test_every_image_has_the_same_chance_of_a_group():
    """Of n draws with 611 / 1111, an image is in the first group with standard deviation sqrt(n p (1 - p))."""
    few, draws = table(0, train=5, test=30), 300
    counts, p = np.zeros(35), 16 / 30  # 30 x 611 / 1111 = 16.5, which goes to the larger remainder: 16 or 17
    for seed in range(draws):
        division = grouped(few, seed=seed)
        assert division.shown is not None
        counts[division.shown["test"]["gaussian_10"]] += 1
        p = len(division.shown["test"]["gaussian_10"]) / 30
    assert np.abs(counts[5:] - draws * p).max() < 5 * np.sqrt(draws * p * (1 - p))


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ({"a": {"noises": ["gaussian_11"], "train": 1}}, ["groups.a.noises", "'gaussian_10'"]),
        ({"a": {"noises": list(FOUR), "trian": 1}}, ["groups.a.trian", "'train'"]),
        ({"a": {"noises": list(FOUR), "train": 1.5}}, ["groups.a.train", "1.5"]),
        ({"a": {"noises": list(FOUR), "train": -1}}, ["groups.a.train", "-1"]),
        ({"a": {"noises": list(FOUR), "train": True}}, ["groups.a.train", "True"]),
        ({"a": {"train": 1}}, ["groups.a", "noises"]),
        ({"a": 3}, ["groups.a", "noises"]),
        ({"a": {"noises": list(FOUR)[:3], "train": 1}}, ["gaussian_70"]),
        ({}, ["gaussian_10"]),
    ],
)
def test_groups_that_say_nothing(groups: Any, words: list[str]):
    with pytest.raises(ConfigError) as caught:
        Each(FOUR, groups=groups)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_which_variant_an_evaluation_belongs_to():
    each, groups = Each(FOUR), Each(FOUR, groups=GROUPS)
    assert variant_of("gaussian_50", "anything", each, "image") is None  # nothing is paired
    assert variant_of("gaussian_50", "anything", NoNoise(), "image") is None
    assert variant_of("any", "gaussian_30", each, "pair") == "gaussian_30"
    assert variant_of("gaussian_50", "gaussian", groups, "group") == "gaussian_50"  # by its own name
    assert variant_of("impulse_30", "impulse", groups, "group") is None  # all images: none is torn from its part
    with pytest.raises(ConfigError, match=r"evaluation\.any\.of: the noise has no 'gausian_30'.*'gaussian_30'"):
        variant_of("any", "gausian_30", each, "pair")
    with pytest.raises(ConfigError, match=r"Set \+evaluation\.any\.of=gaussian_10"):
        variant_of("any", None, each, "pair")


def module(noise: Any, *, smoke: bool = False, images: int = 24, of: bool = True, **changes: Any) -> DataModule:
    options: dict[str, Any] = {"batch_size": 8, "val": 0.1, "test": 0.25, "split_by": "pair"} | changes
    dataset = Dataset(lambda root: Arrays(((20, 20), (16, 12)) * (images // 2)), **options)
    evaluations = {
        name: Evaluation(name, Degradation(noise=one), {"noise": name}, of=name if of else None)
        for name, one in FOUR.items()
    }
    return DataModule(
        dataset, Degradation(noise=noise), evaluations, seed=0, split_seed=0, eval_seed=0, protocol={},
        device=torch.device("cpu"), smoke=smoke,
    )  # fmt: skip


def trained_on(data: DataModule, epoch: int = 0) -> Counter:
    """How often an epoch shows each (row, sigma), by the noise that is really there."""
    loader = data.train_dataloader()
    loader.sampler.set_epoch(epoch)
    seen: Counter = Counter()
    for stored in loader:
        sample = data.on_after_batch_transfer(stored, 0)
        assert sample.counts is not None
        assert sum(sample.counts) == len(sample)
        # Of 192 pixels or more the standard deviation is right to sqrt(1 / 384) = 5 %; the strengths differ by 40 %.
        for row, clean, degraded in zip(sample.index.tolist(), sample.clean, sample.degraded, strict=True):
            std = float((degraded - clean).std()) * 255
            seen[row, min((10, 30, 50, 70), key=lambda sigma: abs(sigma - std))] += 1
    return seen


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize(
    ("groups", "options"),
    [
        (None, {}),
        ({n: g | {"train": 3 + i, "test": 2} for i, (n, g) in enumerate(GROUPS.items())}, {"split_by": "image"}),
    ],
)
def test_training_and_evaluations_show_their_own_pairs(groups: Any, options: dict[str, Any], fixed: bool):
    data = module(Each(FOUR, groups=groups, fixed=fixed), images=60, **options)
    data.setup()
    assert data.rows.shown is not None
    expected = {(int(row), int(name[-2:])) for name, rows in data.rows.shown["train"].items() for row in rows}
    assert expected
    for epoch in range(2):
        seen = trained_on(data, epoch)
        assert set(seen) == expected
        assert set(seen.values()) == {1}
    assert len(data.train_dataloader()) == len(list(data.train_dataloader()))
    for part in ("val", "test"):
        for frozen in data.frozen(part):
            assert np.array_equal(frozen.rows, data.rows.shown[part][frozen.evaluation.name])
            for place, row in enumerate(frozen.rows):
                std = float((frozen.image(place) - frozen.clean(place)).std()) * 255
                assert std == pytest.approx(int(frozen.evaluation.name[-2:]), rel=5 / np.sqrt(2 * 192))
                assert (row, int(frozen.evaluation.name[-2:])) not in expected


def test_an_evaluation_without_a_variant_is_measured_on_all_images_of_the_part():
    groups = {name: group | {"test": 2} for name, group in GROUPS.items()}
    data = module(Each(FOUR, groups=groups), split_by="image", of=False)
    data.setup()
    assert data.rows.shown is not None
    assert len(data.rows["test"]) == 4
    assert all(np.array_equal(frozen.rows, data.rows["test"]) for frozen in data.frozen("test"))


def test_a_smoke_test_takes_the_first_of_every_pairing():
    data = module(Each(FOUR), smoke=True, images=60, batch_size=2)
    data.setup()
    assert data.rows.shown is not None
    for part, shown in data.rows.shown.items():
        assert max(map(len, shown.values())) <= 8
        assert set(data.rows[part].tolist()) == {int(row) for rows in shown.values() for row in rows}
    assert sum(trained_on(data).values()) == 32


def test_ranks_share_the_pairs_of_an_epoch():
    division = by_pair(table(30), val=0, test=0.3)
    assert division.shown is not None
    shown = list(division.shown["train"].values())
    buckets = [division["train"][::2], division["train"][1::2]]
    everything: Counter = Counter()
    lengths = set()
    for rank in range(3):
        order = Order(buckets, 4, 0, variants=4, shown=shown, rank=rank, world=3)
        lengths.add(len(order))
        assert len(order.batches()) == len(order)
        for rows, counts in order.batches():
            assert counts is not None
            everything.update(zip(rows.tolist(), np.repeat(np.arange(4), counts).tolist(), strict=True))
    assert len(lengths) == 1
    assert set(everything) == {(int(row), number) for number, rows in enumerate(shown) for row in rows}
    assert sum(everything.values()) <= sum(map(len, shown)) + 2 * len(buckets)


def test_a_noise_without_an_image_is_told():
    dataset = Dataset(lambda root: Arrays(((20, 20),) * 6), val=1, test=1, split_by="pair")
    opened = dataset.open(0, Degradation(noise=Each(FOUR)))
    with pytest.raises(DataError, match=r"test has 1 images and shows none of them under the noise gaussian_\d0, "):
        require(*opened, ("test",))
    require(*opened, ("train",))


def test_configs_say_what_belongs_to_what():
    plain = build.parts(runs.composed(["noise=each"]))
    split_up = build.parts(runs.composed(["noise=each", "data.split_by=pair"]))
    assert {name: e.of for name, e in split_up.evaluations.items()} == {
        "gaussian_50": "gaussian", "impulse_30": "impulse", "speckle_002": "speckle", "poisson_255": "poisson",
    }  # fmt: skip
    for name, evaluation in plain.evaluations.items():
        assert evaluation.of is None
        assert evaluation.key == split_up.evaluations[name].key  # what it belongs to is no part of what it is
        assert set(evaluation.config) == {"blur", "downsample", "noise"}
        assert "of" not in evaluation.config["noise"]


def test_the_gopro_config_is_the_report(caplog: pytest.LogCaptureFixture):
    parts = build.parts(runs.composed(["data=gopro", "data.source.pairs=false", "noise=gopro_four"]))
    noise = parts.degradation.noise
    assert isinstance(noise, Each)
    division = divide(table(0, train=2103, test=1111), noise, val=1, test=0, seed=0, by="image")
    assert division.shown is not None
    assert [len(rows) for rows in division.shown["train"].values()] == [1102, 1000, 1102, 1000]
    assert [len(rows) for rows in division.shown["test"].values()] == [611, 500, 611, 500]
    assert [one.sigma for one in noise.noises.values()] == [10, 30, 50, 70]
    assert {e.of: e.degradation.noise.sigma for e in parts.evaluations.values()} == {
        f"gaussian_{sigma}": sigma for sigma in (10, 30, 50, 70)
    }


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["data.split_by=pair"], ["data.split_by=pair", "noise=each"]),
        (["data.split_by=pair", "noise=gopro_four"], ["noise.groups=null"]),
        (["data.split_by=pair", "noise=each", "evaluation=gaussian_25"], ["evaluation.gaussian_25", "of=gaussian"]),
        (["noise=each", "+evaluation.gaussian_50.fo=x"], ["evaluation.gaussian_50.fo", "'of'"]),
        (["noise=each", "evaluation.gaussian_50.of=3"], ["evaluation.gaussian_50.of", "3"]),
        (["data=gopro"], ["noise: ", "noise=none", "data.source.pairs=false"]),
        (["data=gopro", "noise=none", "blur=motion", "downsample=avg_pool"], ["blur=none downsample=none"]),
        (
            ["data=pairs", "data.root=/nowhere", "noise=none", "evaluation=gaussian_50"],
            ["evaluation.gaussian_50", "own"],
        ),
        (["noise=gopro_four", "noise.groups.at_10_and_50.noises=[gaussian_11]"], ["'gaussian_10'"]),
    ],
)
def test_what_cannot_be_paired_dies_before_any_data_is_read(overrides: list[str], words: list[str]):
    with pytest.raises(ConfigError) as caught:
        build.parts(runs.composed(overrides))
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_an_evaluation_would_degrade_real_pairs():
    """A source that does not announce its pairs is found out when the data is there."""
    dataset = Dataset(lambda root: Arrays(pairs=True), val=1, test=1, split_by="image")
    evaluations = {"e": Evaluation("e", Degradation(noise=Gaussian(5, clip=True)), {})}
    data = DataModule(
        dataset, Degradation(), evaluations, seed=0, split_seed=0, eval_seed=0, protocol={}, device=torch.device("cpu")
    )
    with pytest.raises(ConfigError, match=r"evaluation\.e: .*Set evaluation=own"):
        data.frozen("test")


def test_a_run_measures_each_evaluation_on_its_own_pairs(tmp_path: Path):
    for i in range(30):
        pixels = np.random.default_rng(i).integers(0, 256, (16, 16), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i:02d}.png")
    settings = [f"data.root={tmp_path}", "data=folder", "data.crop=null", "data.size=16", "noise=each", "data.val=20",
                "data.split_by=pair", "data.test=40", "max_steps=2"]  # fmt: skip
    assert runs.run(tmp_path / "run", *settings).status == "done"
    with (tmp_path / "run" / "per_image.csv").open(newline="") as stream:
        measured = {(row["id"], row["evaluation"]) for row in csv.DictReader(stream)}
    parts = build.parts(runs.settings(tmp_path / "other", *settings))
    table, division = parts.dataset.open(0, parts.degradation)
    assert division.shown is not None
    names = {e.of: e.name for e in parts.evaluations.values()}
    assert measured == {(table.ids[row], names[of]) for of, rows in division.shown["test"].items() for row in rows}
    assert len(measured) == 40
