"""The `data` config group: which source is read, and how its images are decoded, split, cropped and batched."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from restorelab.data import cache
from restorelab.data.batching import BatchSize
from restorelab.data.cache import ImageTable
from restorelab.data.decode import Decoding
from restorelab.data.factor import factor_of
from restorelab.data.header import Headers, read_headers
from restorelab.data.item import Item, Source
from restorelab.data.pairing import Division, divide
from restorelab.data.small_images import Small, leave_out
from restorelab.data.split import Amount, has_parts
from restorelab.data.split_record import Changes, Kept
from restorelab.degradations.mixture import Each
from restorelab.degradations.pipeline import Degradation
from restorelab.errors import ConfigError, DataError

log = logging.getLogger(__name__)

Opened = tuple[ImageTable, Division]
"""A decoded table and its rows by part."""

Check = Callable[[ImageTable | Headers, Division], None]
"""Raises if a dataset, decoded or known from its headers only, or its split does not meet a run's requirements."""


@dataclass(frozen=True)
class Dataset:
    """A dataset and how a run uses it; the files of conf/data/ give the values.

    Attributes:
        source: makes the source from `root`.
        root: folder of the dataset; None for sources that need no folder.
        channels: 1 is gray (ITU-R 601 luma), 3 is RGB; any other number takes that many bands unchanged.
        pages: of a file with several pages, frames or pictures, use the `first`, or `all` as separate images.
        white: the sample value that means white, for samples of more than 8 bits; 4095 for 12-bit values in 16-bit
            files. None means 65535, or 1 for floating-point samples.
        max_megapixels: larger images count as unreadable. Available memory limits the size in any case.
        size: resize every image to this (height, width) or side of a square; None keeps each image's size.
        resize: how to resize: `stretch` changes the aspect ratio, `crop` cuts the center, `none` refuses images of
            another size.
        multiple: crop images at the bottom and right until their sides are multiples of this, for a downsample of that
            factor or a network that needs it.
        crop: train on random crops of this height and width; None trains on whole images.
        small: what to do with images that are smaller than the crop or too small to be measured: `error` stops, `pad`
            pads training images by reflection, `skip` leaves them out. `pad` also leaves out what cannot be measured.
        augment: augmentation in training: `flip` left-right, `dihedral` the eight symmetries of a square.
        turns: `draw` draws one of these forms for each image of each batch; `alternate` cycles through the forms of
            each image, one per epoch.
        limit: number of images to use, drawn at random by split_seed; None uses all.
        batch_size: images per step and device.
        eval_batch_size: images per batch in validation and test; `auto` takes as many of one shape as fit
            `batching.AUTO_VALUES`. Results do not depend on it.
        val: share (below 1) or number of validation images. Groups are not divided, and official parts take precedence.
            0 trains without validation if the dataset has no official validation part.
        test: the same for the test set; `all` measures every image.
        split_by: `group` keeps the images of a person, sequence or photograph in one part; `image` does not; `pair`
            splits all (image, noise) pairs of noise=each, so that an image may be in training and in test, to measure
            that leak. `val` and `test` then count pairs.
        residency: `device` keeps the training images on the device, `stream` reads them from disk, `auto` decides.
        on_bad: unreadable images: `few` leaves them out if they are few, `skip` always, `error` stops.
        gray: how color becomes gray, see `Decoding`; `whole` sets it for test sets.
        least: the height and width that an image needs to be measured. Not a config key: the protocol determines it.
    """

    source: Callable[..., Source]
    root: str | None = None
    channels: int = 1
    pages: Literal["first", "all"] = "first"
    white: float | None = None
    max_megapixels: float = 1000
    size: int | Sequence[int] | None = None
    resize: Literal["stretch", "crop", "none"] = "none"
    multiple: int = 1
    crop: int | Sequence[int] | None = None
    small: Small = "error"
    augment: Literal["none", "flip", "dihedral"] = "none"
    turns: Literal["draw", "alternate"] = "draw"
    limit: int | None = None
    batch_size: int = 128
    eval_batch_size: BatchSize = "auto"
    val: float = 0.1
    test: Amount = 0.1
    split_by: Literal["group", "image", "pair"] = "group"
    residency: Literal["auto", "device", "stream"] = "auto"
    on_bad: Literal["few", "skip", "error"] = "few"
    gray: Literal["luma", "matlab"] = "luma"
    least: int = 1

    def __post_init__(self) -> None:
        for name in ("batch_size", "eval_batch_size", "limit", "multiple"):
            value = getattr(self, name)
            if isinstance(value, int) and value < 1:
                raise ConfigError(f"data.{name}: {value} is too small; expected at least 1.")
        for name in ("val", "test"):
            value = getattr(self, name)
            if (name, value) == ("test", "all"):
                continue
            if value < 0 or (value >= 1 and value != int(value)) or (value == 1 and isinstance(value, float)):
                raise ConfigError(f"data.{name}: {value} is neither a share in [0, 1) nor a whole number of images.")
        for name in ("size", "crop"):
            value = getattr(self, name)
            sides = [value, value] if isinstance(value, int) else value
            if sides is not None and (len(sides) != 2 or min(sides) < 1):
                raise ConfigError(f"data.{name}: {value} is neither a number of pixels nor [height, width], nor null.")
        self.decoding  # noqa: B018 - checks its values
        if self.augment == "dihedral" and (self.train_shape is None or self.train_shape[0] != self.train_shape[1]):
            shape = f"{self.train_shape} is not square" if self.train_shape else "these are of mixed sizes"
            raise ConfigError(
                f"data.augment=dihedral rotates images, and {shape}. Set data.crop=N, or data.augment=flip."
            )
        if self.size and any(side % self.multiple for side in _pair(self.size)):
            raise ConfigError(f"data.size: {self.size} is not a multiple of data.multiple={self.multiple}.")
        if self.size and self.crop and any(c > s for c, s in zip(_pair(self.crop), _pair(self.size), strict=True)):
            raise ConfigError(f"data.crop: {self.crop} is larger than data.size {self.size}.")

    @property
    def train_shape(self) -> tuple[int, int] | None:
        """Height and width of a training image; None if the sizes are mixed and there is no crop."""
        chosen = self.crop or self.size
        return _pair(chosen) if chosen else None

    @property
    def decoding(self) -> Decoding:
        """How files become pixels."""
        size = _pair(self.size) if self.size else None
        return Decoding(
            self.channels, size, self.resize, self.pages, self.white, self.max_megapixels, self.multiple, self.gray
        )

    def whole(self, source: Source) -> "Dataset":
        """Return a test set with the same channels and `multiple`: every image of another source is measured, uncut."""
        return replace(
            self, source=lambda root: source, root=None, pages="first", white=None, size=None, resize="none", crop=None,
            small="error", augment="none", turns="draw", limit=None, val=0, test="all", split_by="group",
            on_bad="error", gray="matlab",
        )  # fmt: skip

    @property
    def factor(self) -> int:
        """By what factor the degraded images of real pairs are smaller, from the file headers; 1 without a dataset."""
        try:
            return int(getattr(self.make_source(), "factor", 1))
        except DataError:
            return 1

    def open(
        self,
        split_seed: int,
        degradation: Degradation | None = None,
        kept: Kept | None = None,
        check: Check | None = None,
    ) -> Opened:
        """Decode the dataset (once; later runs open the cache) and split it; return the table and its rows by part.

        Args:
            split_seed: of the split and of `limit`.
            degradation: the training degradation, which may assign images to noises; None to open the images alone.
            kept: the recorded split of a resumed run, used in place of a new one.
            check: raises if the images do not fit the run. It is called with the table, and before decoding too if the
                headers of all files can be read.

        Raises:
            ConfigError: for a split that does not fit the dataset or the degradation.
            DataError: for a missing dataset, too many unreadable images, or too few groups to split.
        """
        source = self.make_source()
        table = cache.prepare(
            source,
            self.decoding,
            limit=self.limit,
            seed=split_seed,
            on_bad=self.on_bad,
            check=None if check is None or kept else partial(self._check_headers, split_seed, degradation, check),
            began=kept.table if kept else None,
            only=kept.ids if kept else (),
        )
        if table.degraded_pixels is not None:
            _check_pairs(table)
            if degradation is not None:
                refuse_degrading(degradation)
        noise = None if degradation is None else degradation.noise
        remarks: list[str] = []
        if kept is not None:
            rows = kept.division(table, list(noise.noises) if isinstance(noise, Each) else [])
        else:
            rows, remarks = self._divided(table, split_seed, degradation)
        if check is not None:
            check(table, rows)
        for remark in [*remarks, *getattr(source, "remarks", list)()]:
            log.warning("%s", remark)
        if kept is not None:
            how = "split as when the run began"
        elif self.test == "all":
            how = "data.test=all, so every image is measured"
        else:
            how = "official split" if has_parts(table) else f"split by {self.split_by}"
        log.info("%s: %s", how, rows.describe())
        return table, rows

    def changes(self, table: ImageTable, kept: Kept) -> Changes:
        """Compare the dataset with the one that a run began with. With `limit`, added images are not reported."""
        if table.folder.name == kept.table:
            return Changes()
        items = cache.listed(self.make_source(), self.decoding) if self.limit is None else ()
        return kept.changes(table, [item.id for item in items])

    def _divided(
        self, images: ImageTable | Headers, split_seed: int, degradation: Degradation | None
    ) -> tuple[Division, list[str]]:
        """Split the images, leave out small ones if `small` says so; return the rows by part, and remarks."""
        noise = None if degradation is None else degradation.noise
        rows = divide(images, noise, val=self.val, test=self.test, seed=split_seed, by=self.split_by)
        return leave_out(images, rows, self.small, self.train_shape if self.crop else None, self.least)

    def _check_headers(
        self, split_seed: int, degradation: Degradation | None, check: Check, items: Sequence[Item]
    ) -> None:
        """Call `check` with the sizes in the file headers, if all of them can be read."""
        size = _pair(self.size) if self.size else None
        headers = read_headers(items, channels=self.channels, size=size, multiple=self.multiple)
        if headers is not None:
            check(headers, self._divided(headers, split_seed, degradation)[0])

    def make_source(self) -> Source:
        """Make the source of `root`."""
        return self.source(Path(self.root).expanduser() if self.root else None)


