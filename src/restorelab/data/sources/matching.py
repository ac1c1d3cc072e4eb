"""Which degraded image belongs to which clean one, by their names.

A pattern such as `*_noisy.png` or `x2/{name}x2` is held against the end of a file's path below its folder, in any case;
each `*`, or name in braces, stands for some letters of one folder or file name, and a pattern without an image's ending
takes every ending. Two files are partners where what the stars stand for, and the folders before them, are equal.
"""

import logging
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from restorelab.data.decode import EXTENSIONS
from restorelab.errors import ConfigError, DataError

log = logging.getLogger(__name__)

ANY = "*"
"""The pattern of every name."""

Key = tuple[str, ...]

TRIED = 100
"""Files without a partner that a better pattern is looked for with."""


@dataclass(frozen=True)
class Side:
    """The images of one kind: the folder, the option that is its pattern, the pattern, and paths by name below it.

    option: None where there is no option, so that no message offers another pattern.
    """

    folder: Path
    option: str | None
    pattern: str
    paths: Mapping[str, Path]

    def keys(self, pattern: str, names: Iterable[str]) -> dict[str, Key]:
        """What the folders and the stars stand for, by name, for the names that fit a pattern."""
        compiled = _compiled(pattern)
        return {name: tuple(found.groups()) for name in names if (found := compiled.fullmatch(name))}


def check(owner: str, option: str, pattern: str) -> None:
    """Raise ConfigError for a pattern that no file can fit."""
    if not pattern.strip("/ ") or pattern.startswith("/"):
        raise ConfigError(f"{owner}: {option}={pattern!r}; expected a name below the folder, such as '*_noisy.png'.")


def stars(pattern: str) -> int:
    """How many stars, or names in braces, a pattern has."""
    return _plain(pattern).count(ANY)


def _plain(pattern: str) -> str:
    return re.sub(r"\{\w*\}", ANY, pattern)


def _compiled(pattern: str) -> re.Pattern[str]:
    plain = _plain(pattern)
    body = "([^/]+?)".join(map(re.escape, plain.split(ANY)))  # as little as it can, or a star would take the ending
    ending = "" if plain.lower().endswith(EXTENSIONS) else r"(?:\.[^./]+)?"
    return re.compile(f"((?:.*/)?){body}{ending}", re.IGNORECASE)


def letters(pattern: str) -> int:
    """How many letters of a pattern are given: of two patterns that a file fits, it belongs to that with more."""
    return len(_plain(pattern)) - stars(pattern)


def matched(degraded: Side, clean: Side) -> dict[str, tuple[Path, Path]]:
    """Degraded and clean path, by the clean one's name, sorted.

    Equal names are partners first, then names that are equal but for the case.

    Raises:
        DataError: for images without a partner; says how many, names the first of each side, and the pattern that
            would find most of them partners.
    """
    ours, theirs = (side.keys(side.pattern, side.paths) for side in (degraded, clean))
    if degraded.folder == clean.folder:  # one folder holds both: a file belongs to the pattern that says more of it
        more = letters(degraded.pattern) > letters(clean.pattern)
        ours, theirs = (ours, _without(theirs, ours)) if more else (_without(ours, theirs), theirs)
    pairs = {name: name for name in ours.keys() & theirs.keys() if degraded.pattern == clean.pattern}
    for fold in (False, True):
        left = _by_key(_without(ours, pairs.values()), fold=fold)
        right = _by_key(_without(theirs, pairs), fold=fold)
        pairs |= {right[key][0]: left[key][0] for key in left.keys() & right.keys()
                  if len(left[key]) == len(right[key]) == 1}  # fmt: skip
    alone = sorted(_without(ours, pairs.values())), sorted(_without(theirs, pairs))
    unfit = _unfit(degraded, clean, ours, theirs)
    if any(alone) or not pairs:
        advice = _advice(degraded, clean, set(degraded.paths).difference(pairs.values()), set(clean.paths) - set(pairs))
        said = [_alone(degraded, clean, *alone, len(ours) + len(theirs)), *unfit]
        raise DataError(" ".join([*said, advice or "Mend or remove what stands alone."]))
    for sentence in unfit:
        log.info("%s They are left out.", sentence)
    return {name: (degraded.paths[pairs[name]], clean.paths[name]) for name in sorted(pairs)}


