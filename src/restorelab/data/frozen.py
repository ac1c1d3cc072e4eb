"""Frozen sets: images degraded once, each by itself, with the same bits for every model, loader and machine.

Each image is degraded alone, on the CPU, in float64, from Philox draws keyed by (image id, degradation, seed); the
result is kept as float32. Float64 hides what CPU vector kernels do differently in the last bit of a blur.

Two hashes name a set. `spec` (ids, clean bytes, degradation, seed, protocol, recipe) decides what may be compared;
`bits` (the degraded tensors) must then agree too.
"""

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor
from tqdm import tqdm

from restorelab.data.batching import CPU, BatchSize, measured_together
from restorelab.data.cache import Table
from restorelab.data.cache_root import cache_root, unusable
from restorelab.data.sample import Sample
from restorelab.data.stored import as_tensor, to_unit
from restorelab.degradations.pipeline import Degradation
from restorelab.degradations.rng import PhiloxDraws
from restorelab.errors import DataError

log = logging.getLogger(__name__)

RECIPE = 2  # 2: Gaussian blur reaches 3 sigma; 25 and 25.0 are one strength
"""Version of the way frozen sets are made; part of every spec. Raise it when the bits change on purpose."""

DISK_SHARE = 0.25
"""How much of the free disk one set may take; a larger one is made anew at each use, with the same bits."""


IMAGES, META = "degraded.f32", "meta.json"
"""Files of a kept set."""


@dataclass(frozen=True)
class Evaluation:
    """A named, fixed degradation that test images are measured under.

    Attributes:
        name: such as `impulse_30`.
        degradation: what is done to an image.
        config: the resolved config of that degradation, plain data; part of the spec and the key of the draws.
        of: the variant of the training noise whose images it is measured on, where images and noises are paired; None
            for all images.
    """

    name: str
    degradation: Degradation
    config: Mapping[str, Any]
    of: str | None = None

    @property
    def key(self) -> str:
        """The degradation as a string: equal for equal configs, whatever their name."""
        return json.dumps(self.config, sort_keys=True, separators=(",", ":"))