def refuse_degrading(
    degradation: Degradation, evaluation: str | None = None, advice: str = "", holder: str = "the dataset"
) -> None:
    """Raise ConfigError for real degraded/clean pairs with a degradation, which would never be applied to them.

    evaluation: the evaluation that the degradation belongs to; None for the training. advice: a further sentence.
    holder: what holds the pairs.
    """
    applied = degradation.applied
    if applied and evaluation is None:
        raise ConfigError(
            f"{', '.join(applied)}: the dataset holds real degraded/clean pairs, to which no degradation is applied. "
            f"Set {' '.join(f'{stage}=none' for stage in applied)}. {advice}".rstrip()
        )
    if applied:
        raise ConfigError(
            f"evaluation.{evaluation}: {holder} holds real degraded/clean pairs, to which no {' or '.join(applied)} "
            "is applied. Set evaluation=own."
        )


def _check_pairs(table: ImageTable) -> None:
    """Raise DataError unless all degraded images are smaller than their clean partners by the same factor (or 1)."""
    assert table.degraded_shapes is not None
    sizes = np.concatenate([table.shapes[:, 1:], table.degraded_shapes[:, 1:]], axis=1).tolist()
    factors = [factor_of((size[0], size[1]), (size[2], size[3])) for size in sizes]
    unlike = [row for row, factor in enumerate(factors) if factor is None or factor != factors[0]]
    if unlike:
        degraded, clean = ("x".join(map(str, shapes[unlike[0]])) for shapes in (table.degraded_shapes, table.shapes))
        raise DataError(
            f"{len(unlike)} of {len(table)} pairs differ in size: of {table.ids[unlike[0]]} the degraded image is "
            f"{degraded} and the clean one {clean} (channels x height x width). Expected the same size, or the same "
            "factor, in all pairs."
        )


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
