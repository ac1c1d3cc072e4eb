"""Divide a dataset into training, validation and test images, without tearing a group."""

import logging
from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np

from restorelab.degradations.rng import derive
from restorelab.errors import ConfigError, DataError

log = logging.getLogger(__name__)

PARTS = ("train", "val", "test")


class Rows(Protocol):
    """What a split needs of a table."""

    @property
    def ids(self) -> Sequence[str]:
        """A unique name a row."""

    @property
    def groups(self) -> Sequence[str]:
        """The group of each row: the person, the sequence, the photograph."""

    @property
    def splits(self) -> Sequence[str | None] | None:
        """The official part of each row, or None where the dataset has none."""


Amount = float | Literal["all"]
"""How much a part takes: a share below 1, a number of images, or all of them."""


def split(
    table: Rows, *, val: float, test: Amount, seed: int, by: Literal["group", "image"] = "group"
) -> dict[str, np.ndarray]:
    """The rows of `train`, `val` and `test`, each ascending int64, together every row once.

    Official parts are kept as they are; a part that the dataset does not name is taken from its training images, never
    from its test images. `val` and `test` are a share of the images that are divided (all of them, or the official
    training images) where below 1, else a number of images; one of them may take all. `test="all"` takes every image,
    whatever its official part and whatever `val` says, so that a set can be measured on as a whole. Groups are drawn
    whole in random order until the number is met; the last one is left out where that comes nearer, so numbers are met
    exactly by groups of one image and as nearly as groups allow otherwise. `by="image"` draws single images, whatever
    their group: one person may then be in training and in test.

    The outcome depends on the set of (id, group, official part) and the seed, not on the rows' order.

    Raises:
        ConfigError: a negative number, a fraction of an image, or another `by`.
        DataError: too few groups or images, or official parts that only some images have.
    """
    if by not in ("group", "image"):
        raise ConfigError(f"data.split_by={by!r}; allowed: group, image")
    if test == "all":
        none = np.zeros(0, np.int64)
        return {"train": none, "val": none, "test": np.arange(len(table.ids), dtype=np.int64)}
    official = _official(table)
    names = table.groups if by == "group" else table.ids
    if official is None:
        pool, wanted = np.arange(len(table.ids)), {"test": test, "val": val}
        parts: dict[str, np.ndarray] = {}
    else:
        parts = {part: np.flatnonzero(official == part) for part in PARTS}
        parts = {part: rows for part, rows in parts.items() if len(rows) or part == "train"}
        pool = parts.pop("train")
        wanted = {part: share for part, share in (("test", test), ("val", val)) if part not in parts}
        if not len(pool):  # without training images there is nothing that the missing parts could be taken from
            wanted = {}
        if by == "group":
            _warn_of_torn(table, official)
    parts |= _draw(names, pool, {part: number_of(part, share, len(pool)) for part, share in wanted.items()}, seed, by)
    return {part: np.sort(parts.get(part, np.zeros(0))).astype(np.int64) for part in PARTS}


def _draw(names: Sequence[str], pool: np.ndarray, wanted: dict[str, int], seed: int, by: str) -> dict[str, np.ndarray]:
    """Take whole groups out of `pool` for each part; the rest is `train`."""
    members: dict[str, list[int]] = {}
    for row in pool.tolist():
        members.setdefault(names[row], []).append(row)
    parts = {part: np.zeros(0, np.int64) for part in wanted}
    wanted = {part: count for part, count in wanted.items() if count}
    if names and len(pool) == sum(wanted.values()) and len(wanted) <= 1:  # one part takes all
        return parts | dict.fromkeys(wanted, pool) | {"train": np.zeros(0, np.int64)}
    have, need = len(members), len(wanted) + 1
    if have < need or sum(wanted.values()) >= len(pool):
        names_of = {"val": "validation", "test": "test"}
        asked = " and ".join(f"{count} images for {names_of[part]}" for part, count in wanted.items())
        there = f"{len(pool)} images" if have == len(pool) else f"{len(pool)} images in {have} groups"
        raise DataError(
            f"{there} are too few for {asked + ' beside training' if asked else 'training'}. Lower data.val or "
            "data.test, or use more data" + (", or set data.split_by=image." if have < len(pool) else ".")
        )
    generator = np.random.Generator(np.random.Philox(key=derive("split", seed)))
    ordered = sorted(members)
    queue = [ordered[place] for place in generator.permutation(have)]
    for left, (part, count) in zip(range(len(wanted) - 1, -1, -1), wanted.items(), strict=True):
        taken: list[int] = []
        while len(taken) < count and len(queue) > left + 1:  # a group each for the parts to come and for training
            rows = members[queue[0]]
            if taken and abs(len(taken) + len(rows) - count) > count - len(taken):
                break
            taken += rows
            queue.pop(0)
        parts[part] = np.array(taken, np.int64)
        if by == "group" and len(taken) != count:
            log.info("%s has %d images, not %d: groups stay whole", part, len(taken), count)
    parts["train"] = np.array([row for name in queue for row in members[name]], np.int64)
    return parts


def number_of(part: str, share: Amount, total: int) -> int:
    """How many of `total` an amount asks for; ConfigError for what is none."""
    if share == "all":
        return total
    if share < 0 or (share >= 1 and share != int(share)):
        raise ConfigError(f"data.{part}={share}; a share of the images below 1, or a whole number of images")
    return round(share * total) if share < 1 else int(share)


def has_parts(table: Rows) -> bool:
    """Whether the dataset has official parts."""
    return table.splits is not None and any(table.splits)


def _official(table: Rows) -> np.ndarray | None:
    if table.splits is None or not has_parts(table):
        return None
    without = [name for name, part in zip(table.ids, table.splits, strict=True) if part is None]
    if without:
        raise DataError(
            f"{len(without)} images belong to no official part, others do; among them {without[0]}. Move them into a "
            "part's folder or out of data.root; or say data.source.parts=none: all images are then split by data.val "
            "and data.test."
        )
    other = sorted({str(part) for part in table.splits} - set(PARTS))
    if other:
        raise DataError(f"official parts are {', '.join(PARTS)}; the dataset has also {', '.join(other)}.")
    return np.array(table.splits)


def _warn_of_torn(table: Rows, official: np.ndarray) -> None:
    parts: dict[str, set[str]] = {}
    for group, part in zip(table.groups, official.tolist(), strict=True):
        parts.setdefault(group, set()).add(part)
    torn = [group for group, seen in parts.items() if len(seen) > 1]
    if torn:
        log.warning("the official split tears %d groups, among them %s; it is kept", len(torn), torn[0])
