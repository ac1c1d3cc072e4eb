"""The LightningDataModule: it opens and splits a dataset, makes its loaders and degrades training batches."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice
from typing import Any

import torch
from lightning.pytorch import LightningDataModule

from restorelab.data.batching import CPU, BatchSize
from restorelab.data.cache import ImageTable
from restorelab.data.dataset import Dataset, Opened, refuse_degrading
from restorelab.data.evaluation import Evaluation
from restorelab.data.frozen import FrozenSet
from restorelab.data.loader import Order, TrainLoader
from restorelab.data.residency import Room, free
from restorelab.data.sample import Sample
from restorelab.data.set_names import named
from restorelab.data.split_record import Kept
from restorelab.data.store import TableStore
from restorelab.data.stored import to_unit
from restorelab.data.turns import Turns
from restorelab.degradations.pipeline import Degradation
from restorelab.degradations.rng import TorchDraws
from restorelab.errors import ConfigError

log = logging.getLogger(__name__)


class FrozenLoader:
    """Validation batches `(index of the frozen set, sample)`: every image of every set once, over all ranks.

    All ranks yield equally many batches, because they synchronize at each one: a rank with fewer images appends
    `(None, sample)`, which must not be measured.

    device: where the batches are measured. keep: whether they stay there between validations.
    """

    def __init__(
        self,
        sets: Sequence[FrozenSet],
        batch_size: BatchSize,
        rank: int,
        world: int,
        device: torch.device = CPU,
        *,
        keep: bool = False,
    ) -> None:
        self.sets, self.batch_size, self.rank, self.world = sets, batch_size, rank, world
        self.device, self.keep = device, keep
        self._kept: list[tuple[int | None, Sample]] = []

    def __len__(self) -> int:
        return max(self._count(rank) for rank in range(self.world))

    def _count(self, rank: int) -> int:
        return sum(len(frozen.places(self.batch_size, rank, self.world, self.device)) for frozen in self.sets)

    def __iter__(self) -> Iterator[tuple[int | None, Sample]]:
        if not self.keep:
            yield from self._read()
            return
        yield from self._kept
        if len(self._kept) == len(self):
            return
        for index, sample in islice(self._read(), len(self._kept), None):
            self._kept.append((index, sample.to(self.device)))
            yield self._kept[-1]

    def _read(self) -> Iterator[tuple[int | None, Sample]]:
        for index, frozen in enumerate(self.sets):
            for sample in frozen.batches(self.batch_size, self.rank, self.world, self.device):
                yield index, sample
        for _ in range(len(self) - self._count(self.rank)):
            yield None, next(next(frozen for frozen in self.sets if len(frozen)).batches(1, device=self.device))


class DataModule(LightningDataModule):
    """Degraded batches of one dataset.

    Every rank opens the decoded table; the first one to do so decodes the dataset, under a lock.

    Args:
        dataset: what is read and how.
        degradation: what training applies to a clean image; only once per image if it is `fixed`.
        evaluations: the fixed degradations of validation and test, by name.
        seed: of the run; it determines the order, the crops and the training noise.
        split_seed: of the split into parts.
        eval_seed: of the evaluation noise.
        protocol: the evaluation protocol, which enters the evaluation's `spec`.
        device: where resident images are stored and where degradation runs.
        rank: of this process.
        world: number of processes that train together.
        smoke: use only a few batches of each part.
        opened: the result of `dataset.open`, if it was called before.
        kept: the split recorded in the run's folder, used in place of a new one.
        tests: test sets by name, each measured whole in place of the dataset's own test part.
        val: a set that is measured whole in place of the dataset's own validation part.
        needs: returns the device memory that training takes, see `restorelab.training.footprint`.

    """

    def __init__(
        self,
        dataset: Dataset,
        degradation: Degradation,
        evaluations: Mapping[str, Evaluation],
        *,
        seed: int,
        split_seed: int,
        eval_seed: int,
        protocol: Mapping[str, Any],
        device: torch.device,
        rank: int = 0,
        world: int = 1,
        smoke: bool = False,
        opened: Opened | None = None,
        kept: Kept | None = None,
        tests: Mapping[str, Dataset] | None = None,
        val: Dataset | None = None,
        needs: Callable[[], Mapping[str, int] | None] = lambda: None,
    ) -> None:
        super().__init__()
        self.dataset, self.degradation, self.evaluations = dataset, degradation, evaluations
        self.seed, self.split_seed, self.eval_seed = seed, split_seed, eval_seed
        self.protocol, self.device, self.smoke = protocol, device, smoke
        self.tests, self.val = dict(tests or {}), val
        self.rank, self.world = rank, world
        self._draws: TorchDraws | None = None
        self._sets: dict[str, list[FrozenSet]] = {}
        self._loader: TrainLoader | None = None
        self._opened, self._kept, self._needs = opened, kept, needs
        self._ready = False

    def setup(self, stage: str | None = None) -> None:
        """Open the table and split it; `stage` has no effect."""
        if self.trainer is not None and self._loader is None and not self._sets:  # of a Trainer that is not a run's
            self.device = self.trainer.strategy.root_device
            self.rank, self.world = self.trainer.global_rank, self.trainer.world_size
        if self._ready:
            return
        self.table, self.rows = self._opened or self.dataset.open(self.split_seed, self.degradation, self._kept)
        if self.smoke:
            self.rows = self.rows.first(4 * self.dataset.batch_size)
        self._ready = True

    def frozen(self, part: str) -> list[FrozenSet]:
        """Return a frozen set of `part` (`val` or `test`) for each evaluation, stored on disk; [] for an empty part.

        If there are test sets, `test` has a frozen set for each test set and evaluation, with names such as
        `set12/gaussian_25`. If there is a validation set, `val` consists of its images.

        Raises:
            ConfigError: for an evaluation that would degrade real pairs.
            DataError: for a test set that is missing or incomplete.
        """
        if part not in self._sets:
            if part == "test" and self.tests:
                self._sets[part] = [frozen for name, test in self.tests.items() for frozen in self._of_set(test, name)]
            elif part == "val" and self.val:
                self._sets[part] = self._of_set(self.val)
            else:
                self._sets[part] = self._of_part(part)
        return self._sets[part]

    def _of_part(self, part: str) -> list[FrozenSet]:
        self.setup()
        if not len(self.rows[part]):
            return []
        self._check_pairs(self.table)
        return [
            FrozenSet(
                self.table, self.rows.under(part, e.of), e, part=part, seed=self.eval_seed, protocol=self.protocol
            )
            for e in self.evaluations.values()
        ]

    def _of_set(self, dataset: Dataset, test: str | None = None) -> list[FrozenSet]:
        """Return a frozen set of all images for each evaluation. test: of a test set; None: the validation set."""
        table, rows = dataset.open(self.split_seed)
        self._check_pairs(table)
        shown = (rows.first(4 * self.dataset.batch_size) if self.smoke else rows)["test"]
        evaluations = [
            replace(e, name=named(test, e.name) if test else e.name, of=None) for e in self.evaluations.values()
        ]
        return [
            FrozenSet(table, shown, e, part=test or "val", seed=self.eval_seed, protocol=self.protocol)
            for e in evaluations
        ]

    def _check_pairs(self, table: ImageTable) -> None:
        if table.degraded_pixels is not None:
            for name, evaluation in self.evaluations.items():
                refuse_degrading(evaluation.degradation, name)

    def verify(self) -> None:
        """Raise DataError if the evaluation images changed on disk since they were opened."""
        for sets in self._sets.values():
            for frozen in sets:
                frozen.verify()

    def train_dataloader(self) -> TrainLoader:
        """Return the loader of shuffled batches of stored images, cropped and augmented, not degraded yet."""
        if self._loader is None:
            self._loader = self._make_loader()
        self._loader.sampler.repeats = bool(self.trainer and self.trainer.overfit_batches)  # type: ignore[attr-defined]
        return self._loader

    def _make_loader(self) -> TrainLoader:
        self.setup()
        fixed = self.degradation.fixed and self.table.degraded_pixels is None
        crop = self.dataset.train_shape if self.dataset.crop else None
        if fixed and crop and self.degradation.output_size(crop) != crop:
            raise ConfigError(
                "noise.fixed=true with data.crop and a downsample: clean and degraded crops would not be aligned. Set "
                "data.crop=null."
            )
        frozen = self._fixed() if fixed else []
        size = self.table.nbytes + sum(noisy.nbytes for noisy in frozen)
        resident, reason = self._room.take(self.dataset.residency, size, "training images")
        log.debug("training images: %s (%s)", "kept on the device" if resident else "read from disk", reason)
        turns = Turns(self.dataset.augment, self.dataset.turns, self.seed, len(self.table))
        store = TableStore(
            self.table, self.rows["train"], crop, self.device, resident, frozen, pad=self.dataset.small == "pad",
            turns=turns,
        )  # fmt: skip
        shown = None if self.rows.shown is None else list(self.rows.shown["train"].values())
        order = Order(
            store.buckets, self.dataset.batch_size, self.seed, variants=self.degradation.variants, shown=shown,
            rank=self.rank, world=self.world,
        )  # fmt: skip
        return TrainLoader(store, order, prefetch=not resident)

    @cached_property
    def _room(self) -> Room:
        return Room(free(self.device), self.device.type, self._needs)

    def _fixed(self) -> list[FrozenSet]:
        """Return the training images under noise that is drawn once: a frozen set per variant, seeded by the run."""
        noise: Any = self.degradation.noise
        variants = noise.noises if self.degradation.variants > 1 else {"fixed": noise}
        sets = []
        for name, variant in variants.items():
            degradation = replace(self.degradation, noise=variant)
            jpeg = {"jpeg": repr(degradation.jpeg)} if "jpeg" in degradation.applied else {}
            evaluation = Evaluation(name, degradation, {"training": repr(degradation)} | jpeg)
            rows = self.rows.under("train", name if len(variants) > 1 else None)
            sets.append(FrozenSet(self.table, rows, evaluation, part="train", seed=self.seed, protocol={}))
        return sets

    def val_dataloader(self) -> FrozenLoader | list[FrozenLoader]:
        """Return the loader of the validation images, sharded by rank without padding; [] if there are none."""
        sets, keep = self.frozen("val"), False
        if not sets:
            return []
        if self.device.type != "cpu":  # on a CPU the memory-mapped file already is the device's memory
            size = sum(frozen.nbytes + frozen.nbytes_clean for frozen in sets) // self.world
            keep, reason = self._room.take(self.dataset.residency, size, "validation images")
            log.debug("validation images: %s (%s)", "kept on the device" if keep else "copied each time", reason)
        return FrozenLoader(sets, self.dataset.eval_batch_size, self.rank, self.world, self.device, keep=keep)

    def test_dataloader(self) -> list[int]:
        """Return the numbers of the test sets: `RestorationTask.test_step` measures each as a whole."""
        return list(range(len(self.frozen("test"))))

    def predict_dataloader(self) -> FrozenLoader | list[FrozenLoader]:
        """Return the test images under every evaluation."""
        sets = self.frozen("test")
        return FrozenLoader(sets, self.dataset.eval_batch_size, self.rank, self.world, self.device) if sets else []

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Degrade training batches after their transfer (Lightning's hook); validation batches are not changed."""
        return self.prepare(batch) if isinstance(batch, Sample) else batch

    def draws(self, sample: Sample) -> TorchDraws:
        """Return the random stream that belongs to the sample's batch, at its start."""
        if self._draws is None or self._draws.generator.device != sample.clean.device:
            self._draws = TorchDraws(sample.clean.device)
        return self._draws.reseed(self.seed, self.rank, sample.counter or 0)

    @torch.no_grad()
    def prepare(self, sample: Sample) -> Sample:
        """Convert a stored batch to float32 in [0, 1] and degrade it; a pure function of the sample and its counter.

        sample: `clean` (B, C, H, W) as stored, on the device. The result has `clean` and `degraded` in float32.
        """
        draws = self.draws(sample)
        clean, pair = to_unit(sample.clean), sample.degraded
        if pair is not None:
            return replace(sample, clean=clean, degraded=pair if pair.is_floating_point() else to_unit(pair))
        degraded, parameters = self.degradation(clean, draws, sample.counts)
        return replace(sample, clean=clean, degraded=degraded, parameters=parameters)
