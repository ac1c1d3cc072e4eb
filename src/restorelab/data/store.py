"""The store of training images, on the device or memory-mapped, from which batches are gathered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from restorelab.data.cache import ImageTable
from restorelab.data.frozen import FrozenSet
from restorelab.data.gather import View, upload
from restorelab.data.pairing import Division
from restorelab.data.small_images import refuse
from restorelab.data.stored import as_tensor
from restorelab.data.turns import Turns
from restorelab.degradations.rng import derive


@dataclass
class TableStore:
    """Training images of a decoded table, whole or in random crops, with augmentation.

    Images that are resident on a GPU are one tensor there, and a batch is one gather from it. Only one small pinned
    tensor with the host's draws is copied per batch, so the host never waits. Otherwise images are read from the
    memory-mapped file, into pinned memory if the device is a GPU.

    Attributes:
        table: the decoded dataset.
        rows: the training rows.
        crop: height and width of the crops of clean images; None for whole images.
        device: the device of the run.
        resident: whether the images are kept on the device.
        frozen: with `noise.fixed=true`, the set of degraded images of each variant.
        pad: whether images smaller than the crop are padded by reflection.
        turns: the form (flip or rotation) of each image.
    """

    table: ImageTable
    rows: np.ndarray
    crop: tuple[int, int] | None
    device: torch.device
    resident: bool
    frozen: Sequence[FrozenSet] = ()
    pad: bool = False
    turns: Turns = field(default_factory=Turns)

    def __post_init__(self) -> None:
        shapes = self.table.shapes[self.rows]
        if self.crop and not self.pad:
            refuse(self.table, Division({"train": self.rows}), ["train"], self.crop, 1)
        pairs = self.table.degraded_shapes
        self.factor = 1 if pairs is None else int(shapes[0, 1] // pairs[self.rows[0], 1])
        uniform = bool((shapes == shapes[0]).all())
        self.buckets = (
            [self.rows]
            if uniform or self.crop
            else [self.rows[(shapes == shape).all(axis=1)] for shape in np.unique(shapes, axis=0)]
        )
        self._places = [_places(noisy.rows, len(self.table)) for noisy in self.frozen]
        # On a CPU the memory-mapped file already is the device's memory, so nothing is copied.
        self._on_device = self.resident and self.device.type != "cpu"
        self._clean, self._degraded = self._sources()
        if self._on_device:
            self._clean.pixels = self._clean.pixels.to(self.device)
            if self._degraded is not None:
                self._degraded.pixels = self._degraded.pixels.to(self.device)

    def _sources(self) -> "tuple[_Flat, _Flat | None]":
        """Return the clean images and their degraded versions, on the host."""
        table = self.table
        clean = _Flat(as_tensor(table.pixels), table.offsets, table.shapes)
        if self.frozen and self._on_device:
            return clean, _joined(self.frozen)
        if self.frozen or table.degraded_pixels is None:
            return clean, None
        assert table.degraded_offsets is not None
        assert table.degraded_shapes is not None
        return clean, _Flat(as_tensor(table.degraded_pixels), table.degraded_offsets, table.degraded_shapes)

    def gather(
        self, rows: np.ndarray, counts: tuple[int, ...] | None, key: tuple[int, ...], epoch: int = 0
    ) -> dict[str, Tensor | None]:
        """Return `index`, `clean`, `degraded` and `label` of some rows; images are as stored, `(B, C, H, W)`.

        rows: (B,) of the table, of one shape unless the store crops. counts: number of rows of each variant. key: seeds
        the positions of the crops, and the forms if they are drawn. epoch: of the batch.
        """
        generator = np.random.Generator(np.random.Philox(key=derive("crop", *key)))
        corners = None
        if self.crop:
            slack = np.maximum(self.table.shapes[rows, 1:] - np.array(self.crop), 0) // self.factor
            corners = np.floor(generator.random(slack.shape) * (slack + 1)).astype(np.int64) * self.factor
        edge = self.factor > 1 if self.pad else None
        view = View(self.crop, corners, self.turns.of(rows, epoch, generator), edge)
        if self._on_device:
            return self._gather_on_device(rows, counts, view)
        labels = None if self.table.labels is None else np.asarray(self.table.labels[rows], dtype=np.int64)
        fields = {
            "index": torch.from_numpy(rows.astype(np.int64)),
            "clean": self._clean.batch(rows, view),
            "degraded": None if self._degraded is None else self._degraded.batch(rows, view.reduced(self.factor)),
            "label": None if labels is None else torch.from_numpy(labels),
        }
        if self.frozen:
            entries = zip(self._by_variant(rows, counts), self.frozen, strict=True)
            images = [noisy.image(place).numpy() for places, noisy in entries for place in places]
            fields["degraded"] = view.of_images(images)
        if self.device.type == "cuda":  # from pinned memory, the copy to the GPU overlaps with the next gather
            fields = {name: tensor if tensor is None else tensor.pin_memory() for name, tensor in fields.items()}
        return fields

    def _by_variant(self, rows: np.ndarray, counts: tuple[int, ...] | None) -> Iterator[list[int]]:
        """Yield, for each variant, the indices in its frozen set of the batch's images of that variant."""
        ends = np.cumsum(counts if counts is not None else [len(rows)])[:-1]
        for places, part in zip(self._places, np.split(rows, ends), strict=True):
            yield places[part].tolist()

    def _gather_on_device(
        self, rows: np.ndarray, counts: tuple[int, ...] | None, view: View
    ) -> dict[str, Tensor | None]:
        """Copy one small tensor to the device and gather everything there."""
        labels = np.zeros(len(rows), np.int64) if self.table.labels is None else self.table.labels[rows]
        columns = [np.stack([rows, labels]).astype(np.int64), self._clean.columns(rows, view)]
        entries, reduced = rows, view.reduced(self.factor)
        if self._degraded is not None:
            if self.frozen:
                first = np.cumsum([0, *map(len, self.frozen)])
                variants = zip(first, self._by_variant(rows, counts), strict=False)
                entries = np.concatenate([begin + np.array(places, np.int64) for begin, places in variants])
            columns.append(self._degraded.columns(entries, reduced))
        sent = upload(np.concatenate(columns), self.device)
        return {
            "index": sent[0],
            "label": None if self.table.labels is None else sent[1],
            "clean": self._clean.gathered(rows, sent[2:8], view),
            "degraded": None if self._degraded is None else self._degraded.gathered(entries, sent[8:], reduced),
        }


