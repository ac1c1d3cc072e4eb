"""Any folder tree of images."""

import hashlib
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from restorelab import quoting
from restorelab.data.archive import unpack
from restorelab.data.content import hashes
from restorelab.data.decode import EXTENSIONS
from restorelab.data.download import check_digests, download
from restorelab.data.item import Item
from restorelab.data.sources.parts import Parts, official_parts, remark
from restorelab.errors import ConfigError, DataError
from restorelab.file_names import refusal


class Folder:
    """All images below a folder, at any depth, in sorted order: jpg, png, tif, bmp, pgm, webp, gif, npy and npz.

    Hidden files and folders (with a leading dot) are skipped. Links are followed; each real folder is listed once. The
    id is the path relative to the root. Folders such as `train/`, `valid/` and `test/` are the official parts, see
    `parts.py`.

    Args:
        root: the folder.
        group: the group of an image, which a split keeps together: `file` (each image is its own group), `parent` (its
            folder), or a regular expression, searched in the id, whose first parenthesis or whole match is the group.
        parts: `auto` derives the official parts from folder names; with `none` there are none.
        url: the address of a tar or zip archive that `fetch` downloads and unpacks into the root.
        sha256: checksum of the archive.
        max_gigabytes: the most that it may unpack to.

    """

    def __init__(
        self,
        root: str | Path | None = None,
        group: str = "file",
        parts: Parts = "auto",
        url: str | None = None,
        sha256: str | None = None,
        max_gigabytes: float = 100,
    ) -> None:
        self.root = Path(root).expanduser().absolute() if root is not None else None
        self.group, self.url, self.sha256, self.max_gigabytes = group, url, sha256, max_gigabytes
        self.group_of, self.parts = grouping("folder", group), parts
        check_digests("folder", sha256=sha256)
        if not max_gigabytes > 0:
            raise ConfigError(f"folder: max_gigabytes is {max_gigabytes}; expected a number above 0.")

    def items(self) -> list[Item]:
        """List the images without decoding them."""
        root, paths = self._root(), self._images()
        names = [name_below(path, root) for path in paths]
        return [
            Item(id=name, group=self.group_of(name), clean=path, split=part)
            for name, path, part in zip(names, paths, official_parts(names, self.parts), strict=True)
        ]

    def fingerprint(self) -> dict[str, Any]:
        """Return the hash of the names and contents of all images, the grouping, and `parts`."""
        return {**summary(self._images(), self._root()), "group": self.group, "parts": self.parts}

    def remarks(self) -> list[str]:
        """Return a sentence about folders that look like official parts but are not used as such, if there are any."""
        root = self._root()
        sentence = remark((name_below(path, root) for path in self._images()), self.parts)
        return [sentence] if sentence else []

    def fetch(self) -> Path:
        """Download the archive at `url` and unpack it into the root, which must be new or empty."""
        if self.root is None or self.url is None:
            raise DataError("to fetch a folder, set data.root=FOLDER and data.source.url=ADDRESS of a tar or zip.")
        name = PurePosixPath(unquote(urlsplit(self.url).path)).name
        name = "archive" if refusal(name) else name
        if self.root.is_dir() and any(self.root.iterdir()):
            raise DataError(f"{self.root} is not empty; nothing is downloaded into it.")
        temporary = self.root.with_name(f".{self.root.name}.download")
        archive = download(self.url, temporary / name, sha256=self.sha256)
        unpack(archive, self.root, max_bytes=int(self.max_gigabytes * 1e9))
        shutil.rmtree(temporary)
        return self.root

    def _root(self) -> Path:
        if self.root is None:
            raise DataError("a folder of images needs data.root=FOLDER (data.root is not set).")
        if not self.root.is_dir():
            advice = (
                f"`restorelab fetch data=folder {quoting.argument('data.root', self.root)}` downloads it from "
                f"{self.url}."
                if self.url
                else "Set data.root to a folder that holds images, at any depth."
            )
            problem = "is a file" if self.root.exists() else "does not exist"
            raise DataError(f"the folder of images is {self.root}, which {problem}. {advice}")
        return self.root

    def _images(self) -> list[Path]:
        root = self._root()
        paths = images_below(root)
        if not paths:
            kinds = Counter(path.suffix or "no suffix" for path in _walk(root, set())).most_common(5)
            contents = ", ".join(f"{count} {kind}" for kind, count in kinds) or "nothing"
            raise DataError(f"{root} holds no images ({', '.join(EXTENSIONS)}); it holds {contents}.")
        return paths


def grouping(owner: str, group: str) -> Callable[[str], str]:
    """Return the function from id to group: `file`, `parent`, or a regular expression, as in `Folder`.

    Raises:
        ConfigError: for an invalid expression. The returned function raises DataError for an id without a match.
    """
    if group == "file":
        return str
    if group == "parent":
        return lambda name: str(PurePosixPath(name).parent)
    try:
        pattern = re.compile(group)
    except re.error as error:
        raise ConfigError(f"{owner}: group={group!r}; allowed: file, parent, a regular expression ({error})") from None

    def search(name: str) -> str:
        match = pattern.search(name)
        if match is None:
            raise DataError(
                f"group={group!r} does not match {name}; allowed: file, parent, or a regular expression that matches "
                "every path."
            )
        return str(match.group(1) if pattern.groups else match.group())

    return search


def summary(paths: Iterable[Path], root: Path) -> dict[str, Any]:
    """Return the number of images, and the hash of their names relative to the root and of their contents."""
    digest, listed = hashlib.sha256(), list(paths)
    for path, content in zip(listed, hashes(listed, root), strict=True):
        digest.update(f"{name_below(path, root)}\0{content}\n".encode())
    return {"images": len(listed), "sha256": digest.hexdigest()}


def images_below(folder: Path) -> list[Path]:
    """List every image file below a folder in sorted order, as `Folder` does."""
    return [path for path in _walk(folder, set()) if path.suffix.lower() in EXTENSIONS]


def _walk(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    """Yield files that are not hidden, sorted by name. Each real folder is entered once, whatever links lead to it."""
    status = folder.stat()
    if (status.st_dev, status.st_ino) in seen:
        return
    seen.add((status.st_dev, status.st_ino))
    with os.scandir(folder) as listing:
        entries = sorted((entry for entry in listing if not entry.name.startswith(".")), key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir():
            yield from _walk(Path(entry.path), seen)
        else:
            yield Path(entry.path)


def name_below(path: Path, root: Path) -> str:
    """Return the path relative to the root; bytes that are not UTF-8 are escaped, since ids are hashed as text."""
    # By string operations: `relative_to` takes 0.1 s for 4,000 files, and every run needs all names.
    text, above = os.fspath(path), os.fspath(root)
    inner = text.removeprefix(above).lstrip(os.sep) if above != os.curdir else text
    return inner.replace(os.sep, "/").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
