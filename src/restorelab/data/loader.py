"""The training loader over a decoded table, in an order that is a pure function of (seed, epoch).

`TrainLoader` yields batches of stored images, cropped and augmented, which the datamodule degrades on the device. If
the table fits on the device, a batch is one gather there; otherwise a thread gathers the next batch from the
memory-mapped file while the device works.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from restorelab.data.sample import Sample
from restorelab.data.store import TableStore
from restorelab.degradations.rng import derive


class Order:
    """The order of one epoch: every (image, variant) once, shuffled by (seed, epoch), divided into batches by bucket.

    buckets: rows that may share a batch. shown: the rows of each variant, if not every image is shown under every
    variant; together they are the buckets' rows.

    Lightning calls `set_epoch` on a loader's `sampler`. With several ranks each takes every world-th entry. The entries
    wrap around to a multiple of the world size, so that all ranks take equally many steps.
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
        self.entries = []  # of each bucket: row and variant of every entry, sorted by variant
        for bucket in buckets:
            parts = [bucket] * variants if shown is None else [bucket[np.isin(bucket, rows)] for rows in shown]
            self.entries.append((np.concatenate(parts), np.repeat(np.arange(variants), [len(part) for part in parts])))

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next pass; with `repeats` every pass is the first epoch."""
        self.epoch = 0 if self.repeats else epoch

    def __len__(self) -> int:
        """Return the number of batches of one epoch on each rank."""
        return sum(-(-self._share(rows) // self.batch_size) for rows, _ in self.entries)

    def _share(self, rows: np.ndarray) -> int:
        return -(-len(rows) // self.world)

    def batches(self) -> list[tuple[np.ndarray, tuple[int, ...] | None]]:
        """Return `(rows, counts)` of each batch; rows are sorted by variant, counts is the number of each variant."""
        generator = np.random.Generator(np.random.Philox(key=derive(self.seed, "order", self.epoch)))
        batches = []
        for rows, variant in self.entries:
            order = generator.permutation(len(rows))
            order = np.resize(order, self._share(rows) * self.world)[self.rank :: self.world]
            places = [order[i : i + self.batch_size] for i in range(0, len(order), self.batch_size)]
            batches += [self._by_variant(rows[chosen], variant[chosen]) for chosen in places]
        if len(self.entries) > 1:  # mix the shapes over the epoch, in the same order on every rank
            batches = [batches[i] for i in generator.permutation(len(batches))]
        return batches

    def _by_variant(self, rows: np.ndarray, variant: np.ndarray) -> tuple[np.ndarray, tuple[int, ...] | None]:
        if self.variants == 1:
            return rows, None
        counts = np.bincount(variant, minlength=self.variants)
        return rows[np.argsort(variant, kind="stable")], tuple(counts.tolist())


class TrainLoader:
    """Batches of one epoch after another; it can resume in the middle of an epoch.

    `Sample.counter` is the number of batches before it since the run began. Together with the seed and the rank it keys
    the batch's noise and crops, so a batch can be reproduced from its number alone.
    """

    def __init__(self, store: TableStore, order: Order, *, prefetch: bool) -> None:
        self.store, self.sampler, self.prefetch = store, order, prefetch
        self._start = 0
        self._position = 0

    def __len__(self) -> int:
        return len(self.sampler)

    def state_dict(self) -> dict[str, Any]:
        """Return the position in the epoch; Lightning stores it in mid-epoch checkpoints."""
        return {"position": self._position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Start the next pass at the position of `state`."""
        self._start = int(state["position"])

    def __iter__(self) -> Iterator[Sample]:
        # Lightning sets the epoch through the sampler. It never exhausts a sized iterator, so code after the last yield
        # would not run.
        start, self._start = self._start, 0
        first = self.sampler.epoch * len(self)
        batches = self.sampler.batches()[start:]
        jobs = ((first + start + i, rows, counts) for i, (rows, counts) in enumerate(batches))
        for i, sample in enumerate(self._ahead(jobs) if self.prefetch else map(self._make, jobs)):
            self._position = start + i + 1
            yield sample

    def batch(self, counter: int) -> Sample:
        """Reproduce batch number `counter` of the run, to report the batch of a loss that became NaN."""
        epoch = self.sampler.epoch
        self.sampler.set_epoch(counter // len(self))
        rows, counts = self.sampler.batches()[counter % len(self)]
        self.sampler.epoch = epoch
        return self._make((counter, rows, counts))

    def _make(self, job: tuple[int, np.ndarray, tuple[int, ...] | None]) -> Sample:
        counter, rows, counts = job
        key = self.sampler.seed, self.sampler.rank, counter
        fields = self.store.gather(rows, counts, key, counter // len(self))
        index, clean = fields["index"], fields["clean"]
        assert index is not None
        assert clean is not None
        return Sample(index, clean, fields["degraded"], label=fields["label"], counts=counts, counter=counter)

    def _ahead(self, jobs: Iterator[tuple[int, np.ndarray, tuple[int, ...] | None]]) -> Iterator[Sample]:
        """Make the next batch in a thread while the previous one is used."""
        with ThreadPoolExecutor(1, thread_name_prefix="gather") as pool:
            waiting = None
            for job in jobs:
                following = pool.submit(self._make, job)
                if waiting is not None:
                    yield waiting.result()
                waiting = following
            if waiting is not None:
                yield waiting.result()
