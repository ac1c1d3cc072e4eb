"""Splits: whole groups, the counts asked for, and nothing that depends on the rows' order."""

from types import SimpleNamespace

import numpy as np
import pytest

from restorelab.data.dataset import Dataset
from restorelab.data.sources.photos import Photos
from restorelab.data.split import split
from restorelab.errors import ConfigError, DataError


def table(sizes: list[int], splits: list[str | None] | None = None, order: int | None = None) -> SimpleNamespace:
    """`sizes[g]` images of group g, shuffled where `order` is a seed."""
    groups = [f"person {g}" for g, size in enumerate(sizes) for _ in range(size)]
    ids = [f"{group}/{i}" for i, group in enumerate(groups)]
    places = np.arange(len(ids)) if order is None else np.random.default_rng(order).permutation(len(ids))
    pick = lambda values: [values[place] for place in places]  # noqa: E731
    return SimpleNamespace(ids=pick(ids), groups=pick(groups), splits=None if splits is None else pick(splits))


def named(rows: dict[str, np.ndarray], of: SimpleNamespace) -> dict[str, set[str]]:
    return {part: {of.ids[row] for row in place} for part, place in rows.items()}


@pytest.mark.parametrize("seed", range(20))
def test_groups_stay_whole_and_numbers_are_met_as_nearly_as_they_allow(seed: int):
    sizes = np.random.default_rng(seed).integers(1, 12, 60).tolist()
    data = table(sizes)
    rows = split(data, val=0.1, test=0.2, seed=seed)
    assert list(rows) == ["train", "val", "test"]
    assert np.array_equal(np.sort(np.concatenate(list(rows.values()))), np.arange(sum(sizes)))
    groups = [{data.groups[row] for row in place} for place in rows.values()]
    assert sum(map(len, groups)) == len(set.union(*groups))
    for part, share in (("val", 0.1), ("test", 0.2)):
        assert abs(len(rows[part]) - share * sum(sizes)) <= max(sizes) / 2 + 0.5
        assert rows[part].dtype == np.int64
        assert (np.diff(rows[part]) > 0).all()


def test_depends_on_the_seed_and_not_on_the_order():
    sizes = [3, 1, 4, 1, 5, 9, 2, 6] * 5
    first = named(split(table(sizes), val=0.1, test=0.1, seed=7), table(sizes))
    shuffled = table(sizes, order=1)
    assert shuffled.ids != table(sizes).ids
    for by in ("group", "image"):
        plain = named(split(table(sizes), val=0.1, test=0.1, seed=7, by=by), table(sizes))
        assert named(split(shuffled, val=0.1, test=0.1, seed=7, by=by), shuffled) == plain
        assert named(split(table(sizes), val=0.1, test=0.1, seed=8, by=by), table(sizes)) != plain
    assert first != plain


def test_exact_numbers_with_groups_of_one_image_or_by_image():
    single, many = table([1] * 1000), table([100] * 10)
    for data, by in ((single, "group"), (many, "image")):
        for val, test, numbers in ((0.1, 0.25, (650, 100, 250)), (50, 7, (943, 50, 7)), (0, 0, (1000, 0, 0))):
            rows = split(data, val=val, test=test, seed=3, by=by)
            assert tuple(map(len, rows.values())) == numbers
    assert len({many.groups[row] for row in split(many, val=50, test=0, seed=3, by="image")["val"]}) > 1


def test_every_image_has_the_same_chance():
    """Of n draws of a tenth, an image is in `test` n/10 times, with standard deviation sqrt(n * 0.1 * 0.9)."""
    data, draws = table([1, 2, 3] * 20), 400
    counts = np.zeros(len(data.ids))
    for seed in range(draws):
        counts[split(data, val=0, test=0.1, seed=seed)["test"]] += 1
    # Groups of 3 are sometimes left out for overshooting 12 by more; that shifts the chance by under a tenth of it.
    assert np.abs(counts - draws * 0.1).max() < 5 * np.sqrt(draws * 0.09) + 0.01 * draws


