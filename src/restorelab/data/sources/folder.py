"""Any tree of images."""

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
from restorelab.data.content import hashes
from restorelab.data.decode import EXTENSIONS
from restorelab.data.download import download, unpack
from restorelab.data.item import Item
from restorelab.data.sources.checksums import check_digests
from restorelab.data.sources.parts import Parts, check_parts, official_parts, remark
from restorelab.errors import ConfigError, DataError
from restorelab.file_names import refusal


class Folder:
    """Every image below a folder, in any depth: jpg, png, tif, bmp, pgm, webp, gif, npy and npz, in sorted order.

    Hidden files and folders (a leading dot) are skipped. Links are followed, each real folder is listed once. The id is
    the path below the root. Folders such as `train/`, `valid/` and `test/` are the official parts, see `parts.py`.

    Args:
        root: the folder.
        group: what a split must not tear: `file` (each image for itself), `parent` (the folder it lies in), or a
            regular expression searched in the id, whose first parenthesis, or else whole match, names the group.
        parts: `auto` takes the split from the folders' names, `none` splits all images alike.
        url: the address of a tar or zip that `fetch` brings and unpacks into the root.
        sha256: its checksum.
        max_gigabytes: the bound of what it may unpack to.

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
        check_parts("folder", parts)
        check_digests("folder", sha256=sha256)
        if not max_gigabytes > 0:
            raise ConfigError(f"folder: max_gigabytes is {max_gigabytes}; expected a number above 0.")

    def items(self) -> list[Item]:
        """List the images, decoding nothing."""
        root, paths = self._root(), self._images()
        names = [name_below(path, root) for path in paths]
        return [
            Item(id=name, group=self.group_of(name), clean=path, split=part)
            for name, path, part in zip(names, paths, official_parts(names, self.parts), strict=True)
        ]

    def fingerprint(self) -> dict[str, Any]:
        """The names and the content of all images, hashed, the grouping, and whether parts are looked for."""
        return {**summary(self._images(), self._root()), "group": self.group, "parts": self.parts}

    def remarks(self) -> list[str]:
        """What the user should know of the layout."""
        root = self._root()
        said = remark((name_below(path, root) for path in self._images()), self.parts)
        return [said] if said else []

    def fetch(self) -> Path:
        """Download the archive at `url` and unpack it into the root, which must be new or empty."""
        if self.root is None or self.url is None:
            raise DataError("a folder is fetched with data.root=FOLDER and data.source.url=ADDRESS of a tar or zip.")
        name = PurePosixPath(unquote(urlsplit(self.url).path)).name
        name = "archive" if refusal(name) else name
        if self.root.is_dir() and any(self.root.iterdir()):
            raise DataError(f"{self.root} is not empty; nothing is fetched into it.")
        kept = self.root.with_name(f".{self.root.name}.download")
        archive = download(self.url, kept / name, sha256=self.sha256)
        unpack(archive, self.root, max_bytes=int(self.max_gigabytes * 1e9))
        shutil.rmtree(kept)
        return self.root

    def _root(self) -> Path:
        if self.root is None:
            raise DataError("a folder of images needs data.root=FOLDER (data.root is not set).")
        if not self.root.is_dir():
            how = (
                f"`restorelab fetch data=folder {quoting.argument('data.root', self.root)}` brings it from {self.url}."
                if self.url
                else "Set data.root to a folder that holds images, in any depth."
            )
            what = "is a file" if self.root.exists() else "does not exist"
            raise DataError(f"images were looked for in {self.root}, which {what}. {how}")
        return self.root

    def _images(self) -> list[Path]:
        root = self._root()
        found = images_below(root)
        if not found:
            raise DataError(f"{root} holds no images ({', '.join(EXTENSIONS)}); it holds {kinds_below(root)}.")
        return found


def grouping(owner: str, group: str) -> Callable[[str], str]:
    """What gives an id its group: `file`, `parent`, or a regular expression, as `Folder` says.

    Raises:
        ConfigError: for an expression that is none. The function itself raises DataError for an id without a match.
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
                f"group={group!r} is found nowhere in {name}; allowed: file, parent, or a regular expression that "
                "is found in every path."
            )
        return str(match.group(1) if pattern.groups else match.group())

    return search


def summary(paths: Iterable[Path], root: Path) -> dict[str, Any]:
    """How many images there are, and the hash of their names below the root and of their content."""
    digest, listed = hashlib.sha256(), list(paths)
    for path, content in zip(listed, hashes(listed, root), strict=True):
        digest.update(f"{name_below(path, root)}\0{content}\n".encode())
    return {"images": len(listed), "sha256": digest.hexdigest()}


def images_below(folder: Path) -> list[Path]:
    """Every image file below a folder, in sorted order, as `Folder` says."""
    return [path for path in _walk(folder, set()) if path.suffix.lower() in EXTENSIONS]


def kinds_below(folder: Path) -> str:
    """What lies below a folder, in words: `3 .gif, 1 no suffix`."""
    kinds = Counter(path.suffix or "no suffix" for path in _walk(folder, set()))
    return ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(5)) or "nothing"


def _walk(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    """Files that are not hidden, sorted by name; a folder that links lead to again is not entered again."""
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
    """The path below the root; bytes that are not UTF-8 are spelt out, since ids are hashed as text."""
    # As text: `relative_to` takes a tenth of a second for 4,000 files, and every run asks for all names.
    text, above = os.fspath(path), os.fspath(root)
    inner = text.removeprefix(above).lstrip(os.sep) if above != os.curdir else text
    return inner.replace(os.sep, "/").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
