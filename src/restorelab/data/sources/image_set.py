"""A published set of images, such as Set12 or DIV2K: it is used whole, or refused with what is missing of it."""

import contextlib
import shutil
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from restorelab.data.download import check_digests, download
from restorelab.data.header import size_of
from restorelab.data.item import Item, Window
from restorelab.data.sources.folder import Folder, images_below, name_below, summary
from restorelab.data.sources.matching import Side, matched
from restorelab.data.sources.pairs import check_sizes
from restorelab.errors import ConfigError, DataError, listed


class ImageSet:
    """All images of a published set below a folder; each image is its own group, and there are no official parts.

    The id is the path relative to the root, or to the only folder of `images`, so that it does not depend on which of
    the two the root is.

    Args:
        root: the folder.
        images: number of images of the set, at any depth below the root; or, for a set in several folders, the number
            of each: `{DIV2K_train_HR: 800}`. For real pairs it is the number of pairs.
        title: the set's name in messages, such as `Set12`.
        names: the file names by the image's number, such as `{:02d}.png`, from which messages name missing images.
        first: the number of the first image.
        degraded_name: for real pairs, the pattern of the degraded images' names, such as `*_real.JPG`; see `Pairs`.
        clean_name: the pattern of the clean images' names.
        url: address of an archive that `fetch` unpacks into the root, or of each image, with `{name}` in it.
        sha256: checksum of the archive.
        page: address of a page that describes the set, for sets that `fetch` cannot download.
        licence: the terms of use.
        max_gigabytes: the most that the archive may unpack to.
        tile: cut images into sub-images of this side, which cover them; the last ones at the right and the bottom
            overlap the previous ones. Smaller images stay whole. The sub-images of a file are one group.

    """

    def __init__(
        self,
        root: str | Path | None = None,
        images: int | dict[str, int] = 0,
        title: str = "the set",
        names: str | None = None,
        first: int = 1,
        degraded_name: str | None = None,
        clean_name: str | None = None,
        url: str | None = None,
        sha256: str | None = None,
        page: str | None = None,
        licence: str = "",
        max_gigabytes: float = 100,
        tile: int | None = None,
    ) -> None:
        check_digests(title, sha256=sha256)
        if (degraded_name is None) != (clean_name is None):
            raise ConfigError(f"{title}: degraded_name and clean_name belong together; set both, or neither.")
        if url and "{name}" in url and names is None:
            raise ConfigError(f"{title}: url={url} is the address of each image; expected their file names in names.")
        self.root = Path(root).expanduser().absolute() if root is not None else None
        self.images: Mapping[str, int] = {"": images} if isinstance(images, int) else images
        if not self.images or min(self.images.values()) < 1:
            raise ConfigError(f"{title}: images={images}; expected the number of images, at least 1.")
        self.title, self.names, self.first, self.url, self.sha256 = title, names, first, url, sha256
        self.degraded_name, self.clean_name = degraded_name, clean_name
        self.page, self.licence, self.max_gigabytes, self.tile = page, licence, max_gigabytes, tile
        if tile is not None and tile < 1:
            raise ConfigError(f"{title}: tile={tile}; expected pixels, at least 1, or null for whole images.")

    @property
    def paired(self) -> bool:
        """Whether the set holds real pairs, to which no degradation is applied."""
        return self.degraded_name is not None

    def items(self) -> list[Item]:
        """List the images. Raises DataError for a set that is incomplete, or that holds other images."""
        return self._items if self.tile is None else [tile for item in self._items for tile in tiles(item, self.tile)]

    def fingerprint(self) -> dict[str, Any]:
        """Return the hash of the names and contents of the images, and the options. Raises DataError as `items`."""
        self._items  # noqa: B018 - a set of another number of images may be in the cache
        paths = [path for folder in self._folders.values() for path in images_below(folder)]
        known = summary(paths, self._root())
        if len(self._folders) == 1:  # by the names in the only folder, which may be the root itself
            known = summary(paths, next(iter(self._folders.values())))
        return {**known, "pairs": [self.degraded_name, self.clean_name], "tile": self.tile}

    def fetch(self) -> Path:
        """Download the set into the root, unless it is complete there, and return the root.

        Raises DataError for a set without an address, for a root that holds other files than the archive's, and as
        `download` and `unpack`.
        """
        if self.root is None:
            raise DataError(f"{self.title}: root, the folder to download the set into, is not set.")
        with contextlib.suppress(DataError):
            if self._items:
                return self.root
        if self.url is None:
            raise DataError(f"{self.title} cannot be fetched automatically. {self._advice()}")
        if "{name}" not in self.url:
            return Folder(self.root, url=self.url, sha256=self.sha256, max_gigabytes=self.max_gigabytes).fetch()
        temporary = self.root.with_name(f".{self.root.name}.download")
        for name in self._expected(sum(self.images.values())):
            if not (self.root / name).is_file():
                download(self.url.replace("{name}", name), temporary / name)
                self.root.mkdir(parents=True, exist_ok=True)
                (temporary / name).rename(self.root / name)
        shutil.rmtree(temporary, ignore_errors=True)
        return self.root

    @cached_property
    def _items(self) -> list[Item]:
        items: list[Item] = []
        for name, folder in self._folders.items():
            listing = self._listed(folder)
            if len(listing) != self.images[name]:
                raise DataError(self._unlike(name, folder, [item.id for item in listing]))
            prefix = f"{name}/" if len(self.images) > 1 else ""
            items += [
                Item(f"{prefix}{item.id}", f"{prefix}{item.group}", item.clean, item.degraded) for item in listing
            ]
        return items

    def _listed(self, folder: Path) -> list[Item]:
        names = {name_below(path, folder): path for path in images_below(folder)}
        if self.degraded_name is None or self.clean_name is None:
            return [Item(name, name, path) for name, path in names.items()]
        degraded, clean = (Side(folder, None, pattern, names) for pattern in (self.degraded_name, self.clean_name))
        pairs = matched(degraded, clean)
        check_sizes(pairs)
        return [Item(name, name, path, partner) for name, (partner, path) in pairs.items()]

    def _root(self) -> Path:
        if self.root is None:
            raise DataError(f"{self.title}: root, the folder that holds the set, is not set.")
        return self.root

    @cached_property
    def _folders(self) -> dict[str, Path]:
        """Return the folder of each part of the set; the root may be the only folder itself."""
        root, folders = self._root(), {}
        for name in self.images:
            folder = root / name
            if not folder.is_dir() and root.is_dir() and len(self.images) == 1:
                folder = root
            if not folder.is_dir():
                problem = "is a file" if folder.exists() else "does not exist"
                raise DataError(f"{self.title} was looked for in {folder}, which {problem}. {self._advice()}")
            folders[name] = folder
        return folders

    def _expected(self, count: int) -> list[str]:
        return [self.names.format(number) for number in range(self.first, self.first + count)] if self.names else []

    def _unlike(self, name: str, folder: Path, names: list[str]) -> str:
        """Return the message about missing and about other images."""
        count, kind = self.images[name], "pairs" if self.paired else "images"
        expected = self._expected(count)
        known = sorted(set(expected) & set(names))
        missing = [other for other in expected if other not in known] if 2 * len(known) > count else []
        strange = [other for other in names if other not in expected] if missing or len(known) == count else []
        parts = [f"missing: {listed(missing, 5)}"] if missing else []
        parts += [f"not of the set: {listed(strange, 5)}"] if strange else []
        difference = f" ({'; '.join(parts)})" if parts else ""
        return (
            f"{self.title} has {count} {kind}, and {folder} holds {len(names)}{difference}. A set is used only if it "
            f"is complete and holds no other images. {self._advice()}"
        )

    def _advice(self) -> str:
        where = (
            f"Its images are at {self.url}." if self.url else f"It is described at {self.page}." if self.page else ""
        )
        return f"{where} Put them into {self.root}, or set root to the folder that holds them.".lstrip()


def tiles(item: Item, side: int) -> list[Item]:
    """Cut an image file, and its degraded partner of the same size, into windows: ids `0001.png/y0000_x0480`."""
    assert isinstance(item.clean, Path)
    size = size_of(item.clean)
    if size is None or (size[0] <= side and size[1] <= side):  # decoding tells of a file that cannot be read
        return [item]
    height, width = (min(side, whole) for whole in size)
    items = []
    for top in _starts(size[0], height):
        for left in _starts(size[1], width):
            clean = Window(item.clean, top, left, height, width)
            degraded = replace(clean, file=item.degraded) if isinstance(item.degraded, Path) else None
            items.append(Item(f"{item.id}/y{top:04d}_x{left:04d}", item.group, clean, degraded))
    return items


def _starts(whole: int, side: int) -> list[int]:
    return [*range(0, whole - side, side), whole - side]
