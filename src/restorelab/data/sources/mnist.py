"""MNIST in its original form: four idx files, gzipped or not."""

import gzip
import logging
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from restorelab.data.content import hashes
from restorelab.data.download import download
from restorelab.data.item import Item
from restorelab.errors import DataError

log = logging.getLogger(__name__)

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "http://yann.lecun.com/exdb/mnist/",  # the original host, which is often unavailable
)

MD5 = {
    "train-images-idx3-ubyte": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c",
}
"""Of the gzipped files, whose names end in `.gz`."""

PARTS = {"train": "train", "test": "t10k"}


class Mnist:
    """70,000 handwritten digits, 28x28 gray, labeled 0 to 9; officially 60,000 for training and 10,000 for test.

    Each image is its own group, because the files do not say who wrote a digit.

    Args:
        root: the folder of the four files, `train-images-idx3-ubyte` and so on, with or without `.gz`; the spelling
            `train-images.idx3-ubyte` is accepted too.

    """

    def __init__(self, root: str | Path | None = None) -> None:
        self.root = Path(root).expanduser().absolute() if root is not None else None

    def items(self) -> list[Item]:
        """Read and check all four files; an id is `train/00042`, the index in the file."""
        items = []
        for part, prefix in PARTS.items():
            images = _read(self._path(f"{prefix}-images-idx3-ubyte"), 3)
            path = self._path(f"{prefix}-labels-idx1-ubyte")
            labels = _read(path, 1)
            if len(images) != len(labels):
                raise DataError(f"{path}: {len(labels)} labels for {len(images)} images")
            items += [
                Item(id=f"{part}/{i:05d}", group=f"{part}/{i:05d}", clean=image, label=label, split=part)
                for i, (image, label) in enumerate(zip(images, labels.tolist(), strict=True))
            ]
        return items

    def fingerprint(self) -> dict[str, Any]:
        """Return the hashes of the four files."""
        return dict(zip(MD5, hashes([self._path(name) for name in MD5], self._root()), strict=True))

    def fetch(self) -> Path:
        """Download the four files (11.6 MB) into the root, from the first mirror that has them."""
        root = self._root()
        for name, md5 in MD5.items():
            if self._find(name) is not None:
                continue
            for mirror in MIRRORS:
                try:
                    download(f"{mirror}{name}.gz", root / f"{name}.gz", md5=md5, retries=2)
                    break
                except DataError as error:
                    log.warning("%s", error)
            else:
                raise DataError(f"no mirror has {name}.gz: {', '.join(MIRRORS)}. Copy it into {root} yourself.")
        return root

    def _root(self) -> Path:
        if self.root is None:
            raise DataError("MNIST needs data.root=FOLDER, the folder of its four idx files (data.root is not set).")
        return self.root

    def _find(self, name: str) -> Path | None:
        for spelling in (name, name.replace("-idx", ".idx")):
            for suffix in ("", ".gz"):
                path = self._root() / (spelling + suffix)
                if path.is_file():
                    return path
        return None

    def _path(self, name: str) -> Path:
        path = self._find(name)
        if path is None:
            raise DataError(
                f"MNIST was looked for in {self._root()}, which holds no {name}[.gz]; expected its four idx files. "
                "`restorelab fetch data=mnist` downloads them, or set data.root=FOLDER."
            )
        return path


def _read(path: Path, dimensions: int) -> np.ndarray:
    """Read an idx file of bytes: magic 0x0000080D (D dimensions), D big-endian 32-bit sizes, the samples."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); remove it and download it again") from error
    header = 4 + 4 * dimensions
    magic = struct.unpack(">I", data[:4])[0] if len(data) >= header else None
    if magic != 0x800 + dimensions:
        start = f"it begins with {data[:4].hex() or 'nothing'}, expected {0x800 + dimensions:08x}"
        raise DataError(f"{path}: is not an idx file of {dimensions} dimensions ({start})")
    shape = struct.unpack(f">{dimensions}I", data[4:header])
    expected = int(np.prod(shape, dtype=object))
    if len(data) - header != expected:
        raise DataError(f"{path}: holds {len(data) - header:,} samples, but its header says {expected:,} {shape}")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)
