"""The training, validation and test parts of a dataset, told from the names of its folders.

Names count in any case: `train/`, `training/` or `tr/`; `val/`, `valid/`, `validation/` or `dev/`; `test/`, `testing/`,
`eval/` or `evaluation/`. They stand at the top, below folders that all images share (`DIV2K/train/`), or anywhere on
the path of every image (`bottle/train/`, `cable/test/`). Several words of which one is a part's name count at the top,
where the other words are the same in all folders: `DIV2K_train_HR/` beside `DIV2K_valid_HR/`, but not `Train_small/`
beside `Test/`.
"""

import logging
import re
from collections.abc import Iterable, Sequence
from typing import Literal, get_args

from restorelab.errors import ConfigError, nearest

log = logging.getLogger(__name__)

Parts = Literal["auto", "none"]
"""Whether parts are looked for; with `none` all images are split alike."""

PARTS = ("train", "val", "test")

NAMES = {
    "train": ("train", "training", "trainset", "tr"),
    "val": ("val", "valid", "validation", "valset", "dev"),
    "test": ("test", "testing", "testset", "eval", "evaluation"),
}
"""What people call a part."""

_PART_OF = {name: part for part, names in NAMES.items() for name in names}

_SIMILAR = re.compile(rf"({'|'.join(_PART_OF)})\d*", re.IGNORECASE)


def check_parts(owner: str, parts: str) -> None:
    """Raise ConfigError for a value of `parts` that there is not."""
    if parts not in get_args(Parts):
        raise ConfigError(f"{owner}: parts={parts!r}. {nearest(parts, get_args(Parts))}")


def part_of(folder: str) -> str | None:
    """The part that a folder's whole name says: `train` for `Training`; None for any other name."""
    return _PART_OF.get(folder.casefold())


def official_parts(names: Iterable[str], parts: Parts = "auto") -> list[str | None]:
    """The part of each id (a path below the root); None for all of them where the folders say nothing.

    Two whole names of parts make a layout, to which every image has to belong: one that lies elsewhere gets None, which
    `split` refuses. In any other case the parts count only where every image lies in one.
    """
    names = list(names)
    if parts == "none":
        return [None] * len(names)
    tops = _tops(names)
    whole = [None if top is None else part_of(top) for top in tops]
    if all(whole) or len(set(whole) - {None}) > 1:
        return whole
    found = _by_word(tops)
    if found is None:
        found = [next(filter(None, map(part_of, name.split("/")[:-1])), None) for name in names]
    return found if all(found) else [None] * len(names)


def remark(names: Iterable[str], parts: Parts = "auto") -> str | None:
    """A sentence for folders that look like parts and are not taken as such; None where there are none."""
    names = list(names)
    if parts == "none" or any(official_parts(names)):
        return None
    similar = [[folder for folder in name.split("/")[:-1] if _similar(folder)] for name in names]
    folders = sorted({folder for on_path in similar for folder in on_path})
    if not folders:
        return None
    outside = sum(not on_path for on_path in similar)
    listed = ", ".join(f"{folder}/" for folder in folders[:5]) + (" and others" if len(folders) > 5 else "")
    why = f"{outside} of {len(names)} images lie outside of them" if outside else "their names do not say one part each"
    return (
        f"folders that look like the parts of a split are not taken as such: {listed} ({why}). All images are split by "
        "data.val and data.test. To make them parts, name them train, val and test and leave no image outside; "
        "data.source.parts=none says that they are none."
    )


def _tops(names: Sequence[str]) -> list[str | None]:
    """The first folder of each path that is a part's, or that not all of them share; None for an image outside."""
    paths = [name.split("/")[:-1] for name in names]
    while paths and all(paths) and len({path[0] for path in paths}) == 1 and not part_of(paths[0][0]):
        paths = [path[1:] for path in paths]
    return [path[0] if path else None for path in paths]


def _similar(folder: str) -> bool:
    return any(_SIMILAR.fullmatch(word) for word in _words(folder))


def _words(folder: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", folder.casefold()) if word]


def _by_word(tops: Sequence[str | None]) -> list[str | None] | None:
    """The parts by one word of each folder's name, where the other words are the same; None where they do not say."""
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
