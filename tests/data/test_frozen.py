"""Frozen sets: the same bits for every loader, and two hashes that say so."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from restorelab.data import cache
from restorelab.data.datamodule import FrozenLoader
from restorelab.data.decode import Decoding
from restorelab.data.evaluation import Evaluation
from restorelab.data.frozen import FrozenSet
from restorelab.data.item import Item
from restorelab.data.sample import Sample
from restorelab.degradations.blur import Gaussian as Blur
from restorelab.degradations.downsample import AvgPool, NoDownsample
from restorelab.degradations.noise import Impulse, Poisson
from restorelab.degradations.pipeline import Degradation
from restorelab.metrics.protocol import Protocol
from restorelab.models.median import Median
from restorelab.training.evaluation import evaluate


@dataclass
class Arrays:
    """A source of random pixels; `shapes` says how large each image is."""

    shapes: tuple[tuple[int, int], ...] = ((20, 24),) * 9
    pairs: bool = False
    seed: int = 0
    dtype: type = np.uint8

    def items(self) -> list[Item]:
        generator = np.random.default_rng(self.seed)
        images = [generator.integers(0, np.iinfo(self.dtype).max + 1, shape, dtype=self.dtype) for shape in self.shapes]
        return [
            Item(f"i{n}", f"g{n // 3}", image, 255 - image if self.pairs else None) for n, image in enumerate(images)
        ]

    def fingerprint(self) -> dict[str, object]:
        return {"arrays": [self.shapes, self.pairs, self.seed, self.dtype.__name__]}


def evaluation(name: str = "mixed", amount: float = 0.3) -> Evaluation:
    degradation = Degradation(Blur(1.0), NoDownsample(), Impulse(amount, clip=True))
    return Evaluation(name, degradation, {"blur": 1.0, "noise": ["impulse", amount]})


def frozen(tmp: Path, source: Arrays | None = None, chosen: Evaluation | None = None, **changes: object) -> FrozenSet:
    table = cache.prepare(source or Arrays(), Decoding(1))
    options = {"part": "test", "seed": 0, "protocol": {"border": 0}} | changes
    return FrozenSet(table, np.arange(len(table)), chosen or evaluation(), **options)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RESTORELAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def together(chosen: FrozenSet, batch_size: int, world: int = 1) -> dict[int, torch.Tensor]:
    return {
        int(place): image
        for rank in range(world)
        for sample in chosen.batches(batch_size, rank, world)
        for place, image in zip(sample.index, sample.degraded, strict=True)
    }


def test_batches_of_large_images_are_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = frozen(tmp_path, Arrays(((20, 24),) * 9))
    monkeypatch.setattr("restorelab.data.batching.BATCH_VALUES", 3 * 20 * 24)
    assert [len(places) for places in chosen.places(4)] == [3, 3, 3]
    assert [len(places) for places in chosen.places(2)] == [2, 2, 2, 2, 1]
    monkeypatch.setattr("restorelab.data.batching.BATCH_VALUES", 1)
    assert [len(places) for places in chosen.places(4)] == [1] * 9


def test_automatic_batches_hold_as_many_of_a_shape_as_the_device_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = frozen(tmp_path, Arrays(((20, 24),) * 9 + ((10, 12),) * 6))
    monkeypatch.setattr("restorelab.data.batching.AUTO_VALUES", {"cpu": 4 * 20 * 24, "cuda": 20 * 20 * 24})
    for device, sizes in (("cpu", [6, 4, 4, 1]), ("mps", [6, 4, 4, 1]), ("cuda", [6, 9])):
        places = chosen.places("auto", device=torch.device(device))
        assert [len(some) for some in places] == sizes
        assert sorted(np.concatenate(places).tolist()) == list(range(15))
    monkeypatch.setattr("restorelab.data.batching.AUTO_VALUES", {"cpu": 1})
    assert {len(some) for some in chosen.places("auto")} == {1}


@pytest.mark.parametrize("shapes", [((20, 24),) * 9, ((20, 24), (16, 12)) * 4])
def test_measured_values_do_not_depend_on_the_batch(
    tmp_path: Path, shapes: tuple[tuple[int, int], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = frozen(tmp_path, Arrays(shapes))

    def loss(net: Callable[[torch.Tensor], torch.Tensor], sample: Sample) -> tuple[torch.Tensor, torch.Tensor]:
        restored = net(sample.degraded)
        return (restored - sample.clean).abs().mean(), restored

    alone = evaluate(Median(3), chosen, Protocol(), batch_size=1, loss=loss)
    for batch_size in (2, 64, "auto"):
        found = evaluate(Median(3), chosen, Protocol(), batch_size=batch_size, loss=loss)
        assert found.values.keys() == alone.values.keys() >= {"psnr", "ssim", "mse", "input_psnr"}
        assert all(np.array_equal(found.values[name], values) for name, values in alone.values.items())
        assert found.loss == pytest.approx(alone.loss, rel=1e-6)


def test_batches_for_a_gpu_are_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pinned: list[torch.Tensor] = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: (pinned.append(tensor), tensor)[1])
    for sample in frozen(tmp_path).batches(4, device=torch.device("cuda")):
        assert all(any(tensor is one for one in pinned) for tensor in (sample.index, sample.clean, sample.degraded))


def test_validation_batches_that_are_kept_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sets = [frozen(tmp_path), frozen(tmp_path, chosen=evaluation("more", 0.5))]
    read, batches = [], FrozenSet.batches
    monkeypatch.setattr(FrozenSet, "batches", lambda self, *given: (read.append(1), batches(self, *given))[1])
    expected = list(FrozenLoader(sets, 4, 0, 1))
    assert len(read) == 2
    loader = FrozenLoader(sets, 4, 0, 1, keep=True)
    next(iter(loader))  # a pass that is cut off
    for _ in range(3):
        found = list(loader)
        assert [number for number, _ in found] == [number for number, _ in expected] == [0, 0, 0, 1, 1, 1]
        assert all(torch.equal(a.degraded, b.degraded) for (_, a), (_, b) in zip(found, expected, strict=True))
    assert len(list(iter(loader))) == len(loader)
    assert len(read) == 2 + 1 + 2


@pytest.mark.parametrize("shapes", [((20, 24),) * 9, ((20, 24), (16, 12)) * 4])
def test_bits_do_not_depend_on_batches_ranks_or_order(tmp_path: Path, shapes: tuple[tuple[int, int], ...]) -> None:
    chosen = frozen(tmp_path, Arrays(shapes))
    alone = together(chosen, 1)
    assert sorted(alone) == list(range(len(shapes)))
    for batch_size, world in ((4, 1), (64, 1), (2, 3)):
        again = together(chosen, batch_size, world)
        assert all(torch.equal(again[place], image) for place, image in alone.items())
    # An image's noise is its own: in a set that holds the images in another order it is the same.
    turned = FrozenSet(chosen.table, chosen.rows[::-1].copy(), chosen.evaluation, part="test", seed=0, protocol={})
    assert all(torch.equal(turned.image(len(shapes) - 1 - place), image) for place, image in alone.items())


def test_kept_and_made_anew_are_the_same(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = frozen(tmp_path)
    assert (own_cache / "frozen" / kept.spec / "degraded.f32").stat().st_size == 9 * 20 * 24 * 4
    monkeypatch.setattr("restorelab.data.frozen.DISK_SHARE", 0.0)
    anew = frozen(tmp_path)
    assert anew.bits == kept.bits
    assert all(torch.equal(anew.image(i), kept.image(i)) for i in range(9))


def test_damaged_set_is_made_anew(tmp_path: Path, own_cache: Path) -> None:
    before = frozen(tmp_path)
    file = own_cache / "frozen" / before.spec / "degraded.f32"
    data = bytearray(file.read_bytes())
    data[100] ^= 1
    file.write_bytes(data)
    assert frozen(tmp_path).bits == before.bits
    assert file.read_bytes() != bytes(data)


def test_spec_changes_with_everything_that_matters(tmp_path: Path) -> None:
    base = frozen(tmp_path)
    others = [
        frozen(tmp_path, Arrays(seed=1)),
        frozen(tmp_path, chosen=evaluation(amount=0.2)),
        frozen(tmp_path, seed=1),
        frozen(tmp_path, protocol={"border": 4}),
        frozen(tmp_path, Arrays(((20, 24),) * 8)),
    ]
    assert len({base.spec, *(other.spec for other in others)}) == 6
    assert frozen(tmp_path, chosen=evaluation(name="another name")).spec == base.spec
    assert frozen(tmp_path, part="val").spec == base.spec


def test_noise_is_right_and_differs_between_images(tmp_path: Path) -> None:
    """Impulse noise on a known image: the share of struck values, within 5 standard errors."""
    chosen = frozen(tmp_path, Arrays(((100, 100),) * 9), evaluation())
    struck = torch.stack([(chosen.image(i) == 0) | (chosen.image(i) == 1) for i in range(9)])
    assert struck.float().mean().item() == pytest.approx(0.3, abs=5 * (0.3 * 0.7 / struck.numel()) ** 0.5)
    assert not torch.equal(struck[0], struck[1])


def test_downsampled_shape(tmp_path: Path) -> None:
    smaller = Evaluation("small", Degradation(downsample=AvgPool(2), noise=Poisson(50, clip=True)), {"small": 1})
    chosen = frozen(tmp_path, chosen=smaller)
    assert chosen.image(0).shape == (1, 10, 12)
    assert chosen.clean(0).shape == (1, 20, 24)


def test_real_pairs_are_taken_as_they_are(tmp_path: Path) -> None:
    chosen = frozen(tmp_path, Arrays(pairs=True))
    torch.testing.assert_close(chosen.image(4), 1 - chosen.clean(4))


def test_bits_are_pinned(tmp_path: Path) -> None:
    """A literal: should the recipe of frozen noise change, this says so before anyone compares old runs with new."""
    assert frozen(tmp_path).bits == PINNED


PINNED = "41dd97a7fd806a5c"
