"""Which images a run trains on, validates on and tests on: written down once, and kept when the dataset changes.

`split.csv.gz` in a run's folder has a row for each image and part: `id`, `part`, `content` (see `build.hashed`), and
`noises`, the variants of the training noise that the part shows the image under, where these are divided. Images
without a part could not be read when the run began.

When a run goes on, its images stay in their parts. Images that are new in the dataset are left out, and the run goes
on without those that are gone; both are said. An image of another content is refused: what a run learns from does not
change under way, and a test image must not become one that was trained on.
"""

import csv
import gzip
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from restorelab.data.image_table import Table
from restorelab.data.pairing import Division
from restorelab.data.split import PARTS
from restorelab.errors import DataError
from restorelab.runs import inputs
from restorelab.runs.run_folder import RunFolder, write_bytes

COLUMNS = ("id", "part", "content", "noises")

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
        return inputs.digest([self.parts, self.contents])

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


def write(folder: RunFolder, kept: Kept) -> None:
    """Write `split.csv.gz`: equal bytes for equal divisions."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for part, images in kept.parts.items():
        writer.writerows((name, part, kept.contents[name], "|".join(shown)) for name, shown in images.items())
    writer.writerows((name, "", "", "") for name in sorted(kept.unread))
    write_bytes(folder.split, gzip.compress(text.getvalue().encode(errors="surrogateescape"), 6, mtime=0))


def read(folder: Path) -> Kept | None:
    """What a run keeps; None where it keeps nothing.

    Raises:
        DataError: for a damaged file.
    """
    run = RunFolder(folder)
    if not run.split.is_file():
        return None
    try:
        text = gzip.decompress(run.split.read_bytes()).decode(errors="surrogateescape")
        rows = list(csv.DictReader(io.StringIO(text)))
        parts = {part: {row["id"]: tuple(filter(None, row["noises"].split("|"))) for row in rows if row["part"] == part}
                 for part in PARTS}  # fmt: skip
        contents = {row["id"]: row["content"] for row in rows if row["part"]}
        unread = frozenset(row["id"] for row in rows if not row["part"])
    except (OSError, ValueError, EOFError, KeyError, AttributeError) as error:
        msg = f"{run.split}: cannot be read ({error}); without it, nobody knows which images the run was trained on."
        raise DataError(msg) from error
    return Kept(str(inputs.read(run).get("table", "")), parts, contents, unread)


def _sorted(rows: Sequence[int]) -> np.ndarray:
    return np.array(sorted(rows), np.int64)


def _some(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
