"""Frozen sets: fixed evaluation images, degraded once, with the same bits for every model, loader and machine.

Each image is degraded by itself, on the CPU, in float64, with Philox draws keyed by (image id, degradation, seed), and
stored as float32. Float64 hides differences between CPU vector kernels in the last bit of a blur.

Two hashes identify a set. Results may be compared if their `spec` (ids, clean bytes, degradation, seed, protocol,
recipe) is the same; `bits` (the degraded tensors) must then be the same too.
"""

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor
from tqdm import tqdm

from restorelab.data.batching import CPU, BatchSize, measured_together
from restorelab.data.cache import ImageTable
from restorelab.data.cache_root import cache_root, unusable
from restorelab.data.evaluation import Evaluation, hash_of_images
from restorelab.data.sample import Sample
from restorelab.data.stored import as_tensor, to_unit
from restorelab.errors import DataError
from restorelab.noise_level import noise_level

log = logging.getLogger(__name__)

RECIPE = 2  # 2: Gaussian blur reaches 3 sigma; 25 and 25.0 are the same strength
"""Version of the procedure that makes frozen sets; part of every spec. Raise it if the bits change on purpose."""

DISK_SHARE = 0.25
"""Share of the free disk space that one set may take. A larger set is computed at each use, with the same bits."""

IMAGES, META, PARAMETERS = "degraded.f32", "meta.json", "parameters.json"
"""Files of a stored set."""