def test_official_parts_are_kept():
    parts = ["train"] * 30 + ["val"] * 10 + ["test"] * 20
    data = table([1] * 60, parts, order=2)
    for val, test in ((0.5, 0.5), (0, 0), (3, 4)):
        rows = split(data, val=val, test=test, seed=0)
        for part, place in rows.items():
            assert np.array_equal(place, np.flatnonzero(np.array(data.splits) == part))


def test_validation_comes_from_the_official_training_images_by_group():
    data = table([5] * 20, ["train"] * 80 + ["test"] * 20, order=4)
    rows = split(data, val=0.25, test=0.5, seed=0)
    assert tuple(map(len, rows.values())) == (60, 20, 20)
    assert np.array_equal(rows["test"], np.flatnonzero(np.array(data.splits) == "test"))
    held = {data.groups[row] for row in rows["val"]}
    assert held.isdisjoint({data.groups[row] for row in rows["train"]})
    assert len(held) == 4


def test_too_few_groups_says_how_many_there_are():
    with pytest.raises(
        DataError, match=r"20 images in 2 groups are too few for 2 images for test and 2 images for validation beside"
    ):
        split(table([10, 10]), val=0.1, test=0.1, seed=0)
    with pytest.raises(DataError, match=r"data\.split_by=image"):
        split(table([10]), val=0.1, test=0, seed=0)
    with pytest.raises(
        DataError,
        match=r"^100 images are too few for 60 images for test and 50 images for validation beside training\. Lower",
    ):
        split(table([1] * 100), val=50, test=60, seed=0)
    with pytest.raises(DataError):
        split(table([]), val=0, test=0, seed=0)
    # Three groups are enough for three parts, however unlike: each gets one.
    assert min(map(len, split(table([1, 1, 500]), val=0.1, test=0.1, seed=0).values())) >= 1


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_shares_that_mean_nothing(share: float):
    with pytest.raises(ConfigError, match=r"data\.val: .* is neither a share in \[0, 1\) nor a whole number of images"):
        Dataset(source=Photos, val=share)


def test_official_parts_of_only_some_images():
    with pytest.raises(DataError, match=r"1 images belong to no official part.*person 1/1"):
        split(table([1, 1], ["train", None]), val=0, test=0, seed=0)
    with pytest.raises(DataError, match="also has extra"):
        split(table([1, 1], ["train", "extra"]), val=0, test=0, seed=0)


def test_an_official_split_that_tears_a_group_is_told(caplog: pytest.LogCaptureFixture):
    split(table([2, 1], ["train", "test", "train"]), val=0, test=0, seed=0)
    assert "divides 1 groups, such as person 0" in caplog.text


def test_nothing_is_taken_from_a_set_of_test_images():
    rows = split(table([1] * 12, ["test"] * 12), val=0.1, test=0.1, seed=0)
    assert {part: len(found) for part, found in rows.items()} == {"train": 0, "val": 0, "test": 12}
    rows = split(table([1] * 12, ["test"] * 8 + ["val"] * 4), val=0.5, test=0.1, seed=0)
    assert {part: len(found) for part, found in rows.items()} == {"train": 0, "val": 4, "test": 8}


@pytest.mark.parametrize("parts", [None, ["train"] * 6 + ["test"] * 6])
def test_all_images_are_measured_where_that_is_asked_for(parts: list[str | None] | None):
    rows = split(table([3] * 4, parts), val=0.1, test="all", seed=0)
    assert {part: len(found) for part, found in rows.items()} == {"train": 0, "val": 0, "test": 12}


@pytest.mark.parametrize("part", ["val", "test"])
def test_one_part_may_take_all(part: str) -> None:
    rows = split(table([1] * 12), **{"val": 0, "test": 0, "seed": 0, part: 12})
    assert {name: len(found) for name, found in rows.items()} == {"train": 0, "val": 0, "test": 0} | {part: 12}
