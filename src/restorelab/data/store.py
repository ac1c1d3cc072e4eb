"""Where the training images lie while a run goes on, and how a batch of them is gathered."""

import logging
import os
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from restorelab.data.cache import Table
from restorelab.data.frozen import FrozenSet
from restorelab.data.pairing import Division
from restorelab.data.small import reflected, refuse, window
from restorelab.data.stored import as_tensor
from restorelab.degradations.rng import derive

log = logging.getLogger(__name__)

SHARE = 0.5
"""How much of the device's free memory the images may take before `residency=auto` streams them."""


def choose(residency: Literal["auto", "device", "stream"], size: int, device: torch.device) -> tuple[bool, str]:
    """Whether `size` bytes of images lie on the device, and the reason."""
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else _free_memory()
    what = f"{size / 2**20:,.0f} MiB of images, {free / 2**20:,.0f} MiB free on {device.type}"
    if residency != "auto":
        return residency == "device", f"data.residency={residency}; {what}"
    return size <= SHARE * free, f"auto: {what}, at most {SHARE:.0%} of it is used"


def _free_memory() -> int:
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@dataclass
class TableStore:
    """Training images of a decoded table, whole or in random crops.

    Resident images are one tensor on the device and a batch is one `index_select`; crops are one gather from it.
    Streamed images come from the memory-mapped file, into pinned memory where the device is a GPU.

    Attributes:
        table: the decoded dataset.
        rows: the training rows.
        crop: height and width of the crops, None for whole images. In pairs of a factor, of the clean image's.
        pad: images smaller than the crop are continued by reflection.
        device: where resident images lie.
        resident: whether they lie there.
        frozen: training noise drawn once (`noise.fixed=true`), one set of degraded images a variant.
    """

    table: Table
    rows: np.ndarray
    crop: tuple[int, int] | None
    device: torch.device
    resident: bool
    frozen: list[FrozenSet] | None = None
    pad: bool = False

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
        # On a CPU the memory-mapped file is the device's memory: nothing is copied.
        self._on_gpu = self.resident and self.device.type != "cpu"
        clean, labels = self.table.pixels, self.table.labels
        self._clean = as_tensor(clean).to(self.device) if self._on_gpu else as_tensor(clean)
        self._pair = None
        if self.table.degraded_pixels is not None:
            pair = as_tensor(self.table.degraded_pixels)
            self._pair = pair.to(self.device) if self._on_gpu else pair
        self._labels = None if labels is None else torch.from_numpy(np.asarray(labels, dtype=np.int64))
        self._places = [_places(noisy.rows, len(self.table)) for noisy in self.frozen or ()]

    def gather(
        self, rows: np.ndarray, counts: tuple[int, ...] | None, key: tuple[int, ...]
    ) -> dict[str, Tensor | None]:
        """`clean`, `degraded` and `label` of some rows.

        rows: (B,) of the table, of one shape unless the store crops. counts: how many of them show each variant.
        key: seeds the place of the crops. Images come as stored, `(B, C, H, W)` uint8 or uint16.
        """
        shapes, corners = self.table.shapes[rows], None
        if self.crop:
            generator = np.random.Generator(np.random.Philox(key=derive("crop", *key)))
            slack = np.maximum(shapes[:, 1:] - np.array(self.crop), 0) // self.factor
            corners = np.floor(generator.random(slack.shape) * (slack + 1)).astype(np.int64) * self.factor
        degraded = None
        if self.frozen is not None:
            degraded = self._frozen(rows, counts, corners)
        elif self._pair is not None:
            offsets, pair_shapes = self.table.degraded_offsets, self.table.degraded_shapes
            assert offsets is not None
            assert pair_shapes is not None
            degraded = self._take(self._pair, offsets[rows], pair_shapes[rows], corners, self.factor)
        label = None if self._labels is None else self._labels[torch.from_numpy(rows)]
        clean = self._take(self._clean, self.table.offsets[rows], shapes, corners)
        fields = {"clean": clean, "degraded": degraded, "label": label}
        if self.device.type == "cuda" and not self.resident:  # the copy to the GPU then runs beside the next gather
            fields = {name: tensor if tensor is None else tensor.pin_memory() for name, tensor in fields.items()}
        return fields

    def _frozen(self, rows: np.ndarray, counts: tuple[int, ...] | None, corners: np.ndarray | None) -> Tensor:
        assert self.frozen is not None
        ends = np.cumsum(counts if counts is not None else [len(rows)])[:-1]
        images = []
        for noisy, places, part in zip(self.frozen, self._places, np.split(rows, ends), strict=True):
            images += [noisy.image(int(place)) for place in places[part]]
        if corners is not None and self.crop:
            crop = self.crop
            images = [window(image, y, x, crop, edge=False) for image, (y, x) in zip(images, corners, strict=True)]
        return torch.stack(images)

    def _take(
        self, pixels: Tensor, offsets: np.ndarray, shapes: np.ndarray, corners: np.ndarray | None, factor: int = 1
    ) -> Tensor:
        """Gather images, or crops, from the flat pixels.

        corners: (B, 2) of the crops, in the clean image; None for whole images. factor: by which these are smaller.
        """
        channels, height, width = (int(n) for n in shapes[0])
        if corners is None:
            # Images of one shape lie together, so they are rows of one matrix from the first of them on.
            size = channels * height * width
            first = int(offsets.min())
            matrix = pixels[first : first + (pixels.numel() - first) // size * size].view(-1, size)
            index = torch.from_numpy((offsets - first) // size).to(pixels.device)
            return matrix.index_select(0, index).view(-1, channels, height, width)
        assert self.crop is not None
        h, w = (side // factor for side in self.crop)
        corners, edge = corners // factor, self.factor > 1
        if not self._on_gpu:
            out = torch.empty((len(offsets), channels, h, w), dtype=pixels.dtype)
            for i, (offset, (c, rows, columns), (y, x)) in enumerate(zip(offsets, shapes, corners, strict=True)):
                image = pixels[offset : offset + c * rows * columns].view(c, rows, columns)
                out[i] = window(image, y, x, (h, w), edge=edge)
            return out
        # (B, h) and (B, w): the rows and columns of each image that its crop shows
        down = reflected(corners[:, :1] + np.arange(h), shapes[:, 1:2], edge=edge)
        across = torch.from_numpy(reflected(corners[:, 1:] + np.arange(w), shapes[:, 2:], edge=edge)).to(pixels.device)
        begin = torch.from_numpy(offsets[:, None] + down * shapes[:, 2:]).to(pixels.device)
        plane = torch.from_numpy(shapes[:, 1] * shapes[:, 2]).to(pixels.device)
        planes = plane[:, None, None, None] * torch.arange(channels, device=pixels.device)[:, None, None]
        return pixels[begin[:, None, :, None] + planes + across[:, None, None, :]]


def _places(rows: np.ndarray, total: int) -> np.ndarray:
    """Where each row of the table, `(total,)`, stands among `rows`; -1 where it does not."""
    places = np.full(total, -1, dtype=np.int64)
    places[rows] = np.arange(len(rows))
    return places
