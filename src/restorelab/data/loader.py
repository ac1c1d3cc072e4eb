"""Loaders over a decoded table: a batch is one gather, in an order that is a pure function of (seed, epoch).

`TrainLoader` yields uint8 batches, cropped and turned, for the datamodule to degrade on the device. Where the table
fits, it lies on the device and a batch is one gather there; otherwise a thread gathers the next batch from the
memory-mapped file while the device works.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from restorelab.data.sample import Sample
from restorelab.degradations.rng import derive


class Store(Protocol):
    """Gives batches of stored images by row; all rows of one call have one shape, unless it crops."""

    buckets: list[np.ndarray]
    """The rows that may share a batch, one array a shape."""

    def gather(
        self, rows: np.ndarray, counts: tuple[int, ...] | None, key: tuple[int, ...], epoch: int
    ) -> dict[str, Tensor | None]:
        """`index`, `clean`, `degraded` and `label` of the rows; `key` seeds what the store draws (crops, forms)."""


class Order:
    """The order of one epoch: every (image, variant) once, shuffled by (seed, epoch), cut into batches by bucket.

    buckets: rows that may share a batch. shown: the rows of each variant, where not every image is shown under every
    variant; together they are the buckets' rows.

    Lightning calls `set_epoch` on a loader's `sampler`. With several ranks each takes every world-th entry; the
    entries are wrapped around to a multiple of the world's size, so that all ranks take equally many steps.
    """

    def __init__(
        self,
        buckets: list[np.ndarray],
        batch_size: int,
        seed: int,
        *,
        variants: int = 1,
        shown: Sequence[np.ndarray] | None = None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.batch_size, self.seed, self.variants = batch_size, seed, variants
        self.rank, self.world = rank, world
        self.epoch, self.repeats = 0, False
        self.entries = []  # of each bucket: row and variant of every entry, variant after variant
        for bucket in buckets:
            parts = [bucket] * variants if shown is None else [bucket[np.isin(bucket, rows)] for rows in shown]
            self.entries.append((np.concatenate(parts), np.repeat(np.arange(variants), [len(part) for part in parts])))

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next pass shows; one that `repeats` shows the first one always."""
        self.epoch = 0 if self.repeats else epoch

    def __len__(self) -> int:
        """Batches a rank sees in one epoch."""
        return sum(-(-self._share(rows) // self.batch_size) for rows, _ in self.entries)

    def _share(self, rows: np.ndarray) -> int:
        return -(-len(rows) // self.world)

    def batches(self) -> list[tuple[np.ndarray, tuple[int, ...] | None]]:
        """`(rows, counts)` of each batch; with variants, rows are sorted by variant and counts says how many each."""
        generator = np.random.Generator(np.random.Philox(key=derive(self.seed, "order", self.epoch)))
        batches = []
        for rows, variant in self.entries:
            order = generator.permutation(len(rows))
            order = np.resize(order, self._share(rows) * self.world)[self.rank :: self.world]
            places = [order[i : i + self.batch_size] for i in range(0, len(order), self.batch_size)]
            batches += [self._by_variant(rows[chosen], variant[chosen]) for chosen in places]
        if len(self.entries) > 1:  # so that the shapes mix over the epoch; the same on every rank
            batches = [batches[i] for i in generator.permutation(len(batches))]
        return batches

    def _by_variant(self, rows: np.ndarray, variant: np.ndarray) -> tuple[np.ndarray, tuple[int, ...] | None]:
        if self.variants == 1:
            return rows, None
        counts = np.bincount(variant, minlength=self.variants)
        return rows[np.argsort(variant, kind="stable")], tuple(counts.tolist())


class TrainLoader:
    """Batches of one epoch after another, resumable in the middle of an epoch.

    Each sample bears `counter`, the number of batches before it since the run began: with the seed and the rank it
    keys the batch's noise and crops, so that a batch can be made again from its number alone.
    """

    def __init__(self, store: Store, order: Order, *, prefetch: bool) -> None:
        self.store, self.sampler, self.prefetch = store, order, prefetch
        self._start = 0
        self._position = 0

    def __len__(self) -> int:
        return len(self.sampler)

    def state_dict(self) -> dict[str, Any]:
        """Where the pass stands; Lightning keeps it in mid-epoch checkpoints."""
        return {"position": self._position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next pass begin where `state` was taken."""
        self._start = int(state["position"])

    def __iter__(self) -> Iterator[Sample]:
        # The epoch was set through the sampler. Lightning never exhausts a sized iterator: nothing may stand behind
        # the last yield.
        start, self._start = self._start, 0
        first = self.sampler.epoch * len(self)
        batches = self.sampler.batches()[start:]
        jobs = ((first + start + i, rows, counts) for i, (rows, counts) in enumerate(batches))
        for i, sample in enumerate(self._ahead(jobs) if self.prefetch else map(self._make, jobs)):
            self._position = start + i + 1
            yield sample

    def batch(self, counter: int) -> Sample:
        """Batch number `counter` of the run, made again (for the report of a loss that became NaN)."""
        epoch = self.sampler.epoch
        self.sampler.set_epoch(counter // len(self))
        rows, counts = self.sampler.batches()[counter % len(self)]
        self.sampler.epoch = epoch
        return self._make((counter, rows, counts))

    def _make(self, job: tuple[int, np.ndarray, tuple[int, ...] | None]) -> Sample:
        counter, rows, counts = job
        key = self.sampler.seed, self.sampler.rank, counter
        fields = self.store.gather(rows, counts, key, counter // len(self))
        assert fields["index"] is not None
        assert fields["clean"] is not None
        return Sample(
            index=fields["index"],
            clean=fields["clean"],
            degraded=fields["degraded"],
            label=fields["label"],
            counts=counts,
            counter=counter,
        )

    def _ahead(self, jobs: Iterator[tuple[int, np.ndarray, tuple[int, ...] | None]]) -> Iterator[Sample]:
        """Make the next batch in a thread while the last one is used."""
        with ThreadPoolExecutor(1, thread_name_prefix="gather") as pool:
            waiting = None
            for job in jobs:
                following = pool.submit(self._make, job)
                if waiting is not None:
                    yield waiting.result()
                waiting = following
            if waiting is not None:
                yield waiting.result()
