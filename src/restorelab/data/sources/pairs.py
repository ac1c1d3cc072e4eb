"""Two folders of images with equal names: what a camera degraded, and what it should have been."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from PIL import Image

from restorelab.data.item import Item
from restorelab.data.sources.folder import PARTS, grouping, images_below, name_below, official_parts, summary
from restorelab.errors import ConfigError, DataError

FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "PPM", "WEBP")
"""What `decode` reads; the header of nothing else is opened."""


class Pairs:
    """Real degraded/clean pairs: the files of two folders, matched by their path below each.

    The two folders lie below the root, or below `train/`, `val/` and `test/` in it, which are then the official parts
    (as they are where both folders hold `train/` and `val/` or `test/`). The id is the path below the clean folder,
    with the part before it. Both images of a pair have one size. No degradation is applied to real pairs: they want
    noise=none, blur=none and downsample=none.

    Args:
        root: the folder.
        degraded: the folder of the degraded images below it.
        clean: that of the clean ones.
        group: what a split must not tear, searched in the id: `file`, `parent` or a regular expression, as in `Folder`.

    """

    paired: ClassVar[bool] = True

    def __init__(
        self, root: str | Path | None = None, degraded: str = "blur", clean: str = "sharp", group: str = "file"
    ) -> None:
        if degraded == clean:
            raise ConfigError(f"pairs: degraded={degraded!r} and clean={clean!r} are one folder; name two.")
        self.root = Path(root).expanduser().absolute() if root is not None else None
        self.degraded, self.clean, self.group = degraded, clean, group
        self.group_of = grouping("pairs", group)

    def items(self) -> list[Item]:
        """List the pairs, sorted by id; reads the sizes in the images' headers."""
        found: dict[str, tuple[Path, Path]] = {}
        folders = self._folders()
        for part, degraded, clean in folders:
            pairs = matched(_named(degraded), _named(clean), degraded, clean)
            found |= {f"{part}/{name}" if part else name: pair for name, pair in pairs.items()}
        if not found:
            places = " or ".join(f"{degraded} and {clean}" for _, degraded, clean in folders)
            raise DataError(f"{places}: there is not one pair of images in them.")
        check_sizes(found)
        return [
            Item(id=name, group=self.group_of(name), clean=clean, degraded=degraded, split=part)
            for (name, (degraded, clean)), part in zip(found.items(), official_parts(found), strict=True)
        ]

    def fingerprint(self) -> dict[str, Any]:
        """The names and the content of all images, hashed, the folders' names, and the grouping."""
        paths = [path for _, *folders in self._folders() for folder in folders for path in images_below(folder)]
        return {**summary(paths, self._root()), "folders": [self.degraded, self.clean], "group": self.group}

    def _root(self) -> Path:
        if self.root is None:
            raise DataError("pairs need data.root=FOLDER, which holds both folders (data.root is not set).")
        return self.root

    def _folders(self) -> list[tuple[str, Path, Path]]:
        """Part ('' for none), degraded and clean folder, all of which exist."""
        root = self._root()
        wanted = (self.degraded, self.clean)
        tops = [top for top in ("", *PARTS) if any((root / top / name).is_dir() for name in wanted)]
        tops = [""] if "" in tops or not tops else tops
        folders = [(top, root / top / self.degraded, root / top / self.clean) for top in tops]
        missing = [folder for _, *both in folders for folder in both if not folder.is_dir()]
        if missing:
            names = sorted(path.name for path in missing[0].parent.iterdir()) if missing[0].parent.is_dir() else []
            raise DataError(
                f"pairs were looked for in {root}; there is no folder {missing[0]}. "
                f"{missing[0].parent} holds {', '.join(names[:10]) or 'nothing'}. Set data.root, or name its folders: "
                "data.source.degraded=blur data.source.clean=sharp."
            )
        return folders


def _named(folder: Path) -> dict[str, Path]:
    return {name_below(path, folder): path for path in images_below(folder)}


def matched(
    degraded: Mapping[str, Path], clean: Mapping[str, Path], degraded_folder: Path, clean_folder: Path
) -> dict[str, tuple[Path, Path]]:
    """Degraded and clean path by name, sorted.

    Raises:
        DataError: for images without a partner; says how many, and names the first of each folder.
    """
    sides = [
        (f"{sorted(have.keys() - lack.keys())[0]} lies in {there} and not in {absent}", len(have.keys() - lack.keys()))
        for have, lack, there, absent in (
            (degraded, clean, degraded_folder, clean_folder),
            (clean, degraded, clean_folder, degraded_folder),
        )
        if have.keys() - lack.keys()
    ]
    if sides:
        count, of = sum(number for _, number in sides), len(degraded) + len(clean)
        raise DataError(
            f"{count} of {of} images have no partner: {'; '.join(text for text, _ in sides)}. Both folders must hold "
            "the same names; mend or remove what stands alone."
        )
    return {name: (degraded[name], clean[name]) for name in sorted(clean)}


def check_sizes(pairs: Mapping[str, tuple[Path, Path]]) -> None:
    """Raise DataError where the two images of a pair differ in size; a file that cannot be read is left to decoding."""
    sizes = {name: (_size(degraded), _size(clean)) for name, (degraded, clean) in pairs.items()}
    unlike = [name for name, (one, other) in sizes.items() if one and other and one != other]
    if unlike:
        one, other = (f"{size[0]}x{size[1]}" for size in sizes[unlike[0]] if size)
        raise DataError(
            f"{len(unlike)} of {len(pairs)} pairs differ in size: of {unlike[0]} the degraded image is {one} and the "
            f"clean one {other} (width x height). Pairs of one size are wanted; pairs for super-resolution are not "
            "supported (downsample=bicubic makes them from clean images)."
        )


def _size(path: Path) -> tuple[int, int] | None:
    """Width and height of the upright image, from its header; None where that cannot be read."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            turned = image.getexif().get(0x0112, 1) >= 5
            return (image.height, image.width) if turned else (image.width, image.height)
    except Exception:  # any bytes at all may be met here; decoding says what is wrong with them
        return None
