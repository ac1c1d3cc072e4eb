"""Match degraded and clean images by their names.

A pattern such as `*_noisy.png` or `x2/{name}x2` is matched, ignoring case, with the end of a file's path in its folder.
Each `*`, or name in braces, matches one or more characters of one folder or file name; a pattern without an image
extension matches every extension. Two files are partners if the texts matched by the stars, and the folders before
them, are equal.
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
"""The pattern that matches every name."""

Key = tuple[str, ...]
"""The folders and the texts matched by the stars of a pattern; partners have equal keys."""

TRIED = 100
"""The most files without a partner from which a better pattern is derived."""


@dataclass(frozen=True)
class Side:
    """The degraded or the clean images.

    Attributes:
        folder: that holds them.
        option: the config key of the pattern; None if the pattern is fixed, so that no message suggests another one.
        pattern: that their names match.
        paths: of the files by name relative to the folder.
    """

    folder: Path
    option: str | None
    pattern: str
    paths: Mapping[str, Path]

    def keys(self, pattern: str, names: Iterable[str]) -> dict[str, Key]:
        """Return the keys of those names that match a pattern."""
        plain = _plain(pattern)
        body = "([^/]+?)".join(map(re.escape, plain.split(ANY)))  # not greedy, or a star would match the extension
        ending = "" if plain.lower().endswith(EXTENSIONS) else r"(?:\.[^./]+)?"
        compiled = re.compile(f"((?:.*/)?){body}{ending}", re.IGNORECASE)
        return {name: tuple(match.groups()) for name in names if (match := compiled.fullmatch(name))}


def check(owner: str, option: str, pattern: str) -> None:
    """Raise ConfigError for a pattern that no file can match."""
    if not pattern.strip("/ ") or pattern.startswith("/"):
        raise ConfigError(f"{owner}: {option}={pattern!r}; expected a name below the folder, such as '*_noisy.png'.")


def stars(pattern: str) -> int:
    """Return the number of stars, or names in braces, of a pattern."""
    return _plain(pattern).count(ANY)


def _plain(pattern: str) -> str:
    return re.sub(r"\{\w*\}", ANY, pattern)


def letters(pattern: str) -> int:
    """Return the number of literal characters of a pattern; a file that matches two patterns belongs to the longer."""
    return len(_plain(pattern)) - stars(pattern)


def matched(degraded: Side, clean: Side) -> dict[str, tuple[Path, Path]]:
    """Return the degraded and the clean path of each pair by the clean image's name, sorted.

    Names with equal keys are matched first, then names whose keys are equal ignoring case.

    Raises:
        DataError: for images without a partner. It gives their number, the first of each side, and the patterns under
            which most of them would have a partner.
    """
    degraded_keys, clean_keys = (side.keys(side.pattern, side.paths) for side in (degraded, clean))
    if degraded.folder == clean.folder:  # a file that matches both patterns belongs to the more specific one
        if letters(degraded.pattern) > letters(clean.pattern):
            clean_keys = _without(clean_keys, degraded_keys)
        else:
            degraded_keys = _without(degraded_keys, clean_keys)
    pairs = {name: name for name in degraded_keys.keys() & clean_keys.keys() if degraded.pattern == clean.pattern}
    for fold in (False, True):
        left = _by_key(_without(degraded_keys, pairs.values()), fold=fold)
        right = _by_key(_without(clean_keys, pairs), fold=fold)
        pairs |= {right[key][0]: left[key][0] for key in left.keys() & right.keys()
                  if len(left[key]) == len(right[key]) == 1}  # fmt: skip
    alone = sorted(_without(degraded_keys, pairs.values())), sorted(_without(clean_keys, pairs))
    unmatched = _unmatched(degraded, clean, degraded_keys, clean_keys)
    if any(alone) or not pairs:
        advice = _advice(degraded, clean, set(degraded.paths).difference(pairs.values()), set(clean.paths) - set(pairs))
        sentences = [_alone(degraded, clean, *alone, len(degraded_keys) + len(clean_keys)), *unmatched]
        raise DataError(" ".join([*sentences, advice or "Rename or remove the images without a partner."]))
    for sentence in unmatched:
        log.info("%s They are left out.", sentence)
    return {name: (degraded.paths[pairs[name]], clean.paths[name]) for name in sorted(pairs)}


def _without(keys: Mapping[str, Key], names: Iterable[str]) -> dict[str, Key]:
    left_out = set(names)
    return {name: key for name, key in keys.items() if name not in left_out}


def _by_key(keys: Mapping[str, Key], *, fold: bool) -> dict[Key, list[str]]:
    names = defaultdict(list)
    for name, key in keys.items():
        names[tuple(map(str.casefold, key)) if fold else key].append(name)
    return names


def _unmatched(
    degraded: Side, clean: Side, degraded_keys: Mapping[str, Key], clean_keys: Mapping[str, Key]
) -> list[str]:
    """Return sentences about names that match no pattern."""
    sides = [(degraded, set(degraded.paths) - set(degraded_keys)), (clean, set(clean.paths) - set(clean_keys))]
    if degraded.folder == clean.folder:
        sides = [(degraded, sides[0][1] & sides[1][1])]
    return [
        f"{len(names)} names in {side.folder} do not match {side.option}={side.pattern}, such as {min(names)}."
        for side, names in sides
        if names
    ]


def _alone(degraded: Side, clean: Side, degraded_names: list[str], clean_names: list[str], total: int) -> str:
    """Return a sentence about images without a partner."""
    if not degraded_names and not clean_names:
        return f"there are no pairs of images in {degraded.folder} and {clean.folder}."
    examples = [
        f"{names[0]} in {side.folder} has none in {other.folder}"
        for names, side, other in ((degraded_names, degraded, clean), (clean_names, clean, degraded))
        if names
    ]
    return f"{len(degraded_names) + len(clean_names)} of {total} images have no partner: {'; '.join(examples)}."


def _advice(degraded: Side, clean: Side, degraded_names: Collection[str], clean_names: Collection[str]) -> str | None:
    """Suggest the patterns under which most of the images without a partner would have one; None if there are none."""
    best: tuple[int, tuple[str, str]] = (0, ("", ""))
    for patterns in _candidates(sorted(degraded_names)[:TRIED], sorted(clean_names)[:TRIED]):
        left = _by_key(degraded.keys(patterns[0], degraded_names), fold=True)
        right = _by_key(clean.keys(patterns[1], clean_names), fold=True)
        count = sum(len(left[key]) == len(right[key]) == 1 for key in left.keys() & right.keys())
        best = max(best, (count, patterns), key=lambda candidate: candidate[0])
    count, patterns = best
    if not count or degraded.option is None:
        return None
    options = " ".join(
        f"'data.source.{side.option}={pattern}'"
        for side, pattern in zip((degraded, clean), patterns, strict=True)
        if pattern != side.pattern
    )
    return f"{options} would make {count} pairs." if options else None


def _candidates(degraded_names: list[str], clean_names: list[str]) -> list[tuple[str, str]]:
    """Derive pairs of patterns from what similar names have in common; return the most frequent ones."""
    counts: Counter[tuple[str, str]] = Counter()
    stems = [PurePosixPath(name).stem for name in clean_names]
    for name in degraded_names:
        degraded_stem = PurePosixPath(name).stem
        clean_stem = max(stems, key=lambda stem: sum(_common_ends(degraded_stem, stem)), default=None)
        if clean_stem is not None and any(ends := _common_ends(degraded_stem, clean_stem)):
            counts[_pattern(degraded_stem, *ends), _pattern(clean_stem, *ends)] += 1
    return [patterns for patterns, _ in counts.most_common(5)]


def _common_ends(first_name: str, second_name: str) -> tuple[int, int]:
    """Return how many characters two names share at the beginning, and of the rest at the end."""
    first_name, second_name = first_name.casefold(), second_name.casefold()
    shorter = min(len(first_name), len(second_name))
    first = next((i for i in range(shorter) if first_name[i] != second_name[i]), shorter)
    last = next((i for i in range(shorter - first) if first_name[-1 - i] != second_name[-1 - i]), shorter - first)
    return first, last


def _pattern(name: str, first: int, last: int) -> str:
    return f"{ANY if first else ''}{name[first : len(name) - last]}{ANY if last else ''}"
