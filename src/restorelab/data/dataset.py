"""The `data` group: which source, how its images are decoded, split, cropped and batched."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from restorelab.data import cache
from restorelab.data.batching import BatchSize
from restorelab.data.cache import Table
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

Opened = tuple[Table, Division]
"""A decoded table and its rows by part."""

Check = Callable[[Table | Headers, Division], None]
"""Holds a dataset, decoded or not, and its division against what a run needs."""


@dataclass(frozen=True)
class Dataset:
    """A dataset as a run uses it; the files of conf/data/ fill it in.

    Attributes:
        source: makes the source from its root.
        root: where the dataset lies; None for sources that need no folder.
        channels: 1 is gray (ITU-R 601 luma), 3 RGB; any other number takes that many bands as they are.
        pages: of a file with several pages, frames or pictures the `first`, or `all`, each an image.
        white: the sample that means white where samples have more than 8 bits, 4095 for 12-bit values in 16-bit files;
            None is 65535, and 1 for floating-point samples.
        max_megapixels: larger images count as unreadable; the memory at hand bounds them in any case.
        size: every image is brought to this (height, width) or square; None leaves the sizes as they are.
        resize: how: `stretch` changes the aspect, `crop` cuts the middle, `none` refuses images of another size.
        multiple: images are cut at the bottom and the right until their sides are multiples of this, for a downsample
            of that factor or a network that needs it; 1 leaves them.
        crop: training shows random crops of this height and width; None shows whole images.
        small: what is done about images that are smaller than the crop, or too small to be measured: `error` stops,
            `pad` continues training images by reflection, `skip` leaves them out. Both leave out what cannot be
            measured.
        augment: what training does to an image besides: `flip` left-right, `dihedral` the eight of a square.
        turns: `draw` draws one of these forms for each image of each batch; `alternate` shows an image in another form
            each epoch, in every one once before the first comes again.
        limit: how many images to use, picked at random by split_seed; None uses all.
        batch_size: images a step and device.
        eval_batch_size: images a batch in validation and test, `auto` as many of a shape as fit `batching.AUTO_VALUES`;
            results do not depend on it.
        val: share (below 1) or number of images for validation; whole groups, official splits come first. 0 trains
            without validation where the dataset has no validation images of its own.
        test: the same for the test set; `all` measures every image.
        split_by: `group` keeps a person, sequence or photograph together; `image` does not; `pair` splits all (image,
            noise) pairs of noise=each, so that an image may be in training and in test, for measuring that leak; `val`
            and `test` are then of pairs.
        residency: `device` keeps the training images on the device, `stream` reads them along, `auto` decides.
        on_bad: `few` leaves unreadable images out while they are few, `skip` always, `error` stops.
        least: the height and width that an image needs to be measured; not a key of a config, the protocol decides.
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
    least: int = 1

    def __post_init__(self) -> None:
        for name in ("batch_size", "eval_batch_size", "limit", "multiple"):
            value = getattr(self, name)
            if isinstance(value, int) and value < 1:
                msg = f"data.{name}: {value} is too small; expected at least 1."
                raise ConfigError(msg)
        for name in ("val", "test"):
            value = getattr(self, name)
            if (name, value) == ("test", "all"):
                continue
            if value < 0 or (value >= 1 and value != int(value)) or (value == 1 and isinstance(value, float)):
                msg = f"data.{name}: {value} is neither a share in [0, 1) nor a whole number of images."
                raise ConfigError(msg)
        for name in ("size", "crop"):
            value = getattr(self, name)
            sides = [value, value] if isinstance(value, int) else value
            if sides is not None and (len(sides) != 2 or min(sides) < 1):
                msg = f"data.{name}: {value} is neither a number of pixels nor [height, width], nor null."
                raise ConfigError(msg)
        self.decoding  # noqa: B018 - checks its values
        if self.augment == "dihedral" and not self.train_shape:
            msg = "data.augment=dihedral turns images, and these are of mixed sizes. Set data.crop or augment=flip."
            raise ConfigError(msg)
        if self.augment == "dihedral" and self.train_shape and self.train_shape[0] != self.train_shape[1]:
            msg = (
                f"data.augment=dihedral turns images; {self.train_shape} is not square. Set data.crop or augment=flip."
            )
            raise ConfigError(msg)
        if self.size and any(side % self.multiple for side in _pair(self.size)):
            msg = f"data.size: the sides of {self.size} are not multiples of data.multiple={self.multiple}."
            raise ConfigError(msg)
        if self.size and self.crop and any(c > s for c, s in zip(_pair(self.crop), _pair(self.size), strict=True)):
            msg = f"data.crop: {self.crop} is larger than data.size {self.size}."
            raise ConfigError(msg)

    @property
    def train_shape(self) -> tuple[int, int] | None:
        """Height and width of a training image, None where the sizes are mixed and nothing is cropped."""
        chosen = self.crop or self.size
        return _pair(chosen) if chosen else None

    @property
    def decoding(self) -> Decoding:
        """How files become pixels."""
        size = _pair(self.size) if self.size else None
        return Decoding(self.channels, size, self.resize, self.pages, self.white, self.max_megapixels, self.multiple)

    @property
    def factor(self) -> int:
        """By how much the degraded images of real pairs are smaller, as the files' headers say; 1 without a dataset."""
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
        """Decode (once; later runs open the cache) and split: the table and its rows by part.

        degradation: the training's, which may say which images it shows under which noise; None for the images alone.
        kept: the division of a run that was begun, which counts in place of a new one.
        check: raises where the images do not fit the run. It is asked before anything is decoded, where the headers of
        all files can be read, and once more with the table.

        Raises:
            ConfigError: for a split that does not go with the dataset or the degradation.
            DataError: for a dataset that is missing, too many unreadable images, or too few groups to split.
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
            how = "divided as when the run began"
        elif self.test == "all":
            how = "data.test=all, so every image is measured"
        else:
            how = "split by the dataset's own parts" if has_parts(table) else f"split by {self.split_by}"
        log.info("%s: %s", how, rows.describe())
        return table, rows

    def changes(self, table: Table, kept: Kept) -> Changes:
        """How the dataset differs from what a run began with; images that `limit` left out are not known as such."""
        if table.folder.name == kept.table:
            return Changes()
        now = cache.listed(self.make_source(), self.decoding) if self.limit is None else ()
        return kept.changes(table, [item.id for item in now])

    def _divided(
        self, found: Table | Headers, split_seed: int, degradation: Degradation | None
    ) -> tuple[Division, list[str]]:
        """The rows by part, without images that are too small, where these are left out, and what to say of them."""
        noise = None if degradation is None else degradation.noise
        rows = divide(found, noise, val=self.val, test=self.test, seed=split_seed, by=self.split_by)
        return leave_out(found, rows, self.small, self.train_shape if self.crop else None, self.least)

    def _check_headers(
        self, split_seed: int, degradation: Degradation | None, check: Check, items: Sequence[Item]
    ) -> None:
        """Check what the headers say, where they say it of all images."""
        size = _pair(self.size) if self.size else None
        found = read_headers(items, channels=self.channels, size=size, multiple=self.multiple)
        if found is not None:
            check(found, self._divided(found, split_seed, degradation)[0])

    def make_source(self) -> Source:
        """The source at its root."""
        return self.source(Path(self.root).expanduser() if self.root else None)


def refuse_degrading(degradation: Degradation, evaluation: str | None = None, advice: str = "") -> None:
    """Raise ConfigError where real degraded/clean pairs meet a degradation, which would never be applied to them.

    evaluation: the one that it belongs to; None for the training's. advice: another sentence.
    """
    applied = degradation.applied
    if applied and evaluation is None:
        msg = (
            f"{', '.join(applied)}: the dataset holds real degraded/clean pairs, to which no degradation is applied. "
            f"Say {' '.join(f'{stage}=none' for stage in applied)}."
        )
        raise ConfigError(f"{msg} {advice}".rstrip())
    if applied:
        msg = (
            f"evaluation.{evaluation}: the dataset holds real degraded/clean pairs, to which no {' or '.join(applied)} "
            "is applied. Say evaluation=own."
        )
        raise ConfigError(msg)


def _check_pairs(table: Table) -> None:
    """Raise DataError unless the degraded images have the clean ones' size, or are smaller by one factor."""
    assert table.degraded_shapes is not None
    sizes = np.concatenate([table.shapes[:, 1:], table.degraded_shapes[:, 1:]], axis=1).tolist()
    factors = [factor_of((size[0], size[1]), (size[2], size[3])) for size in sizes]
    unlike = [row for row, factor in enumerate(factors) if factor is None or factor != factors[0]]
    if unlike:
        one, other = ("x".join(map(str, shapes[unlike[0]])) for shapes in (table.degraded_shapes, table.shapes))
        msg = (
            f"{len(unlike)} of {len(table)} pairs differ in size: of {table.ids[unlike[0]]} the degraded image is "
            f"{one} and the clean one {other} (channels x height x width). Expected: one size, or one factor for all."
        )
        raise DataError(msg)


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
