"""The only LightningDataModule: decoded table, split, residency, and the preparation of a batch on the device."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice
from typing import Any

import torch
from lightning.pytorch import LightningDataModule

from restorelab.data.batching import CPU, BatchSize
from restorelab.data.dataset import Dataset, Opened, refuse_degrading
from restorelab.data.frozen import Evaluation, FrozenSet
from restorelab.data.loader import Order, TrainLoader
from restorelab.data.residency import Room, free
from restorelab.data.sample import Sample
from restorelab.data.split_record import Kept
from restorelab.data.store import TableStore
from restorelab.data.stored import to_unit
from restorelab.data.turns import Turns
from restorelab.degradations.pipeline import Degradation
from restorelab.degradations.rng import TorchDraws
from restorelab.errors import ConfigError

log = logging.getLogger(__name__)


class FrozenLoader:
    """Validation batches: every image of every frozen set once over all ranks, `(number of the set, sample)`.

    All ranks give equally many batches, as they talk to each other at each: a rank with fewer images fills up with
    `(None, sample)`, which is not to be measured.

    device: where they are measured. keep: whether the batches stay there between validations.
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
        for number, sample in islice(self._read(), len(self._kept), None):
            self._kept.append((number, sample.to(self.device)))
            yield self._kept[-1]

    def _read(self) -> Iterator[tuple[int | None, Sample]]:
        for number, frozen in enumerate(self.sets):
            for sample in frozen.batches(self.batch_size, self.rank, self.world, self.device):
                yield number, sample
        for _ in range(len(self) - self._count(self.rank)):
            yield None, next(next(frozen for frozen in self.sets if len(frozen)).batches(1, device=self.device))


