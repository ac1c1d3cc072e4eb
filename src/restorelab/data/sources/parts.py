"""Derive the official training, validation and test parts of a dataset from the names of its folders.

The names are, ignoring case: `train/`, `training/` or `tr/`; `val/`, `valid/`, `validation/` or `dev/`; `test/`,
`testing/`, `eval/` or `evaluation/`. They may be at the top, below folders that all images share (`DIV2K/train/`), or
anywhere on the path of every image (`bottle/train/`, `cable/test/`). At the top, a folder name of several words also
counts if one word is a part's name and the other words are the same in all folders: `DIV2K_train_HR/` and
`DIV2K_valid_HR/`, but not `Train_small/` and `Test/`.
"""

import logging
import re
from collections.abc import Iterable, Sequence
from typing import Literal

log = logging.getLogger(__name__)

Parts = Literal["auto", "none"]
"""Whether parts are derived from folder names; with `none` a dataset has no official parts."""

PARTS = ("train", "val", "test")

NAMES = {
    "train": ("train", "training", "trainset", "tr"),
    "val": ("val", "valid", "validation", "valset", "dev"),
    "test": ("test", "testing", "testset", "eval", "evaluation"),
}
"""Folder names of each part."""

_PART_OF = {name: part for part, names in NAMES.items() for name in names}

_SIMILAR = re.compile(rf"({'|'.join(_PART_OF)})\d*", re.IGNORECASE)


def part_of(folder: str) -> str | None:
    """Return the part that a folder's name means, such as `train` for `Training`; None for any other name."""
    return _PART_OF.get(folder.casefold())


def official_parts(names: Iterable[str], parts: Parts = "auto") -> list[str | None]:
    """Return the part of each id (a path relative to the root); None for all of them if the folders are no parts.

    If at least two top folders have names of different parts, every image has to be in one: an image elsewhere gets
    None, which `split` refuses. Otherwise there are parts only if every image is in one.
    """
    names = list(names)
    if parts == "none":
        return [None] * len(names)
    tops = _tops(names)
    top_parts = [None if top is None else part_of(top) for top in tops]
    if all(top_parts) or len(set(top_parts) - {None}) > 1:
        return top_parts
    by_folder = _by_word(tops)
    if by_folder is None:
        by_folder = [next(filter(None, map(part_of, name.split("/")[:-1])), None) for name in names]
    return by_folder if all(by_folder) else [None] * len(names)


def remark(names: Iterable[str], parts: Parts = "auto") -> str | None:
    """Return a sentence about folders that look like parts but are not used as such; None if there are none."""
    names = list(names)
    if parts == "none" or any(official_parts(names)):
        return None
    similar = [[folder for folder in name.split("/")[:-1] if any(map(_SIMILAR.fullmatch, _words(folder)))]
               for name in names]  # fmt: skip
    folders = sorted({folder for on_path in similar for folder in on_path})
    if not folders:
        return None
    outside = sum(not on_path for on_path in similar)
    listed = ", ".join(f"{folder}/" for folder in folders[:5]) + (" and others" if len(folders) > 5 else "")
    reason = f"{outside} of {len(names)} images are outside" if outside else "their names do not mean one part each"
    return (
        f"folders that look like the parts of a split are not used as such: {listed} ({reason}). All images are split "
        "by data.val and data.test. To use them as parts, name them train, val and test and move all images into them; "
        "data.source.parts=none confirms that they are not parts and silences this message."
    )


def _tops(names: Sequence[str]) -> list[str | None]:
    """Return the first folder of each path that is a part's or not common to all; None for an image outside."""
    paths = [name.split("/")[:-1] for name in names]
    while paths and all(paths) and len({path[0] for path in paths}) == 1 and not part_of(paths[0][0]):
        paths = [path[1:] for path in paths]
    return [path[0] if path else None for path in paths]


def _words(folder: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", folder.casefold()) if word]


def _by_word(tops: Sequence[str | None]) -> list[str | None] | None:
    """Return the part that one word of each folder's name means, if the other words are the same; None otherwise."""
    by_top: dict[str, str] = {}
    others = set()
    for top in set(tops):
        words = _words(top or "")
        places = [place for place, word in enumerate(words) if word in _PART_OF]
        if top is None or len(places) != 1:
            return None
        by_top[top] = _PART_OF[words[places[0]]]
        others.add((places[0], *words[: places[0]], *words[places[0] + 1 :]))
    if len(others) != 1 or len(set(by_top.values())) < 2:
        return None
    return [by_top[top] for top in tops if top is not None]