class FrozenSet:
    """Some images of a table under one fixed degradation.

    Real degraded/clean pairs are taken as they are: the degradation is what the camera did.

    Attributes:
        shapes: (N, 3) int64, of the degraded images.
        offsets: (N,) int64, where each begins among the values of all.
        values: how many values all degraded images have.
    """

    def __init__(
        self,
        table: Table,
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
    def nbytes_clean(self) -> int:
        """Bytes of all clean images, as float32."""
        return int(self.table.shapes[self.rows].prod(axis=1).sum()) * 4

    @property
    def one_shape(self) -> bool:
        """Whether all clean images have one shape."""
        shapes = self.table.shapes[self.rows]
        return bool((shapes == shapes[:1]).all())

    @property
    def channels(self) -> int:
        """Channels of the clean images."""
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
        """Clean image number `place` of the set: (C, H, W) float32 in [0, 1]."""
        return to_unit(as_tensor(self.table.clean(self.rows[place])))

    def image(self, place: int) -> Tensor:
        """Degraded image number `place` of the set: (C, h, w) float32."""
        if self._pixels is None:
            return self._make(place)
        begin, shape = int(self.offsets[place]), self.shapes[place]
        return self._pixels[begin : begin + int(shape.prod())].view(*shape.tolist())

    def places(
        self, batch_size: BatchSize, rank: int = 0, world: int = 1, device: torch.device = CPU
    ) -> list[np.ndarray]:
        """Which images form each batch; see `measured_together`."""
        self._check_sizes()
        return measured_together(self.table.shapes[self.rows], batch_size, rank, world, device)

    def batches(
        self, batch_size: BatchSize, rank: int = 0, world: int = 1, device: torch.device = CPU
    ) -> Iterator[Sample]:
        """The set in batches on the CPU, in pinned memory for a GPU; `index` of a sample is the place in the set."""
        for places in self.places(batch_size, rank, world, device):
            labels = None if self.table.labels is None else self.table.labels[self.rows[places]]
            sample = Sample(
                index=torch.from_numpy(places),
                clean=to_unit(as_tensor(np.stack([self.table.clean(self.rows[p]) for p in places]))),
                degraded=torch.stack([self.image(p) for p in places]),
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

    def _make(self, place: int) -> Tensor:
        row = self.rows[place]
        if self._real:
            return to_unit(as_tensor(self.table.degraded(row)))
        draws = PhiloxDraws(self.table.ids[row], self.evaluation.key, self.seed)
        with torch.no_grad():
            degraded, _ = self.evaluation.degradation(_unit(self.table.clean(row), self.table.maximum)[None], draws)
        return degraded[0].float()

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
        """Map the kept set, or make it; gives the hash of its bits. A cache that can only be read is used so."""
        folder = cache_root() / "frozen" / self.spec
        try:
            bits = self._kept(folder) or self._make_kept(folder)
        except OSError as error:
            log.warning("%s/%s: made anew at each use: %s", self.part, self.evaluation.name,
                        unusable(folder.parent, error))  # fmt: skip
            bits = None
        if bits is None:
            return _digest(self._make(place) for place in range(len(self)))
        self._file = folder / IMAGES
        mapped = np.memmap(self._file, dtype=np.float32, mode="c", shape=(self.nbytes // 4,))
        self._pixels = torch.from_numpy(mapped)
        return bits

    @property
    def nbytes(self) -> int:
        """Bytes of all degraded images."""
        return self.values * 4

    def _make_kept(self, folder: Path) -> str | None:
        """Keep the set on the disk; gives the hash of its bits, None where the disk has too little room."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        if self.nbytes > DISK_SHARE * shutil.disk_usage(folder.parent).free:
            log.info("%s/%s: %.0f MiB do not fit on the disk; made anew at each use", self.part, self.evaluation.name,
                     self.nbytes / 2**20)  # fmt: skip
            return None
        with FileLock(folder.with_suffix(".lock")):
            if bits := self._kept(folder):  # another run may have made it while this one waited
                return bits
            if folder.exists():
                log.warning("%s is damaged; it is made anew", folder)
                shutil.rmtree(folder)
            return self._build(folder)

    def _kept(self, folder: Path) -> str | None:
        """The hash of the bits of a kept set that is whole."""
        try:
            bits = str(json.loads((folder / META).read_text())["bits"])
            with (folder / IMAGES).open("rb") as stream:
                whole = os.fstat(stream.fileno()).st_size == self.nbytes
                return bits if whole and hashlib.file_digest(stream, "sha256").hexdigest()[:16] == bits else None
        except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
            return None

    def verify(self) -> None:
        """Look once more whether the images are those that the set was made of.

        Raises:
            DataError: naming the file of the cache that was changed in the meantime.
        """
        self._check_sizes()
        if self._hash_spec() != self.spec:
            raise _changed(self.table.folder / "clean.bin")
        if self._pixels is not None and hashlib.sha256(self._pixels.numpy().data).hexdigest()[:16] != self.bits:
            raise _changed(self._file)

    def _check_sizes(self) -> None:
        """Reading a mapped file that was cut short would kill the process."""
        for file, size in ((self.table.folder / "clean.bin", self.table.pixels.nbytes), (self._file, self.nbytes)):
            if file is not None and file.exists() and file.stat().st_size != size:
                raise _changed(file)

    def _build(self, folder: Path) -> str:
        """Degrade every image into a temporary folder, then rename it: a kill leaves nothing half-made."""
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".building-") as temporary:
            place = Path(temporary) / "set"
            place.mkdir()
            with (place / IMAGES).open("wb") as stream:
                places = tqdm(range(len(self)), desc=f"freezing {self.evaluation.name}", leave=False, disable=None)
                bits = _digest((self._make(i) for i in places), stream.write)
            facts = {"bits": bits, "part": self.part, "evaluation": self.evaluation.name, "images": len(self)}
            (place / META).write_text(json.dumps(facts | {"config": self.evaluation.config}, indent=1))
            place.rename(folder)
        log.info("%s/%s: %d images degraded and frozen, bits %s", self.part, self.evaluation.name, len(self), bits)
        return bits


def _changed(file: Path | None) -> DataError:
    return DataError(
        f"{file} was changed while the run went on, so that its numbers are not those of the fixed images. Nothing is "
        "kept of them: go on with the run (resume=true), which measures anew."
    )


def _unit(pixels: np.ndarray, maximum: int) -> Tensor:
    return torch.from_numpy(pixels.astype(np.float64)) / maximum


def _digest(images: Iterator[Tensor], write: Any = None) -> str:
    digest = hashlib.sha256()
    for image in images:
        data = image.contiguous().numpy().tobytes()
        digest.update(data)
        if write is not None:
            write(data)
    return digest.hexdigest()[:16]
