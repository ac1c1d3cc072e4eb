"""The images that a source lists, described but not decoded, and the protocol of sources."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Slice:
    """Bytes `[offset, offset + size)` of a file that hold one encoded image, such as a tar member."""

    path: Path
    offset: int
    size: int


@dataclass(frozen=True)
class Page:
    """Page, frame or picture `number`, counted from 1, of a file that holds several."""

    file: Path | Slice
    number: int


@dataclass(frozen=True)
class Window:
    """A rectangle of an image file's upright image; the windows of one file share its decoding."""

    file: Path
    top: int
    left: int
    height: int
    width: int


Encoded = Path | Slice | Page | Window | np.ndarray
"""An image before decoding: a file, a slice, a page or a window of one, or pixels `(H, W)` or `(H, W, C)` of uint8,
uint16, or floating-point numbers in [0, 1]."""


@dataclass(frozen=True)
class Item:
    """One image of a dataset.

    `id` is stable and unique in its dataset; it keys the evaluation noise. `group` is the person, sequence or
    photograph whose images a split keeps together. `degraded` is the partner of a real degraded/clean pair. `split` is
    the official part ("train", "val" or "test"), None if the dataset has none.
    """

    id: str
    group: str
    clean: Encoded
    degraded: Encoded | None = None
    label: int | None = None
    split: str | None = None


class Source(Protocol):
    """Reads one dataset in its original distribution format."""

    def items(self) -> Sequence[Item]:
        """List the images in a stable order without decoding them. Raises DataError if the dataset is missing."""

    def fingerprint(self) -> dict[str, Any]:
        """Return what identifies the content, as plain data: hashes of the files (`data.content`), names and options.

        It is part of the cache key and of a run's identity, so it must depend on the content and not on the location.
        """
