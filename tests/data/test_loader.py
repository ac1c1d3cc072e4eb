"""The order of training images, and how they are gathered, cropped and prepared."""

from pathlib import Path

import numpy as np
import pytest
import torch

from data.test_frozen import Arrays
from restorelab.data import cache
from restorelab.data.datamodule import DataModule
from restorelab.data.dataset import Dataset
from restorelab.data.decode import Decoding
from restorelab.data.evaluation import Evaluation
from restorelab.data.loader import Order, TrainLoader
from restorelab.data.store import TableStore
from restorelab.degradations.mixture import Each
from restorelab.degradations.noise import Gaussian, Impulse
from restorelab.degradations.pipeline import Degradation


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTORELAB_CACHE", str(tmp_path / "cache"))


def shown(order: Order) -> list[tuple[int, int]]:
    """Every (row, variant) of an epoch, in order."""
    pairs = []
    for rows, counts in order.batches():
        ends = np.cumsum(counts if counts else [len(rows)])
        pairs += [(int(row), int(np.searchsorted(ends, i, side="right"))) for i, row in enumerate(rows)]
    return pairs


@pytest.mark.parametrize("variants", [1, 4])
@pytest.mark.parametrize("sizes", [(23,), (10, 13)])
def test_an_epoch_shows_every_image_with_every_variant_once(sizes: tuple[int, ...], variants: int) -> None:
    rows = np.arange(100, 100 + sum(sizes))
    order = Order(np.split(rows, np.cumsum(sizes)[:-1]), 4, seed=0, variants=variants)
    assert sorted(shown(order)) == sorted((int(r), v) for r in rows for v in range(variants))
    assert len(order) == len(order.batches())


def test_order_is_a_function_of_seed_and_epoch() -> None:
    order, same = (Order([np.arange(50)], 8, seed=3) for _ in range(2))
    assert shown(order) == shown(same)
    first = shown(order)
    order.set_epoch(1)
    assert shown(order) != first
    assert shown(Order([np.arange(50)], 8, seed=4)) != first
    order.set_epoch(0)
    assert shown(order) == first


