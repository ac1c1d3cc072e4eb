"""Split a dataset into training, validation and test images, keeping groups together."""

import logging
from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np

from restorelab.degradations.rng import derive
from restorelab.errors import DataError

log = logging.getLogger(__name__)

PARTS = ("train", "val", "test")


class Images(Protocol):
    """The images of a dataset with their groups, official parts and sizes, decoded or known from their headers."""

    @property
    def ids(self) -> Sequence[str]:
        """A unique name per row."""

    @property
    def groups(self) -> Sequence[str]:
        """The group of each row: the person, sequence or photograph."""

    @property
    def splits(self) -> Sequence[str | None] | None:
        """The official part of each row; None if the dataset has none."""

    @property
    def shapes(self) -> np.ndarray:
        """Channels, height and width, (N, 3) int64."""


Amount = float | Literal["all"]
"""The size of a part: a share below 1, a number of images, or all of them."""


def split(
    table: Images, *, val: float, test: Amount, seed: int, by: Literal["group", "image"] = "group"
) -> dict[str, np.ndarray]:
    """Return the rows of `train`, `val` and `test`, each ascending int64; every row is in exactly one part.

    Official parts are kept; a part that the dataset does not have is drawn from its training images, never from its
    test images. `val` and `test` are, if below 1, shares of the images that are drawn from (all of them, or the
    official training images), else numbers of images; one of them may take all. `test="all"` takes every image,
    whatever its official part and whatever `val` says, to measure on a whole dataset.

    Whole groups are drawn in random order until the number is reached; the last one is left out if that comes closer.
    So groups of one image give exact numbers, and larger groups approximate ones. `by="image"` draws single images,
    whatever their group: one person may then be in training and in test.

    The result depends on the set of (id, group, official part) and the seed, not on the rows' order.

    Raises:
        DataError: for too few groups or images, or official parts that only some images have.
    """
    if test == "all":
        empty = np.zeros(0, np.int64)
        return {"train": empty, "val": empty, "test": np.arange(len(table.ids), dtype=np.int64)}
    official = _official(table)
    names = table.groups if by == "group" else table.ids
    if official is None:
        pool, amounts = np.arange(len(table.ids)), {"test": test, "val": val}
        parts: dict[str, np.ndarray] = {}
    else:
        parts = {part: np.flatnonzero(official == part) for part in PARTS}
        parts = {part: rows for part, rows in parts.items() if len(rows) or part == "train"}
        pool = parts.pop("train")
        amounts = {part: share for part, share in (("test", test), ("val", val)) if part not in parts}
        if not len(pool):  # there are no training images from which missing parts could be drawn
            amounts = {}
        if by == "group":
            _warn_about_divided_groups(table, official)
    counts = {part: number_of(amount, len(pool)) for part, amount in amounts.items()}
    parts |= _draw(names, pool, counts, seed, by)
    return {part: np.sort(parts.get(part, np.zeros(0))).astype(np.int64) for part in PARTS}


def _draw(names: Sequence[str], pool: np.ndarray, counts: dict[str, int], seed: int, by: str) -> dict[str, np.ndarray]:
    """Draw whole groups from `pool` for each part; the rest is `train`. names: the group of each row."""
    members: dict[str, list[int]] = {}
    for row in pool.tolist():
        members.setdefault(names[row], []).append(row)
    parts = {part: np.zeros(0, np.int64) for part in counts}
    counts = {part: count for part, count in counts.items() if count}
    if names and len(pool) == sum(counts.values()) and len(counts) <= 1:  # one part takes all
        return parts | dict.fromkeys(counts, pool) | {"train": np.zeros(0, np.int64)}
    groups = len(members)
    if groups < len(counts) + 1 or sum(counts.values()) >= len(pool):
        names_of = {"val": "validation", "test": "test"}
        requested = " and ".join(f"{count} images for {names_of[part]}" for part, count in counts.items())
        available = f"{len(pool)} images" if groups == len(pool) else f"{len(pool)} images in {groups} groups"
        raise DataError(
            f"{available} are too few for {requested + ' beside training' if requested else 'training'}. Lower "
            "data.val or data.test, or use more data" + (", or set data.split_by=image." if groups < len(pool) else ".")
        )
    generator = np.random.Generator(np.random.Philox(key=derive("split", seed)))
    ordered = sorted(members)
    queue = [ordered[place] for place in generator.permutation(groups)]
    for later, (part, count) in zip(range(len(counts) - 1, -1, -1), counts.items(), strict=True):
        taken: list[int] = []
        while len(taken) < count and len(queue) > later + 1:  # leave a group for each later part and for training
            rows = members[queue[0]]
            if taken and abs(len(taken) + len(rows) - count) > count - len(taken):
                break
            taken += rows
            queue.pop(0)
        parts[part] = np.array(taken, np.int64)
        if by == "group" and len(taken) != count:
            log.info("%s has %d images, not %d, because groups are kept together", part, len(taken), count)
    parts["train"] = np.array([row for name in queue for row in members[name]], np.int64)
    return parts


def number_of(share: Amount, total: int) -> int:
    """Return the number of images, of `total`, that an amount means."""
    if share == "all":
        return total
    return round(share * total) if share < 1 else int(share)


def has_parts(table: Images) -> bool:
    """Return whether the dataset has official parts."""
    return table.splits is not None and any(table.splits)


def _official(table: Images) -> np.ndarray | None:
    if table.splits is None or not has_parts(table):
        return None
    outside = [name for name, part in zip(table.ids, table.splits, strict=True) if part is None]
    if outside:
        raise DataError(
            f"{len(outside)} images belong to no official part while others do, such as {outside[0]}. Move them into a "
            "part's folder or out of data.root; or set data.source.parts=none to split all images by data.val and "
            "data.test."
        )
    other = sorted({str(part) for part in table.splits} - set(PARTS))
    if other:
        raise DataError(f"official parts are {', '.join(PARTS)}; the dataset also has {', '.join(other)}.")
    return np.array(table.splits)


def _warn_about_divided_groups(table: Images, official: np.ndarray) -> None:
    parts: dict[str, set[str]] = {}
    for group, part in zip(table.groups, official.tolist(), strict=True):
        parts.setdefault(group, set()).add(part)
    divided = [group for group, group_parts in parts.items() if len(group_parts) > 1]
    if divided:
        log.warning("the official split divides %d groups, such as %s; it is kept", len(divided), divided[0])