@dataclass
class _Flat:
    """Images stored one after another: flat `pixels`, the offset of each image, (N,), and its shape, (N, 3)."""

    pixels: Tensor
    offsets: np.ndarray
    shapes: np.ndarray

    def batch(self, rows: np.ndarray, view: View) -> Tensor:
        """Gather a batch on the host."""
        if view.whole:
            return self._select(rows, torch.from_numpy(self.offsets[rows]))
        pixels = self.pixels.numpy()
        places = zip(self.offsets[rows].tolist(), self.shapes[rows].tolist(), strict=True)
        return view.of_images([pixels[at : at + c * h * w].reshape(c, h, w) for at, (c, h, w) in places])

    def columns(self, rows: np.ndarray, view: View) -> np.ndarray:
        """See `View.columns`."""
        return view.columns(self.offsets[rows], self.shapes[rows])

    def gathered(self, rows: np.ndarray, columns: Tensor, view: View) -> Tensor:
        """Gather a batch on the device. columns: the result of `columns`, on the device."""
        if view.whole:
            return self._select(rows, columns[0])
        channels, height, width = self.shapes[rows[0]].tolist()
        return view.gather(self.pixels, columns, (channels, height, width))

    def _select(self, rows: np.ndarray, offsets: Tensor) -> Tensor:
        """Select whole images as rows of a matrix; images of one shape are contiguous."""
        shape, first = self.shapes[rows[0]], int(self.offsets[rows].min())
        size = int(shape.prod())
        matrix = self.pixels[first : first + (self.pixels.numel() - first) // size * size].view(-1, size)
        return matrix.index_select(0, (offsets - first) // size).view(-1, *shape.tolist())


def _joined(sets: Sequence[FrozenSet]) -> _Flat:
    """Concatenate the images of all sets."""
    sizes = np.cumsum([0, *(noisy.values for noisy in sets)])
    pixels = torch.empty(int(sizes[-1]))
    for noisy, begin in zip(sets, sizes[:-1].tolist(), strict=True):
        for place, at in enumerate(noisy.offsets.tolist()):
            image = noisy.image(place)
            pixels[begin + at : begin + at + image.numel()] = image.flatten()
    offsets = np.concatenate([begin + noisy.offsets for noisy, begin in zip(sets, sizes[:-1], strict=True)])
    return _Flat(pixels, offsets, np.concatenate([noisy.shapes for noisy in sets]))


def _places(rows: np.ndarray, total: int) -> np.ndarray:
    """Return the index of each row of the table in `rows`, `(total,)`; -1 for other rows."""
    places = np.full(total, -1, dtype=np.int64)
    places[rows] = np.arange(len(rows))
    return places