class DataModule(LightningDataModule):
    """Degraded batches of one dataset.

    dataset: what is read and how. degradation: what training does to a clean image, once and for all where it is
    `fixed`. evaluations: the fixed degradations of validation and test. seed: of the run (order, crops, training
    noise). device: where resident images lie and degradation runs. rank, world: this process among those that train
    together. smoke: a few batches of each part only. opened: what `dataset.open` gave, where that was called before.
    kept: the division that a run keeps in its folder, in place of a new one. needs: gives what training takes of the
    device's memory, see `restorelab.training.footprint`.

    Ranks open the decoded table themselves; whoever comes first makes it, under a lock.
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
        needs: Callable[[], Mapping[str, int] | None] = lambda: None,
    ) -> None:
        super().__init__()
        self.dataset, self.degradation, self.evaluations = dataset, degradation, evaluations
        self.seed, self.split_seed, self.eval_seed = seed, split_seed, eval_seed
        self.protocol, self.device, self.smoke = protocol, device, smoke
        self.rank, self.world = rank, world
        self._draws: TorchDraws | None = None
        self._sets: dict[str, list[FrozenSet]] = {}
        self._loader: TrainLoader | None = None
        self._opened, self._kept, self._needs = opened, kept, needs
        self._ready = False

    def setup(self, stage: str | None = None) -> None:
        """Open the table and split it; `stage` changes nothing."""
        if self._ready:
            return
        self.table, self.rows = self._opened or self.dataset.open(self.split_seed, self.degradation, self._kept)
        if self.smoke:
            self.rows = self.rows.first(4 * self.dataset.batch_size)
        self._ready = True

    def frozen(self, part: str) -> list[FrozenSet]:
        """The images of `val` or `test` under each evaluation; made once and kept on disk. None for an empty part.

        Raises:
            ConfigError: for an evaluation that would degrade real pairs.
        """
        self.setup()
        if part not in self._sets:
            if self.table.degraded_pixels is not None:
                for name, evaluation in self.evaluations.items():
                    refuse_degrading(evaluation.degradation, name)
            self._sets[part] = [
                FrozenSet(
                    self.table, self.rows.under(part, e.of), e, part=part, seed=self.eval_seed, protocol=self.protocol
                )
                for e in self.evaluations.values()
                if len(self.rows[part])
            ]
        return self._sets[part]

    def verify(self) -> None:
        """Look once more whether the fixed images are those that were measured on; DataError where they changed."""
        for sets in self._sets.values():
            for frozen in sets:
                frozen.verify()

    def train_dataloader(self) -> TrainLoader:
        """Shuffled batches of uint8 images, cropped and turned, to be degraded on the device."""
        if self._loader is None:
            self._loader = self._make_loader()
        self._loader.sampler.repeats = bool(self.trainer and self.trainer.overfit_batches)
        return self._loader

    def _make_loader(self) -> TrainLoader:
        self.setup()
        fixed = self.degradation.fixed and self.table.degraded_pixels is None
        crop = self.dataset.train_shape if self.dataset.crop else None
        if fixed and crop and self.degradation.output_size(crop) != crop:
            msg = "noise.fixed=true with data.crop and a downsample: the crops would not meet. Set data.crop=null."
            raise ConfigError(msg)
        frozen = self._fixed() if fixed else []
        size = self.table.nbytes + sum(noisy.nbytes for noisy in frozen)
        resident, reason = self._room.take(self.dataset.residency, size, "training images")
        log.info("residency: %s (%s)", "device" if resident else "stream", reason)
        store = TableStore(
            self.table,
            self.rows["train"],
            crop,
            self.device,
            resident,
            frozen,
            pad=self.dataset.small == "pad",
            turns=Turns(self.dataset.augment, self.dataset.turns, self.seed, len(self.table)),
        )
        shown = None if self.rows.shown is None else list(self.rows.shown["train"].values())
        order = Order(
            store.buckets,
            self.dataset.batch_size,
            self.seed,
            variants=self.degradation.variants,
            shown=shown,
            rank=self.rank,
            world=self.world,
        )
        return TrainLoader(store, order, prefetch=not resident)

    @cached_property
    def _room(self) -> Room:
        return Room(free(self.device), self.device.type, self._needs)

    def _fixed(self) -> list[FrozenSet]:
        """Training noise drawn once: a frozen set a variant, seeded by the run."""
        noise: Any = self.degradation.noise
        variants = noise.noises if self.degradation.variants > 1 else {"fixed": noise}
        sets = []
        for name, one in variants.items():
            degradation = replace(self.degradation, noise=one)
            evaluation = Evaluation(name, degradation, {"training": repr(degradation)})
            rows = self.rows.under("train", name if len(variants) > 1 else None)
            sets.append(FrozenSet(self.table, rows, evaluation, part="train", seed=self.seed, protocol={}))
        return sets

    def val_dataloader(self) -> FrozenLoader | list[FrozenLoader]:
        """The frozen validation images, sharded by rank without padding; nothing where there are none."""
        if not self.frozen("val"):
            return []
        sets, keep = self.frozen("val"), False
        if self.device.type != "cpu":  # where the memory-mapped file is the device's memory
            size = sum(frozen.nbytes + frozen.nbytes_clean for frozen in sets) // self.world
            keep, reason = self._room.take(self.dataset.residency, size, "validation images")
            log.info("validation images: %s (%s)", "kept on the device" if keep else "copied each time", reason)
        return FrozenLoader(sets, self.dataset.eval_batch_size, self.rank, self.world, self.device, keep=keep)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Lightning's hook, behind the transfer: degrade training batches, leave frozen ones as they are."""
        return self.prepare(batch) if isinstance(batch, Sample) else batch

    def draws(self, sample: Sample) -> TorchDraws:
        """The stream that belongs to the sample's batch, at its start."""
        if self._draws is None or self._draws.generator.device != sample.clean.device:
            self._draws = TorchDraws(sample.clean.device)
        return self._draws.reseed(self.seed, self.rank, sample.counter or 0)

    @torch.no_grad()
    def prepare(self, sample: Sample) -> Sample:
        """Bring a stored batch into the step: to float in [0, 1], degrade. A pure function of its counter.

        sample: `clean` (B, C, H, W) as stored, on the device. Gives float32 `clean` and `degraded`.
        """
        draws = self.draws(sample)
        clean, pair = to_unit(sample.clean), sample.degraded
        if pair is not None:
            return replace(sample, clean=clean, degraded=pair if pair.is_floating_point() else to_unit(pair))
        degraded, parameters = self.degradation(clean, draws, sample.counts)
        return replace(sample, clean=clean, degraded=degraded, parameters=parameters)
