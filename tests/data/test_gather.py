"""Crops and forms of stored images: by one indexed gather as on a GPU, and image by image as on the host."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from data.test_loader import module
from restorelab.data import cache
from restorelab.data.datamodule import DataModule
from restorelab.data.decode import Decoding
from restorelab.data.item import Item
from restorelab.data.loader import TrainLoader
from restorelab.data.store import TableStore
from restorelab.data.turns import Turns, turned
from restorelab.degradations.mixture import Each
from restorelab.degradations.noise import Gaussian, NoNoise


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTORELAB_CACHE", str(tmp_path / "cache"))


class Pairs:
    """Clean images of 3 channels and degraded ones that are smaller by a factor."""

    def __init__(self, shapes: Sequence[tuple[int, int]], factor: int, dtype: type) -> None:
        self.shapes, self.factor, self.dtype = shapes, factor, dtype

    def items(self) -> list[Item]:
        draws = np.random.default_rng(0)

        def image(height: int, width: int) -> np.ndarray:
            return draws.integers(0, np.iinfo(self.dtype).max + 1, (height, width, 3), dtype=self.dtype)

        found = []
        for i, (height, width) in enumerate(self.shapes):
            small = image(height // self.factor, width // self.factor) if self.factor else None
            found.append(Item(f"{i}", f"{i}", image(height, width), small))
        return found

    def fingerprint(self) -> dict[str, object]:
        return {"shapes": list(map(list, self.shapes)), "factor": self.factor, "dtype": np.dtype(self.dtype).name}


MIXED = ((14, 14), (10, 16), (14, 14), (8, 10), (22, 8))


@pytest.mark.parametrize(("augment", "dtype"), [("none", np.uint16), ("flip", np.uint8), ("dihedral", np.uint8)])
@pytest.mark.parametrize(
    ("shapes", "crop", "pad", "factor"),
    [
        (((14, 14),) * 5, None, False, 0),
        (((14, 14),) * 5, None, False, 2),
        (MIXED, (8, 8), False, 0),
        (MIXED, (8, 8), False, 2),
        (MIXED, (12, 12), True, 0),
        (MIXED, (24, 24), True, 2),
    ],
)
def test_a_gather_on_the_device_is_that_of_the_host(
    shapes: tuple, crop: tuple[int, int] | None, pad: bool, factor: int, augment: str, dtype: type
) -> None:
    """And both are what padding, cutting and flipping give one after the other."""
    table = cache.prepare(Pairs(shapes, factor, dtype), Decoding(3))
    turns = Turns(augment, "draw", 0, len(table))
    host, device = (
        TableStore(table, np.arange(5), crop, torch.device("cpu"), True, pad=pad, turns=turns) for _ in range(2)
    )
    device._on_device = True
    rows = np.array([3, 0, 4, 3, 1, 2])
    seen = set()
    for key in range(6):
        ours, theirs = (store.gather(rows, None, (key,)) for store in (host, device))
        assert ours.keys() == theirs.keys()
        for name, tensor in ours.items():
            assert (tensor is None and theirs[name] is None) or torch.equal(tensor, theirs[name])
        seen |= _shown(table, rows, ours, crop, factor)
    assert len(seen) == {"none": 1, "flip": 2, "dihedral": 8}[augment]


def _shown(
    table: cache.ImageTable, rows: np.ndarray, fields: dict, crop: tuple[int, int] | None, factor: int
) -> set[int]:
    """The forms in which a batch shows its images: each is one of the eight of some crop, and so is its partner."""
    seen = set()
    for place, row in enumerate(rows):
        whole = table.clean(row)
        size, step = crop or whole.shape[1:], factor or 1
        mode = "symmetric" if factor > 1 else "reflect"
        wide = np.pad(whole, ((0, 0), (0, 40), (0, 40)), mode=mode)
        found = [
            (form, top, left)
            for form in range(8)
            for top in range(0, max(whole.shape[1] - size[0], 0) + 1, step)
            for left in range(0, max(whole.shape[2] - size[1], 0) + 1, step)
            if np.array_equal(
                _moved(wide[:, top:, left:][:, : size[0], : size[1]], form), _bits(fields["clean"][place])
            )
        ]
        assert len(found) == 1
        ((form, top, left),) = found
        seen.add(form)
        if factor:
            small = np.pad(table.degraded(row), ((0, 0), (0, 40), (0, 40)), mode=mode)
            small = small[:, top // factor :, left // factor :]
            expected = _moved(small[:, : size[0] // factor, : size[1] // factor], form)
            assert np.array_equal(expected, _bits(fields["degraded"][place]))
    return seen


def _bits(image: torch.Tensor) -> np.ndarray:
    return image.numpy().view(np.uint16) if image.dtype == torch.int16 else image.numpy()


def _moved(image: np.ndarray, form: int) -> np.ndarray:
    image = np.flip(image, -1) if form & 1 else image
    image = np.flip(image, -2) if form & 2 else image
    return np.swapaxes(image, -1, -2) if form & 4 else image


@pytest.mark.parametrize("crop", [None, 12])
@pytest.mark.parametrize("noise", [
    Gaussian(25, clip=False, fixed=True),
    Each({"a": Gaussian(5, clip=True), "b": Gaussian(50, clip=True)}, fixed=True),
])  # fmt: skip
def test_frozen_noise_lies_on_the_device_with_the_images(noise: object, crop: int | None) -> None:
    host, device = (module(noise, augment="dihedral", size=20, crop=crop) for _ in range(2))
    store = device.train_dataloader().store
    store._on_device = True
    store._clean, store._degraded = store._sources()
    whole = {tuple(sample.index.tolist()): sample for sample in map(device.prepare, device.train_dataloader())}
    for stored in host.train_dataloader():
        ours = host.prepare(stored)
        theirs = whole[tuple(ours.index.tolist())]
        assert torch.equal(ours.clean, theirs.clean)
        assert torch.equal(ours.degraded, theirs.degraded)
        sigma = (ours.degraded - ours.clean).std().item() * 255
        assert 0 < sigma < 60  # two images of different places differ by 74 * sqrt(2) at the least


def forms_of(data: DataModule, epoch: int) -> dict[int, int]:
    """The form in which an epoch shows each image."""
    loader = data.train_dataloader()
    loader.sampler.set_epoch(epoch)
    forms = {}
    for sample in loader:
        for row, image in zip(sample.index.tolist(), sample.clean, strict=True):
            whole = data.table.clean(row)
            (forms[row],) = [form for form in range(8) if np.array_equal(turned(whole, form), image.numpy())]
    return forms


@pytest.mark.parametrize(("augment", "number"), [("none", 1), ("flip", 2), ("dihedral", 8)])
def test_alternating_forms_show_each_once_in_as_many_epochs(augment: str, number: int) -> None:
    data = module(NoNoise(), augment=augment, turns="alternate", size=20)
    shown = [forms_of(data, epoch) for epoch in range(2 * number)]
    for row in shown[0]:
        forms = [epoch[row] for epoch in shown]
        assert forms[:number] == forms[number:]
        assert sorted(forms[:number]) == list(range(number))
    # 20 images begin with forms of their own: one form for all has the chance 2 * 2^-20 at most
    assert number == 1 or len(set(shown[0].values())) > 1
    other = module(NoNoise(), seed=1, augment=augment, turns="alternate", size=20)
    assert number == 1 or forms_of(other, 0) != shown[0]


def test_a_form_is_a_function_of_seed_epoch_and_row() -> None:
    few, many = (Turns("dihedral", "alternate", 3, images) for images in (10, 1000))
    draws = np.random.default_rng(0)
    assert np.array_equal(few.of(np.arange(10), 5, draws), many.of(np.arange(10), 5, draws))


def test_a_batch_is_made_again_in_its_form() -> None:
    loader: TrainLoader = module(NoNoise(), augment="dihedral", turns="alternate", size=20).train_dataloader()
    loader.sampler.set_epoch(3)
    batches = list(loader)
    loader.sampler.set_epoch(0)
    for sample in batches:
        assert torch.equal(loader.batch(sample.counter).clean, sample.clean)
