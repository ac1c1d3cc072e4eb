"""Real pairs of degraded and clean images, in two folders or in one folder with two kinds of names."""

import logging
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from restorelab.data.factor import factor_of
from restorelab.data.header import size_of
from restorelab.data.item import Item
from restorelab.data.sources.folder import grouping, images_below, name_below, summary
from restorelab.data.sources.matching import ANY, Side, check, letters, matched, stars
from restorelab.data.sources.parts import Parts, official_parts, part_of, remark
from restorelab.errors import ConfigError, DataError

log = logging.getLogger(__name__)


class Pairs:
    """Real degraded/clean pairs: files of two folders, or of one, matched by their names, see `matching.py`.

    The folders are in the root, or in `train/`, `val/` and `test/` below it, which are then the official parts. So are
    `train/`, `val/` and `test/` inside both folders; see `parts.py` for other names. The id is the path relative to the
    clean folder, after the part's folder. No degradation is applied to real pairs: they need noise=none, blur=none and
    downsample=none.

    The degraded images have the size of the clean ones, or are smaller by a whole factor that is the same in all pairs
    (super-resolution), by which the network has to enlarge. If the factor does not divide the sides of a clean image,
    the remainder is cropped at the right and the bottom.

    Args:
        root: the folder.
        degraded: the folder of the degraded images in it.
        clean: the folder of the clean images in it; it may be the same one if the patterns of the names differ.
        degraded_name: the pattern of the degraded images' names, such as `*_noisy.png`; `*` is any name.
        clean_name: the pattern of the clean images' names.
        group: the group of a pair, which a split keeps together: `file`, `parent` or a regular expression searched in
            the id, as in `Folder`.
        parts: `auto` derives the official parts from folder names; with `none` there are none.

    """

    paired: ClassVar[bool] = True

    def __init__(
        self,
        root: str | Path | None = None,
        degraded: str = "blur",
        clean: str = "sharp",
        degraded_name: str = ANY,
        clean_name: str = ANY,
        group: str = "file",
        parts: Parts = "auto",
    ) -> None:
        for option, pattern in (("degraded_name", degraded_name), ("clean_name", clean_name)):
            check("pairs", option, pattern)
        if degraded == clean and letters(degraded_name) == letters(clean_name):
            raise ConfigError(
                f"pairs: degraded={degraded!r} and clean={clean!r} are one folder; name two, or set degraded_name and "
                "clean_name to patterns that distinguish the images."
            )
        if stars(degraded_name) != stars(clean_name):
            raise ConfigError(
                f"pairs: degraded_name={degraded_name!r} and clean_name={clean_name!r} have different numbers of stars,"
                " which stand for what the names of two partners have in common."
            )
        self.root = Path(root).expanduser().absolute() if root is not None else None
        self.degraded, self.clean, self.group, self.parts = degraded, clean, group, parts
        self.degraded_name, self.clean_name = degraded_name, clean_name
        self.group_of = grouping("pairs", group)

    def items(self) -> list[Item]:
        """List the pairs, sorted by id; the sizes in the file headers are compared."""
        pairs = self._pairs
        if factor := check_sizes(pairs):
            log.info("the degraded images are smaller than the clean ones by a factor of %d", factor)
        return [
            Item(id=name, group=self.group_of(name), clean=clean, degraded=degraded, split=part)
            for (name, (degraded, clean)), part in zip(pairs.items(), official_parts(pairs, self.parts), strict=True)
        ]

    def fingerprint(self) -> dict[str, Any]:
        """Return the hash of the names and contents of all images, the folders' names, and the options."""
        paths = [path for _, *folders in self._folders() for folder in folders for path in images_below(folder)]
        named = {key: getattr(self, key) for key in ("degraded_name", "clean_name", "group", "parts")}
        return {**summary(paths, self._root()), "folders": [self.degraded, self.clean], **named}

    def remarks(self) -> list[str]:
        """Return a sentence about folders that look like official parts but are not used as such, if there are any."""
        sentence = remark(self._pairs, self.parts)
        return [sentence] if sentence else []

    @cached_property
    def factor(self) -> int:
        """By what factor the degraded images are smaller, from the headers of the first readable pair; 1 if not."""
        for degraded, clean in self._pairs.values():
            sizes = size_of(clean), size_of(degraded)
            if all(sizes):
                return factor_of(*sizes) or 1  # type: ignore[arg-type]
        return 1

    @cached_property
    def _pairs(self) -> dict[str, tuple[Path, Path]]:
        """The degraded and the clean path by id, sorted within each part."""
        pairs: dict[str, tuple[Path, Path]] = {}
        for part, degraded, clean in self._folders():
            of_part = matched(
                Side(degraded, "degraded_name", self.degraded_name, _named(degraded)),
                Side(clean, "clean_name", self.clean_name, _named(clean)),
            )
            pairs |= {f"{part}/{name}" if part else name: pair for name, pair in of_part.items()}
        return pairs

    def _root(self) -> Path:
        if self.root is None:
            raise DataError("pairs need data.root=FOLDER, which holds both folders (data.root is not set).")
        return self.root

    def _folders(self) -> list[tuple[str, Path, Path]]:
        """Return the folder of each part ('' for none), its degraded and its clean folder, all of which exist."""
        root = self._root()
        children = sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
        tops = ["", *(name for name in children if part_of(name))]
        tops = [top for top in tops if any((root / top / name).is_dir() for name in (self.degraded, self.clean))]
        tops = [""] if "" in tops or not tops else tops
        folders = [(top, root / top / self.degraded, root / top / self.clean) for top in tops]
        missing = [folder for _, *both in folders for folder in both if not folder.is_dir()]
        if missing:
            names = sorted(path.name for path in missing[0].parent.iterdir()) if missing[0].parent.is_dir() else []
            raise DataError(
                f"pairs were looked for in {root}; there is no folder {missing[0]}. "
                f"{missing[0].parent} holds {', '.join(names[:10]) or 'nothing'}. Set data.root, or the names of the "
                "folders: data.source.degraded=blur data.source.clean=sharp."
            )
        return folders


def _named(folder: Path) -> dict[str, Path]:
    return {name_below(path, folder): path for path in images_below(folder)}


def check_sizes(pairs: Mapping[str, tuple[Path, Path]]) -> int:
    """Return the factor by which the degraded images are smaller, from the file headers; 0 for equal sizes.

    Files that cannot be read are ignored here; decoding reports them.

    Raises:
        DataError: for pairs without a whole factor, or with different factors.
    """
    sizes = {name: (size_of(clean), size_of(degraded)) for name, (degraded, clean) in pairs.items()}
    factors = {name: factor_of(*both) for name, both in sizes.items() if all(both)}  # type: ignore[arg-type]
    common = Counter(factors.values()).most_common(1)[0][0] if factors else 1
    unlike = [name for name, factor in factors.items() if factor != common or factor is None]
    if unlike:
        clean, degraded = (f"{size[1]}x{size[0]}" for size in sizes[unlike[0]] if size)
        rule = "the same size" if common in (1, None) else f"a size smaller by the factor {common}"
        raise DataError(
            f"{len(unlike)} of {len(pairs)} pairs differ in size: of {unlike[0]} the degraded image is {degraded} and "
            f"the clean one {clean} (width x height). Expected in all pairs: {rule}"
            f"{', or smaller by one whole factor' if common in (1, None) else ''}."
        )
    return common if common and common > 1 else 0
