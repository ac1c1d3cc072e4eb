"""The `data` group: which source, how its images are decoded, split, cropped and batched."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from restorelab.data import cache
from restorelab.data.cache import Table
from restorelab.data.item import Source
from restorelab.data.split import split
from restorelab.errors import ConfigError, DataError

log = logging.getLogger(__name__)

Opened = tuple[Table, dict[str, np.ndarray]]
"""A decoded table and its rows by split."""


@dataclass(frozen=True)
class Dataset:
    """A dataset as a run uses it; the files of conf/data/ fill it in.

    Attributes:
        source: makes the source from its root.
        root: where the dataset lies; None for sources that need no folder.
        channels: 1 (ITU-R 601 luma) or 3 (RGB).
        size: every image is brought to this (height, width) or square; None leaves the sizes as they are.
        resize: how: `stretch` changes the aspect, `crop` cuts the middle, `none` refuses images of another size.
        crop: training shows random crops of this height and width; None shows whole images.
        augment: what training does to an image besides: `flip` left-right, `dihedral` the eight of a square.
        limit: how many images to use, picked at random by split_seed; None uses all.
        batch_size: images a step and device.
        eval_batch_size: images a batch in validation and test; results do not depend on it.
        val: share (below 1) or number of images for validation; whole groups, official splits come first.
        test: the same for the test set.
        split_by: `group` keeps a person, sequence or photograph together; `image` does not.
        residency: `device` keeps the training images on the device, `stream` reads them along, `auto` decides.
        on_bad: `few` leaves unreadable images out while they are few, `skip` always, `error` stops.
    """

    source: Callable[..., Source]
    root: str | None = None
    channels: Literal[1, 3] = 1
    size: int | Sequence[int] | None = None
    resize: Literal["stretch", "crop", "none"] = "none"
    crop: int | Sequence[int] | None = None
    augment: Literal["none", "flip", "dihedral"] = "none"
    limit: int | None = None
    batch_size: int = 128
    eval_batch_size: int = 64
    val: float = 0.1
    test: float = 0.1
    split_by: Literal["group", "image"] = "group"
    residency: Literal["auto", "device", "stream"] = "auto"
    on_bad: Literal["few", "skip", "error"] = "few"

    def __post_init__(self) -> None:
        for name in ("batch_size", "eval_batch_size", "limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                msg = f"data.{name}: {value} is too small; at least 1 is wanted."
                raise ConfigError(msg)
        for name in ("val", "test"):
            value = getattr(self, name)
            if value < 0 or (value >= 1 and value != int(value)) or (value == 1 and isinstance(value, float)):
                msg = f"data.{name}: {value} is neither a share in [0, 1) nor a whole number of images."
                raise ConfigError(msg)
        for name in ("size", "crop"):
            value = getattr(self, name)
            sides = [value, value] if isinstance(value, int) else value
            if sides is not None and (len(sides) != 2 or min(sides) < 1):
                msg = f"data.{name}: {value} is neither a number of pixels nor [height, width], nor null."
                raise ConfigError(msg)
        if self.augment == "dihedral" and not self.train_shape:
            msg = "data.augment=dihedral turns images, and these are of mixed sizes. Set data.crop or augment=flip."
            raise ConfigError(msg)
        if self.augment == "dihedral" and self.train_shape and self.train_shape[0] != self.train_shape[1]:
            msg = (
                f"data.augment=dihedral turns images; {self.train_shape} is not square. Set data.crop or augment=flip."
            )
            raise ConfigError(msg)
        if self.size and self.crop and any(c > s for c, s in zip(_pair(self.crop), _pair(self.size), strict=True)):
            msg = f"data.crop: {self.crop} is larger than data.size {self.size}."
            raise ConfigError(msg)

    @property
    def train_shape(self) -> tuple[int, int] | None:
        """Height and width of a training image, None where the sizes are mixed and nothing is cropped."""
        chosen = self.crop or self.size
        return _pair(chosen) if chosen else None

    def open(self, split_seed: int) -> Opened:
        """Decode (once; later runs open the cache) and split: the table and its rows by split.

        Raises:
            DataError: for a dataset that is missing, too many unreadable images, or too few groups to split.
        """
        table = cache.prepare(
            self.make_source(),
            channels=self.channels,
            size=_pair(self.size) if self.size else None,
            resize=self.resize,
            limit=self.limit,
            seed=split_seed,
            on_bad=self.on_bad,
        )
        rows = split(table, val=self.val, test=self.test, seed=split_seed, by=self.split_by)
        log.info("split by %s: %s", self.split_by, ", ".join(f"{len(r)} {name}" for name, r in rows.items()))
        return table, rows

    def make_source(self) -> Source:
        """The source at its root."""
        return self.source(Path(self.root).expanduser() if self.root else None)


def require(opened: Opened, parts: Sequence[str]) -> None:
    """Raise DataError where a part that a run needs has no image."""
    table, rows = opened
    for part in parts:
        if not len(rows[part]):
            counts = ", ".join(f"{len(found)} {name}" for name, found in rows.items())
            key = "data.val or data.test (they take all)" if part == "train" else f"data.{part}"
            verb = "Lower" if part == "train" else "Raise"
            msg = f"{len(table.ids)} images split into {counts}: the run needs some for {part}. {verb} {key}."
            raise DataError(msg)


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
