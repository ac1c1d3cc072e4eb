"""What a source yields: one image of a dataset, described but not decoded."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Slice:
    """Bytes `[offset, offset + size)` of a file that hold one encoded image (a tar member, read in place)."""

    path: Path
    offset: int
    size: int


@dataclass(frozen=True)
class Page:
    """Page, frame or picture `number`, from 1, of a file that holds several."""

    file: Path | Slice
    number: int


Encoded = Path | Slice | Page | np.ndarray
"""An image before decoding: a file, a slice or a page of one, or pixels `(H, W)` or `(H, W, C)` of uint8, uint16, or
floating-point numbers in [0, 1]."""


@dataclass(frozen=True)
class Item:
    """One image of a dataset.

    `id` is stable and unique in its dataset (it keys the frozen evaluation noise). `group` is what must not be torn
    apart by a split: the person, the sequence, the photograph. `split` is the official one ("train", "val" or
    "test"), None where the dataset has none. `degraded` is the partner of a real degraded/clean pair.
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
        """List the images, in a stable order, decoding nothing. Raises DataError where the dataset is missing."""

    def fingerprint(self) -> dict[str, Any]:
        """Return what identifies the content, as plain data: hashes of the files (`data.content`), names, and options.

        It keys the cache and tells runs apart, so it must change with the content and not with the place.
        """
