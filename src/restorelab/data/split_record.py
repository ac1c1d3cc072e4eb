"""Which images a run trains on, validates on and tests on: written down once, and kept when the dataset changes.

When a run goes on, its images stay in their parts. Images that are new in the dataset are left out, and the run goes
on without those that are gone; both are said. An image of another content is refused: what a run learns from does not
change under way, and a test image must not become one that was trained on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from restorelab.data.content import digest
from restorelab.data.image_table import Table
from restorelab.data.pairing import Division
from restorelab.data.split import PARTS
from restorelab.errors import DataError

Part = Mapping[str, tuple[str, ...]]
"""Images by id, with the variants that they are shown under; none where they are shown under all."""


@dataclass(frozen=True)
class Changes:
    """How a dataset differs from what a run began with, by the images' ids."""

    added: Sequence[str] = ()
    removed: Sequence[str] = ()

    def __str__(self) -> str:
        told = [
            (self.added, "added, left out of this run"),
            (self.removed, "removed or unreadable, the run goes on without"),
        ]
        return "; ".join(f"{len(ids):,} {words}: {_some(ids)}" for ids, words in told if ids)

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)


@dataclass(frozen=True)
class Kept:
    """The division of a dataset as a run keeps it.

    Attributes:
        table: the name of the decoded dataset that it was made from; another one means that the dataset changed.
        parts: by part, its images.
        contents: the hash of each image.
        unread: ids of images that could not be read, or were left out.
    """

    table: str
    parts: Mapping[str, Part]
    contents: Mapping[str, str]
    unread: frozenset[str] = frozenset()

    @property
    def ids(self) -> set[str]:
        """All images of the run."""
        return {name for part in self.parts.values() for name in part}

    @cached_property
    def digest(self) -> str:
        """A hash of all of it but the table's name."""
        return digest([self.parts, self.contents])

    def division(self, table: Table, noises: Sequence[str]) -> Division:
        """The rows of each part in a table, as far as the images are in it. noises: the variants of the training noise.

        Raises:
            DataError: where an image has another content now.
        """
        self._refuse_changed(table)
        rows = {name: row for row, name in enumerate(table.ids)}
        found = {part: [(rows[name], shown) for name, shown in kept.items() if name in rows]
                 for part, kept in self.parts.items()}  # fmt: skip
        if not any(shown for part in self.parts.values() for shown in part.values()):
            return Division({part: _sorted([row for row, _ in images]) for part, images in found.items()})
        return Division.of_pairs(
            {
                part: {name: _sorted([row for row, shown in images if name in shown]) for name in noises}
                for part, images in found.items()
            }
        )

    def changes(self, table: Table, listed: Sequence[str]) -> Changes:
        """What is different in a table. listed: ids of all images that the dataset has now, where that is known."""
        ids = self.ids
        return Changes(sorted(set(listed) - ids - self.unread), sorted(ids - set(table.ids)))

    def _refuse_changed(self, table: Table) -> None:
        changed = sorted(
            name for name, now in contents_of(table).items() if name in self.contents and now != self.contents[name]
        )
        if changed:
            msg = (
                f"{len(changed):,} of {len(self.contents):,} images have another content than when the run began "
                f"({_some(changed)}). Put the dataset back as it was, or start a new run."
            )
            raise DataError(msg)


def of(table: Table, rows: Division) -> Kept:
    """What a run is to keep of a division that was just made."""
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
    kept = {name for part in parts.values() for name in part}
    contents = {name: content for name, content in contents_of(table).items() if name in kept}
    out = {name for name, _ in table.bad} | (set(table.ids) - kept)
    return Kept(table.folder.name, parts, contents, frozenset(out))


def contents_of(table: Table) -> dict[str, str]:
    """The hash of each image of a table, as hexadecimal digits, by its id."""
    return dict(zip(table.ids, (f"{value:016x}" for value in table.contents.tolist()), strict=True))


def _sorted(rows: Sequence[int]) -> np.ndarray:
    return np.array(sorted(rows), np.int64)


def _some(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
