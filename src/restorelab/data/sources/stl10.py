"""STL-10 in its original binary form (Coates, Lee, Ng, AISTATS 2011)."""

from pathlib import Path
from typing import Any, Literal

import numpy as np

from restorelab import quoting
from restorelab.data.content import by_name
from restorelab.data.download import install
from restorelab.data.item import Item
from restorelab.errors import DataError

URL = "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz"
MD5 = "91f7769df0f17e558f3565bffb0c7dfb"

MAX_BYTES = 8 << 30
"""The most that the archive may unpack to; its files have 3.2 GB."""

CLASSES = 10
SIDE = 96
IMAGE = 3 * SIDE * SIDE
"""Bytes of an image: its red, green and blue plane, each in column-major order."""

FILES: dict[str, dict[str, tuple[str, str | None]]] = {
    "unlabelled": {"train": ("unlabeled_X.bin", None), "test": ("test_X.bin", None)},
    "labelled": {"train": ("train_X.bin", "train_y.bin"), "test": ("test_X.bin", "test_y.bin")},
}
"""Images and labels of each part. The unlabeled images have no test part, so that of the labeled ones is used."""


class Stl10:
    """96x96 RGB photographs of ten kinds of animals and vehicles, and 100,000 more without labels.

    The root holds the .bin files, or the folder `stl10_binary` with them. They are memory-mapped: an image is read when
    it is decoded. Each image is its own group.

    Args:
        root: the folder.
        part: `unlabelled` has the 100,000 unlabeled images for training and the 8,000 of the labeled test set for
            test, without labels. `labelled` has 5,000 images for training and 8,000 for test, labeled 0 to 9 (1 to 10
            in the files): airplane, bird, car, cat, deer, dog, horse, monkey, ship, truck.

    """

    def __init__(self, root: str | Path | None = None, part: Literal["unlabelled", "labelled"] = "unlabelled") -> None:
        self.root = Path(root).expanduser().absolute() if root is not None else None
        self.part = part

    def items(self) -> list[Item]:
        """List the images; an id is `unlabeled/000042`, the file and the index in it."""
        base, items = self._base(), []
        for split, (images, labels) in FILES[self.part].items():
            pixels = _images(base / images)
            values = [None] * len(pixels) if labels is None else _labels(base / labels, base / images, len(pixels))
            name = images.removesuffix("_X.bin")
            items += [
                Item(id=f"{name}/{i:06d}", group=f"{name}/{i:06d}", clean=image, label=label, split=split)
                for i, (image, label) in enumerate(zip(pixels, values, strict=True))
            ]
        return items

    def fingerprint(self) -> dict[str, Any]:
        """Return the part, and the names and hashes of its files."""
        base = self._base()
        return {"part": self.part, **by_name([base / name for name in self._names()], base)}

    def fetch(self) -> Path:
        """Download stl10_binary.tar.gz (2.6 GB) into the root and unpack it there, unless that was done before."""
        root = self._root()
        if not self._missing(root) or not self._missing(root / "stl10_binary"):
            return root
        return install(URL, root, max_bytes=MAX_BYTES, md5=MD5)

    def _root(self) -> Path:
        if self.root is None:
            raise DataError("STL-10 needs data.root=FOLDER, which holds stl10_binary (data.root is not set).")
        return self.root

    def _names(self) -> list[str]:
        return [name for pair in FILES[self.part].values() for name in pair if name is not None]

    def _missing(self, folder: Path) -> list[str]:
        return [name for name in self._names() if not (folder / name).is_file()]

    def _base(self) -> Path:
        """Return the folder that holds the files."""
        root = self._root()
        bases = (root / "stl10_binary", root)
        for base in bases:
            if not self._missing(base):
                return base
        missing = min((self._missing(base) for base in bases), key=len)
        raise DataError(
            f"STL-10 was looked for in {root} and its stl10_binary, which lack {', '.join(missing)}. `restorelab fetch "
            f"data=stl10 {quoting.argument('data.root', root)}` downloads all files (2.6 GB); or set data.root=FOLDER."
        )


def _images(path: Path) -> np.ndarray:
    """Map the images of a file, `(N, 96, 96, 3)` uint8."""
    length = path.stat().st_size
    if length % IMAGE or not length:
        nearest = max(1, round(length / IMAGE))
        raise DataError(
            f"{path}: has {length:,} bytes; expected whole images of {IMAGE:,} bytes each, such as {nearest:,} images "
            f"({nearest * IMAGE:,} bytes). Remove it and download it again."
        )
    mapped = np.asarray(np.memmap(path, np.uint8, "r"))  # a plain array, of which 100,000 views are cheap
    return mapped.reshape(-1, 3, SIDE, SIDE).transpose(0, 3, 2, 1)


def _labels(path: Path, images: Path, count: int) -> list[int]:
    """Read labels counted from 1 in the file; return them counted from 0."""
    labels = np.fromfile(path, np.uint8)
    if len(labels) != count:
        raise DataError(f"{path}: holds {len(labels):,} labels for the {count:,} images of {images.name}.")
    wrong = np.flatnonzero((labels < 1) | (labels > CLASSES))
    if len(wrong):
        raise DataError(
            f"{path}: label number {wrong[0]} is {labels[wrong[0]]}; expected 1 to {CLASSES} ({len(wrong):,} are not)."
        )
    return (labels - 1).tolist()