@pytest.mark.parametrize("images", [24, 25])
def test_ranks_share_an_epoch_in_equal_steps(images: int) -> None:
    ranks = [Order([np.arange(images)], 4, seed=0, rank=r, world=3) for r in range(3)]
    assert len({len(order) for order in ranks}) == 1
    everything = [row for order in ranks for row, _ in shown(order)]
    assert set(everything) == set(range(images))
    assert len(everything) == -(-images // 3) * 3  # wrapped around, no more than that


def loader(resident: bool = True, crop: tuple[int, int] | None = None, **source: object) -> TrainLoader:
    table = cache.prepare(Arrays(**source), Decoding(1))
    store = TableStore(table, np.arange(len(table)), crop, torch.device("cpu"), resident)
    return TrainLoader(store, Order(store.buckets, 4, seed=0), prefetch=not resident)


@pytest.mark.parametrize("crop", [None, (8, 6)])
@pytest.mark.parametrize("shapes", [((20, 24),) * 9, ((20, 24), (16, 12)) * 4])
def test_gathered_images_are_the_stored_ones(shapes: tuple[tuple[int, int], ...], crop: tuple[int, int] | None) -> None:
    chosen, streamed = loader(shapes=shapes, crop=crop), loader(resident=False, shapes=shapes, crop=crop)
    table = chosen.store.table
    for sample, other in zip(chosen, streamed, strict=True):
        assert torch.equal(sample.clean, other.clean)
        assert torch.equal(sample.index, other.index)
        for row, image in zip(sample.index.tolist(), sample.clean, strict=True):
            whole = torch.from_numpy(table.clean(row).copy())
            if crop is None:
                assert torch.equal(image, whole)
            else:
                windows = whole.unfold(1, crop[0], 1).unfold(2, crop[1], 1)
                assert (windows == image[:, None, None]).all(-1).all(-1).any()


def test_crops_move_and_reach_every_corner() -> None:
    chosen = loader(shapes=((6, 7),) * 40, crop=(4, 4))
    corners = set()
    for epoch in range(6):
        chosen.sampler.set_epoch(epoch)
        for sample in chosen:
            for row, image in zip(sample.index.tolist(), sample.clean, strict=True):
                whole = torch.from_numpy(chosen.store.table.clean(row).copy())
                windows = whole.unfold(1, 4, 1).unfold(2, 4, 1)[0]
                found = (windows == image).all(-1).all(-1).nonzero()
                corners |= {tuple(corner) for corner in found.tolist()}
    # 240 crops over 12 corners: the chance that one is missing is below 12 * (11/12)^240, a hundred-millionth.
    assert corners == {(y, x) for y in range(3) for x in range(4)}


def test_pass_resumes_in_the_middle() -> None:
    whole, cut = loader(), loader()
    expected = list(whole)
    iterator = iter(cut)
    next(iterator)
    state = cut.state_dict()
    again = loader()
    again.load_state_dict(state)
    rest = list(again)
    assert [s.counter for s in rest] == [s.counter for s in expected[1:]]
    assert all(torch.equal(a.clean, b.clean) for a, b in zip(rest, expected[1:], strict=True))
    assert len(list(again)) == len(expected)  # the pass after it is whole


def test_batch_is_made_again_from_its_number() -> None:
    chosen = loader(crop=(8, 6))
    chosen.sampler.set_epoch(2)
    for sample in chosen:
        again = chosen.batch(sample.counter)
        assert torch.equal(again.clean, sample.clean)
    assert chosen.sampler.epoch == 2


def module(noise: object, *, seed: int = 0, rank: int = 0, **changes: object) -> DataModule:
    dataset = Dataset(lambda root: Arrays(((20, 20),) * 24), batch_size=8, val=2, test=2, split_by="image", **changes)
    evaluations = {"e": Evaluation("e", Degradation(noise=Impulse(0.3, clip=True)), {"n": 1})}
    return DataModule(
        dataset, Degradation(noise=noise), evaluations, seed=seed, split_seed=0, eval_seed=0, protocol={},
        device=torch.device("cpu"), rank=rank,
    )  # fmt: skip


def batches(data: DataModule, epoch: int = 0) -> list:
    chosen = data.train_dataloader()
    chosen.sampler.set_epoch(epoch)
    return [data.on_after_batch_transfer(sample, 0) for sample in chosen]


def test_training_noise_depends_on_seed_rank_and_counter_alone() -> None:
    def noise_of(data: DataModule, epoch: int = 0) -> list[torch.Tensor]:
        return [sample.degraded - sample.clean for sample in batches(data, epoch)]

    noise = Gaussian(25, clip=False)
    first = noise_of(module(noise))
    assert all(torch.equal(a, b) for a, b in zip(first, noise_of(module(noise)), strict=True))
    for other in (noise_of(module(noise, rank=1)), noise_of(module(noise, seed=1)), noise_of(module(noise), 1)):
        assert not torch.allclose(other[0], first[0])
    assert not torch.allclose(first[0], first[1])  # nor do two batches share theirs
    everything = torch.cat([n.flatten() for n in first])
    assert everything.std().item() == pytest.approx(25 / 255, abs=5 * 25 / 255 / (2 * len(everything)) ** 0.5)


def test_each_image_with_each_noise() -> None:
    data = module(Each({"gaussian": Gaussian(25, clip=True), "impulse": Impulse(0.5, clip=True)}))
    samples = batches(data)
    assert sum(len(sample) for sample in samples) == 2 * 20
    for sample in samples:
        kinds = sample.parameters["noise"].tolist()
        assert kinds == sorted(kinds)
        assert sample.counts == (kinds.count(0), kinds.count(1))


def test_fixed_noise_is_drawn_once() -> None:
    data = module(Gaussian(25, clip=False, fixed=True))

    def by_image(epoch: int) -> dict[int, torch.Tensor]:
        return {int(i): d for s in batches(data, epoch) for i, d in zip(s.index, s.degraded, strict=True)}

    first, second = by_image(0), by_image(1)
    assert len(first) == 20
    assert all(torch.equal(first[i], second[i]) for i in first)
    fresh = module(Gaussian(25, clip=False, fixed=False))
    a, b = ({int(i): d for s in batches(fresh, e) for i, d in zip(s.index, s.degraded, strict=True)} for e in (0, 1))
    assert not any(torch.equal(a[i], b[i]) for i in a)


@pytest.mark.parametrize(("augment", "distinct"), [("none", 1), ("flip", 2), ("dihedral", 8)])
def test_augmentations(augment: str, distinct: int) -> None:
    from restorelab.degradations.noise import NoNoise

    data = module(NoNoise(), augment=augment, size=20)
    seen: dict[int, set[bytes]] = {}
    for epoch in range(60):
        for sample in batches(data, epoch):
            assert torch.equal(sample.degraded, sample.clean)
            for row, image in zip(sample.index.tolist(), sample.clean, strict=True):
                seen.setdefault(row, set()).add(image.numpy().tobytes())
    # 60 draws: one of 20 images misses one of 8 with a chance below 20 * 8 * (7/8)^60 = 5 %; so most must have all.
    assert np.median([len(images) for images in seen.values()]) == distinct
    assert max(len(images) for images in seen.values()) == distinct
