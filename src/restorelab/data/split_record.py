"""The recorded split of a run: which images it trains, validates and tests on, even if the dataset changes later.

When a run is resumed, its images stay in their parts. New images are left out, and the run continues without missing
ones; both are logged. Images whose content has changed are refused, because the training data of a run must not change
and a test image must not turn into one that was trained on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from restorelab.data.content import digest
from restorelab.data.image_table import ImageTable
from restorelab.data.pairing import Division
from restorelab.data.split import PARTS
from restorelab.errors import DataError, listed

Part = Mapping[str, tuple[str, ...]]
"""By image id the variants that the image is shown under; () for all of them."""


@dataclass(frozen=True)
class Changes:
    """The ids of images that were added to or removed from a dataset since a run began."""

    added: Sequence[str] = ()
    removed: Sequence[str] = ()

    def __str__(self) -> str:
        kinds = [
            (self.added, "images added, which this run leaves out"),
            (self.removed, "images removed or unreadable, which this run continues without"),
        ]
        return "; ".join(f"{len(ids):,} {words}: {listed(ids, 5)}" for ids, words in kinds if ids)

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)


@dataclass(frozen=True)
class Kept:
    """The recorded split of a run.

    Attributes:
        table: the name of the cache entry that was split; another name means that the dataset has changed.
        parts: the images of each part.
        contents: the hash of each image by its id.
        unread: ids of images that could not be read, or were left out.
    """

    table: str
    parts: Mapping[str, Part]
    contents: Mapping[str, str]
    unread: frozenset[str] = frozenset()

    @property
    def ids(self) -> set[str]:
        """The ids of all images of the run."""
        return {name for part in self.parts.values() for name in part}

    @cached_property
    def digest(self) -> str:
        """A hash of the split, without the table's name."""
        return digest([self.parts, self.contents])

    def division(self, table: ImageTable, noises: Sequence[str]) -> Division:
        """Return the rows of each part, of those images that are in a table.

        noises: the variants of the training noise.

        Raises:
            DataError: if the content of an image has changed.
        """
        contents = contents_of(table)
        changed = sorted(name for name, old in self.contents.items() if contents.get(name, old) != old)
        if changed:
            raise DataError(
                f"{len(changed):,} of {len(self.contents):,} images have another content than when the run began "
                f"({listed(changed, 5)}). Restore the dataset, or start a new run."
            )
        rows = {name: row for row, name in enumerate(table.ids)}
        present = {part: [(rows[name], shown) for name, shown in images.items() if name in rows]
                   for part, images in self.parts.items()}  # fmt: skip
        if not any(shown for part in self.parts.values() for shown in part.values()):
            return Division({part: _sorted([row for row, _ in images]) for part, images in present.items()})
        return Division.of_pairs(
            {
                part: {name: _sorted([row for row, shown in images if name in shown]) for name in noises}
                for part, images in present.items()
            }
        )

    def changes(self, table: ImageTable, all_ids: Sequence[str]) -> Changes:
        """Compare with a table. all_ids: ids of all images that the dataset has now; empty if not known."""
        ids = self.ids
        return Changes(sorted(set(all_ids) - ids - self.unread), sorted(ids - set(table.ids)))


def of(table: ImageTable, rows: Division) -> Kept:
    """Return the record of a new split."""
    parts: dict[str, dict[str, tuple[str, ...]]] = {}
    for part in PARTS:
        ids = [table.ids[row] for row in rows[part]]
        if rows.shown is None:
            parts[part] = dict.fromkeys(ids, ())
            continue
        under = {variant: set(shown.tolist()) for variant, shown in rows.shown[part].items()}
        parts[part] = {
            name: tuple(variant for variant, shown in under.items() if row in shown)
            for name, row in zip(ids, rows[part].tolist(), strict=True)
        }
    used = {name for part in parts.values() for name in part}
    contents = {name: content for name, content in contents_of(table).items() if name in used}
    unread = {name for name, _ in table.bad} | (set(table.ids) - used)
    return Kept(table.folder.name, parts, contents, frozenset(unread))


def contents_of(table: ImageTable) -> dict[str, str]:
    """Return the hash of each image of a table by its id, in hexadecimal digits."""
    return dict(zip(table.ids, (f"{value:016x}" for value in table.contents.tolist()), strict=True))


def _sorted(rows: Sequence[int]) -> np.ndarray:
    return np.array(sorted(rows), np.int64)
