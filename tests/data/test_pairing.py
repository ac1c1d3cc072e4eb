"""Which image is shown under which noise: splits of pairs, groups of images, and what a run makes of them."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from data.paired import FOUR, GROUPS, by_pair, table
from restorelab.data.pairing import Division, divide, variant_of
from restorelab.data.split import split
from restorelab.degradations.mixture import Each, Mixture
from restorelab.degradations.noise import Gaussian, NoNoise
from restorelab.errors import ConfigError, DataError, UserError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTORELAB_CACHE", str(tmp_path / "cache"))


def pairs(division: Division, of: SimpleNamespace) -> dict[str, set[tuple[str, str]]]:
    assert division.shown is not None
    return {
        part: {(of.ids[row], name) for name, rows in shown.items() for row in rows}
        for part, shown in division.shown.items()
    }


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