def _without(keys: Mapping[str, Key], names: Iterable[str]) -> dict[str, Key]:
    left_out = set(names)
    return {name: key for name, key in keys.items() if name not in left_out}


def _by_key(keys: Mapping[str, Key], *, fold: bool) -> dict[Key, list[str]]:
    found = defaultdict(list)
    for name, key in keys.items():
        found[tuple(map(str.casefold, key)) if fold else key].append(name)
    return found


def _unfit(degraded: Side, clean: Side, ours: Mapping[str, Key], theirs: Mapping[str, Key]) -> list[str]:
    """Sentences about names that fit no pattern."""
    sides = [(degraded, set(degraded.paths) - set(ours)), (clean, set(clean.paths) - set(theirs))]
    if degraded.folder == clean.folder:
        sides = [(degraded, sides[0][1] & sides[1][1])]
    return [
        f"{len(names)} names in {side.folder} do not fit {side.option}={side.pattern}, such as {min(names)}."
        for side, names in sides
        if names
    ]


def _alone(degraded: Side, clean: Side, ours: list[str], theirs: list[str], total: int) -> str:
    """What to say of images without a partner."""
    if not ours and not theirs:
        return f"there is not one pair of images in {degraded.folder} and {clean.folder}."
    said = [
        f"{names[0]} in {side.folder} has none in {other.folder}"
        for names, side, other in ((ours, degraded, clean), (theirs, clean, degraded))
        if names
    ]
    return f"{len(ours) + len(theirs)} of {total} images have no partner: {'; '.join(said)}."


def _advice(degraded: Side, clean: Side, ours: Collection[str], theirs: Collection[str]) -> str | None:
    """The patterns under which most of the images without a partner would have one; None where there are none."""
    best: tuple[int, tuple[str, str]] = (0, ("", ""))
    for patterns in _candidates(sorted(ours)[:TRIED], sorted(theirs)[:TRIED]):
        left = _by_key(degraded.keys(patterns[0], ours), fold=True)
        right = _by_key(clean.keys(patterns[1], theirs), fold=True)
        count = sum(len(left[key]) == len(right[key]) == 1 for key in left.keys() & right.keys())
        best = max(best, (count, patterns), key=lambda one: one[0])
    count, patterns = best
    if not count or degraded.option is None:
        return None
    said = " ".join(
        f"'data.source.{side.option}={pattern}'"
        for side, pattern in zip((degraded, clean), patterns, strict=True)
        if pattern != side.pattern
    )
    return f"{said} would make {count} pairs." if said else None


def _candidates(ours: list[str], theirs: list[str]) -> list[tuple[str, str]]:
    """Patterns that tell what differs between two names by what is alike, the most frequent ones."""
    counts: Counter[tuple[str, str]] = Counter()
    stems = [PurePosixPath(name).stem for name in theirs]
    for name in ours:
        one = PurePosixPath(name).stem
        other = max(stems, key=lambda stem: sum(_alike(one, stem)), default=None)
        if other is not None and any(ends := _alike(one, other)):
            counts[_pattern(one, *ends), _pattern(other, *ends)] += 1
    return [patterns for patterns, _ in counts.most_common(5)]


def _alike(one: str, other: str) -> tuple[int, int]:
    """How many letters two names share at their beginning, and of the rest at their end."""
    one, other = one.casefold(), other.casefold()
    short = min(len(one), len(other))
    first = next((i for i in range(short) if one[i] != other[i]), short)
    last = next((i for i in range(short - first) if one[-1 - i] != other[-1 - i]), short - first)
    return first, last


def _pattern(name: str, first: int, last: int) -> str:
    return f"{ANY if first else ''}{name[first : len(name) - last]}{ANY if last else ''}"
