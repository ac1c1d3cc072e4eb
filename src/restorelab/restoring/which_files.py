"""Find the files to restore and the places of the results, and check them before anything is read."""

import glob
import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from restorelab.errors import ConfigError, nearest
from restorelab.restoring.photograph import FORMATS, READ_ONLY
from restorelab.restoring.write_photograph import ending

log = logging.getLogger(__name__)

ENDINGS = tuple(name for names in (*FORMATS.values(), *READ_ONLY.values()) for name in names)
"""The endings of the files that are taken from folders."""

NOT_READ = (
    ".heic", ".heif", ".avif", ".jxl", ".jp2", ".psd", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf",
)  # fmt: skip
"""The endings of photographs in formats that are not read; a warning says how many of them a folder holds."""

MARK = "_restored"
"""What is appended to the stem of a result's name if it is written beside its source."""


@dataclass(frozen=True)
class InputFile:
    """A file to restore. place: its path relative to the folder, or to the fixed part of the pattern, that it is in."""

    file: Path
    place: Path


def sources(words: Sequence[str], out: Path | None = None) -> list[InputFile]:
    """Return the files that the words of a command line name: files, folders with all files below them, and patterns.

    In folders and patterns, files of other kinds, hidden files and results are skipped: `NAME_restored.jpg` beside
    `NAME.jpg`, and the results of an earlier run below `out`. A file that is named itself is always taken.

    Raises:
        ConfigError: for a word without a file; it names the nearest file.
    """
    found: dict[Path, InputFile] = {}
    named = set[Path]()
    for word in words:
        path = Path(word).expanduser()
        try:
            given = _meant(word, path)
        except OSError as error:
            raise ConfigError(f"{word}: {error.strerror}.") from None
        if not given:
            raise ConfigError(_nothing(word, path))
        for source in given:
            found.setdefault(_place(source.file), source)
        named.add(_place(path))
    if out is None:
        return list(found.values())
    results = {_place(out / source.place).with_suffix(""): place for place, source in found.items()}
    return [
        source
        for place, source in found.items()
        if place in named or results.get(place.with_suffix(""), place) == place
    ]


def _meant(word: str, path: Path) -> list[InputFile]:
    """Return the files that one word names; an empty list if there are none."""
    if not word:
        raise ConfigError("restore: one of the names is empty; name the files, folders or patterns to restore.")
    if path.is_dir():
        return [InputFile(file, file.relative_to(path)) for file in _below(path)]
    return [InputFile(path, Path(path.name))] if path.exists() else list(_matching(path))


def _place(path: Path) -> Path:
    """Return an absolute path without `..`. Links are not followed: a file and a link to it have separate results."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def target(source: InputFile, out: Path | None, kind: str | None) -> Path:
    """Return the path of a source's result: beside the source, or in the folder `out`, under the same relative path.

    kind: the format of the result; None for a file that cannot be read.
    """
    old, new = source.file.suffix, source.file.suffix if kind is None else ending(kind, source.file)
    is_ending = kind is None or old.lower() in ENDINGS  # not that of `2020.01.02`, a JPEG
    stem = source.file.stem if is_ending else source.file.name
    return source.file.with_name(f"{stem}{MARK}{new}") if out is None else out / source.place.with_name(f"{stem}{new}")


def check_targets(pairs: Sequence[tuple[InputFile, Path]]) -> None:
    """Raise ConfigError for results that would replace a source or each other, and folders that cannot be written."""
    inputs = {source.file.resolve() for source, _ in pairs}
    taken: dict[Path, InputFile] = {}
    for source, file in pairs:
        place = file.resolve()
        try:
            there = file.exists()
        except OSError as error:  # such as a name that `_restored` makes too long
            raise ConfigError(
                f"out: the result {file} cannot be written ({error.strerror}); name another folder, out=FOLDER, in "
                "which results keep the names of their sources."
            ) from None
        if place in inputs or (there and file.samefile(source.file)):
            raise ConfigError(f"out: the result {file} would replace an input; inputs are never changed.")
        if place in taken:
            raise ConfigError(
                f"out: {taken[place].file} and {source.file} would both become {file}; restore them by two commands, "
                "each with its own out=FOLDER."
            )
        taken[place] = source
    for folder in {file.parent for _, file in pairs}:
        nearest_folder = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        if not nearest_folder.is_dir():
            raise ConfigError(
                f"out: {nearest_folder} is a file; expected a folder, in which results keep the names of their sources."
            )
        if not os.access(nearest_folder, os.W_OK):
            raise ConfigError(f"out: {nearest_folder} cannot be written; name another folder, out=FOLDER.")


def _below(folder: Path) -> Iterator[Path]:
    """Yield the image files below a folder in sorted order, except hidden files and results."""
    unread = Counter[str]()
    walked = os.walk(folder, onerror=_told)
    for file in sorted(Path(place) / name for place, _, names in walked for name in names):
        kind = file.suffix.lower()
        if kind not in (*ENDINGS, *NOT_READ) or not file.is_file():
            continue
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if kind in NOT_READ:
            unread[kind] += not hidden
        elif not hidden and not _is_result(file):
            yield file
    if unread.total():
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(unread.items()) if count)
        log.warning("%s: left out, as these formats are not read: %s; convert them to PNG or TIFF", folder, told)


def _told(error: OSError) -> None:
    """Warn about a folder that cannot be read; its files are left out."""
    log.warning("%s: left out, as the folder cannot be read (%s)", error.filename, error.strerror)


def _matching(pattern: Path) -> Iterator[InputFile]:
    """Yield the files that match a pattern; their places are relative to its part without wildcards."""
    parts = pattern.parts
    fixed = next((number for number, part in enumerate(parts) if glob.has_magic(part)), len(parts) - 1)
    base = Path(*parts[:fixed])
    for name in sorted(glob.glob(str(pattern), recursive=True)):  # noqa: PTH207  (of absolute patterns, too)
        path = Path(name)
        files = _below(path) if path.is_dir() else [path]
        for file in files:
            if path.is_dir() or (file.suffix.lower() in ENDINGS and not _is_result(file)):
                yield InputFile(file, file.relative_to(base))


def _is_result(file: Path) -> bool:
    """Return whether a file has the name of the result of another file beside it."""
    if not file.stem.endswith(MARK):
        return False
    stem = file.stem.removesuffix(MARK)
    return any(file.with_name(stem + suffix).exists() for name in ENDINGS for suffix in (name, name.upper()))


def _nothing(word: str, path: Path) -> str:
    if path.is_dir():
        return f"{word}: no image files are below this folder ({', '.join(ENDINGS)})."
    if glob.has_magic(word):
        return f"{word}: no image file matches this pattern."
    folder = path.parent
    if not folder.is_dir():
        return f"{word}: there is no folder {folder}."
    return f"{word}: there is no such file. {nearest(path.name, [file.name for file in folder.iterdir()])}"
