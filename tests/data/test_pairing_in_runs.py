"""Pairs of image and noise as a run, its loaders and its configs use them."""

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import runs
from data.paired import FOUR, GROUPS, by_pair, table
from data.test_frozen import Arrays
from restorelab.config import build
from restorelab.data.datamodule import DataModule
from restorelab.data.dataset import Dataset
from restorelab.data.evaluation import Evaluation
from restorelab.data.loader import Order
from restorelab.data.pairing import divide
from restorelab.data.required import require
from restorelab.degradations.mixture import Each
from restorelab.degradations.noise import Gaussian
from restorelab.degradations.pipeline import Degradation
from restorelab.errors import ConfigError, DataError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTORELAB_CACHE", str(tmp_path / "cache"))


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