class FrozenSet:
    """Some images of a table under one fixed degradation.

    Real degraded/clean pairs are used unchanged.

    Attributes:
        shapes: (N, 3) int64, channels, height and width of the degraded images.
        offsets: (N,) int64, index of the first value of each image in the stored file.
        values: number of values of all degraded images.
    """

    def __init__(
        self,
        table: ImageTable,
        rows: np.ndarray,
        evaluation: Evaluation,
        *,
        part: str,
        seed: int,
        protocol: Mapping[str, Any],
    ) -> None:
        self.table, self.rows, self.evaluation, self.part, self.seed = table, rows, evaluation, part, seed
        self._real = table.degraded_pixels is not None
        shapes = [self._degraded_shape(row) for row in rows]
        self.shapes = np.array(shapes, dtype=np.int64).reshape(-1, 3)
        sizes = self.shapes.prod(axis=1)
        self.offsets, self.values = np.cumsum(sizes) - sizes, int(sizes.sum())
        self._protocol = protocol
        self.spec = self._hash_spec()
        self._pixels: Tensor | None = None
        self._file: Path | None = None
        self.bits = self._open()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def nbytes(self) -> int:
        """Bytes of all degraded images, as float32."""
        return self.values * 4

    @property
    def nbytes_clean(self) -> int:
        """Bytes of all clean images, as float32."""
        return int(self.table.shapes[self.rows].prod(axis=1).sum()) * 4

    @property
    def one_shape(self) -> bool:
        """Whether all clean images have the same shape."""
        shapes = self.table.shapes[self.rows]
        return bool((shapes == shapes[:1]).all())

    @property
    def channels(self) -> int:
        """Number of channels of the clean images; 3 for an empty set."""
        return int(self.table.shapes[self.rows[0], 0]) if len(self.rows) else 3

    @property
    def ids(self) -> list[str]:
        """The images' ids, in the set's order."""
        return [self.table.ids[row] for row in self.rows]

    @property
    def groups(self) -> list[str]:
        """The images' groups, in the set's order."""
        return [self.table.groups[row] for row in self.rows]

    def clean(self, place: int) -> Tensor:
        """Return the clean image at index `place` of the set: (C, H, W) float32 in [0, 1]."""
        return to_unit(as_tensor(self.table.clean(self.rows[place])))

    def image(self, place: int) -> Tensor:
        """Return the degraded image at index `place` of the set: (C, h, w) float32."""
        if self._pixels is None:
            return self._make(place)[0]
        begin, shape = int(self.offsets[place]), self.shapes[place]
        return self._pixels[begin : begin + int(shape.prod())].view(*shape.tolist())

    @cached_property
    def parameters(self) -> dict[str, np.ndarray]:
        """What the degradation drew for each image, `{name: (N,)}` float64, as `Degradation` returns it."""
        if self._real:
            return {}
        file = cache_root() / "frozen" / self.spec / PARAMETERS
        try:
            drawn = json.loads(file.read_text())
        except (OSError, ValueError):  # stored by an earlier version, or not stored
            drawn = _columns([self._make(place)[1] for place in range(len(self))])
        return {name: np.asarray(values, dtype=np.float64) for name, values in drawn.items()}

    def sigma(self, place: int) -> Tensor | None:
        """Return the noise level of the degraded image at index `place` as a batch of one; see `Sample.sigma`."""
        return noise_level(self._drawn([place]), self.image(place)[None])

    def sigmas(self, places: Sequence[int] | np.ndarray) -> Tensor | None:
        """Return the noise levels of degraded images of one shape; see `Sample.sigma`."""
        return noise_level(self._drawn(places), torch.stack([self.image(place) for place in places]))

    def _drawn(self, places: Sequence[int] | np.ndarray) -> dict[str, Tensor]:
        return {name: torch.from_numpy(values[places]) for name, values in self.parameters.items()}

    def places(
        self, batch_size: BatchSize, rank: int = 0, world: int = 1, device: torch.device = CPU
    ) -> list[np.ndarray]:
        """Return the indices in the set of the images of each batch; see `measured_together`."""
        self._check_sizes()
        return measured_together(self.table.shapes[self.rows], batch_size, rank, world, device)

    def batches(
        self, batch_size: BatchSize, rank: int = 0, world: int = 1, device: torch.device = CPU
    ) -> Iterator[Sample]:
        """Yield the set in batches on the CPU, in pinned memory for a GPU; `Sample.index` is the index in the set."""
        for places in self.places(batch_size, rank, world, device):
            labels = None if self.table.labels is None else self.table.labels[self.rows[places]]
            sample = Sample(
                index=torch.from_numpy(places),
                clean=to_unit(as_tensor(np.stack([self.table.clean(self.rows[p]) for p in places]))),
                degraded=torch.stack([self.image(p) for p in places]),
                parameters=self._drawn(places),
                label=None if labels is None else torch.from_numpy(np.asarray(labels, dtype=np.int64)),
            )
            yield sample.pinned() if device.type == "cuda" else sample

    def _degraded_shape(self, row: int) -> tuple[int, int, int]:
        if self._real:
            assert self.table.degraded_shapes is not None
            channels, height, width = self.table.degraded_shapes[row]
        else:
            channels, height, width = self.table.shapes[row]
            height, width = self.evaluation.degradation.output_size((int(height), int(width)))
        return int(channels), int(height), int(width)

    def _make(self, place: int) -> tuple[Tensor, dict[str, float]]:
        """Return the degraded image and what was drawn for it."""
        row = self.rows[place]
        if self._real:
            return to_unit(as_tensor(self.table.degraded(row))), {}
        clean = self.table.clean(row).astype(np.float64) / self.table.maximum
        return self.evaluation.degrade(clean, self.table.ids[row], self.seed)

    def _made(self, drawn: list[dict[str, float]]) -> Iterator[Tensor]:
        """Yield every degraded image; append what was drawn for it to `drawn`."""
        for place in tqdm(range(len(self)), desc=f"degrading {self.evaluation.name}", leave=False, disable=None):
            image, parameters = self._make(place)
            drawn.append(parameters)
            yield image

    def _hash_spec(self) -> str:
        digest = hashlib.sha256()
        for row in self.rows:
            digest.update(self.table.ids[row].encode() + b"\0")
            digest.update(np.ascontiguousarray(self.table.clean(row)).tobytes())
        facts = {"degradation": "pair" if self._real else self.evaluation.config, "seed": self.seed}
        facts |= {"protocol": dict(self._protocol), "recipe": RECIPE}
        digest.update(json.dumps(facts, sort_keys=True).encode())
        return digest.hexdigest()[:16]

    def _open(self) -> str:
        """Map the stored set, which is computed and stored first if necessary; return the hash of its bits.

        A cache that cannot be written is still read.
        """
        folder = cache_root() / "frozen" / self.spec
        try:
            bits = self._stored_bits(folder) or self._store(folder)
        except OSError as error:
            log.warning("%s/%s: the images are computed at each use: %s", self.part, self.evaluation.name,
                        unusable(folder.parent, error))  # fmt: skip
            bits = None
        if bits is None:
            return hash_of_images(self._make(place)[0] for place in range(len(self)))
        self._file = folder / IMAGES
        mapped = np.memmap(self._file, dtype=np.float32, mode="c", shape=(self.nbytes // 4,))
        self._pixels = torch.from_numpy(mapped)
        return bits

    def _store(self, folder: Path) -> str | None:
        """Store the set on disk and return the hash of its bits; None if there is too little disk space."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        if self.nbytes > DISK_SHARE * shutil.disk_usage(folder.parent).free:
            log.info("%s/%s: %.0f MiB do not fit on the disk; the images are computed at each use", self.part,
                     self.evaluation.name, self.nbytes / 2**20)  # fmt: skip
            return None
        with FileLock(folder.with_suffix(".lock")):
            if bits := self._stored_bits(folder):  # another run may have stored it while this one waited
                return bits
            if folder.exists():
                log.warning("%s is damaged and will be rebuilt", folder)
                shutil.rmtree(folder)
            return self._build(folder)

    def _stored_bits(self, folder: Path) -> str | None:
        """Return the hash of the bits of a stored set; None if it is missing, incomplete or damaged."""
        try:
            bits = str(json.loads((folder / META).read_text())["bits"])
            with (folder / IMAGES).open("rb") as stream:
                complete = os.fstat(stream.fileno()).st_size == self.nbytes
                return bits if complete and hashlib.file_digest(stream, "sha256").hexdigest()[:16] == bits else None
        except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
            return None

    def verify(self) -> None:
        """Check that the clean and degraded images on disk are those that the set was opened with.

        Raises:
            DataError: naming the cache file that has changed.
        """
        self._check_sizes()
        if self._hash_spec() != self.spec:
            raise _changed(self.table.folder / "clean.bin")
        if self._pixels is not None and hashlib.sha256(self._pixels.numpy().data).hexdigest()[:16] != self.bits:
            raise _changed(self._file)

    def _check_sizes(self) -> None:
        """Raise DataError for a file that was truncated: reading its memory map would kill the process."""
        for file, size in ((self.table.folder / "clean.bin", self.table.pixels.nbytes), (self._file, self.nbytes)):
            if file is not None and file.exists() and file.stat().st_size != size:
                raise _changed(file)

    def _build(self, folder: Path) -> str:
        """Degrade every image into a temporary folder, then rename it: a killed process leaves no partial set."""
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".building-") as temporary:
            new = Path(temporary) / "set"
            new.mkdir()
            drawn: list[dict[str, float]] = []
            with (new / IMAGES).open("wb") as stream:
                bits = hash_of_images(self._made(drawn), stream.write)
            (new / PARAMETERS).write_text(json.dumps(_columns(drawn)))
            facts = {"bits": bits, "part": self.part, "evaluation": self.evaluation.name, "images": len(self)}
            (new / META).write_text(json.dumps(facts | {"config": self.evaluation.config}, indent=1))
            new.rename(folder)
        log.debug("%s/%s: %d evaluation images degraded and stored, bits %s", self.part, self.evaluation.name,
                  len(self), bits)  # fmt: skip
        return bits


def _columns(drawn: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    """Turn what was drawn for each image into one list a name."""
    return {name: [parameters[name] for parameters in drawn] for name in (drawn[0] if drawn else ())}


def _changed(file: Path | None) -> DataError:
    return DataError(
        f"{file} was changed during the run, so the results were not measured on the fixed evaluation images. They are "
        "discarded; resume the run (resume=true) to measure again."
    )
