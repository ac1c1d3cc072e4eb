"""SVHN's cropped digits in their original form (Netzer et al., NIPS workshop 2011): three MATLAB files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat, whosmat
from scipy.io.matlab import matfile_version

from restorelab import quoting
from restorelab.data.content import hashes
from restorelab.data.download import download
from restorelab.data.item import Item
from restorelab.errors import ConfigError, DataError

HOST = "http://ufldl.stanford.edu/housenumbers/"

MD5 = {
    "train": "e26dedcc434d2e4c54c9b2d4a06d8373",
    "test": "eb5a983be6a315427106f1b164d9cef3",
    "extra": "a93ce644f1a588dc4d68dda5feec44a7",
}
"""Of `train_32x32.mat` and so on. train has 73,257 digits, test 26,032, extra 531,131."""

SIDE = 32


class Svhn:
    """32x32 RGB photographs of house numbers' digits, labeled 0 to 9 (the digit 0 is 10 in the files).

    A part is the file `<part>_32x32.mat`, or else the only file `<part>_32x32*.mat`, such as a piece of it,
    `train_32x32.first1083.mat`. With both `train` and `test` these are the official parts, and validation images are
    drawn from `train`; one of them alone has no official part and is split by `data.val` and `data.test`. Each image
    is its own group, because the files do not say which digits belong to one house number. A file is held in memory
    while it is decoded.

    Args:
        root: the folder of the files.
        parts: which of `train` and `test` are used.
        extra: whether to add the extra digits, which are easier, to `train`.

    """

    def __init__(
        self,
        root: str | Path | None = None,
        parts: Sequence[str] = ("train", "test"),
        extra: bool = False,
    ) -> None:
        if not parts or isinstance(parts, str) or set(parts) - {"train", "test"} or len(set(parts)) < len(parts):
            raise ConfigError(f"svhn: parts={parts!r}; allowed: [train, test], [train], [test]")
        if extra and "train" not in parts:
            raise ConfigError("svhn: extra=true adds to the training digits, but parts does not contain train.")
        self.root = Path(root).expanduser().absolute() if root is not None else None
        self.official = len(parts) > 1
        self.parts = (*sorted(parts, reverse=True), *(["extra"] if extra else []))

    def items(self) -> list[Item]:
        """Read and check the files; an id is `train/000042`, the index in the file."""
        items = []
        for part in self.parts:
            images, labels = _read(self._path(part))
            split = ("test" if part == "test" else "train") if self.official else None
            items += [
                Item(id=f"{part}/{i:06d}", group=f"{part}/{i:06d}", clean=image, label=label, split=split)
                for i, (image, label) in enumerate(zip(images, labels, strict=True))
            ]
        return items

    def fingerprint(self) -> dict[str, Any]:
        """Return the hash of each part's file, by part."""
        return dict(zip(self.parts, hashes([self._path(part) for part in self.parts], self._root()), strict=True))

    def fetch(self) -> Path:
        """Download the parts that are used into the root (train 182 MB, test 64 MB, extra 1.3 GB)."""
        root = self._root()
        for part in self.parts:
            download(f"{HOST}{part}_32x32.mat", root / f"{part}_32x32.mat", md5=MD5[part])
        return root

    def _root(self) -> Path:
        if self.root is None:
            raise DataError("SVHN needs data.root=FOLDER, which holds train_32x32.mat (data.root is not set).")
        return self.root

    def _path(self, part: str) -> Path:
        root = self._root()
        whole, pieces = root / f"{part}_32x32.mat", sorted(root.glob(f"{part}_32x32*.mat"))
        if whole.is_file() or len(pieces) == 1:
            return whole if whole.is_file() else pieces[0]
        if pieces:
            raise DataError(f"{root} holds no {whole.name} and several pieces: {', '.join(p.name for p in pieces)}.")
        other = next((name for name in ("train", "test") if list(root.glob(f"{name}_32x32*.mat"))), None)
        advice = f" Or split {other} alone: 'data.source.parts=[{other}]' data.val=0.1 data.test=0.2." if other else ""
        extra = " data.source.extra=true" if part == "extra" else ""
        argument = quoting.argument("data.root", root)
        raise DataError(
            f"SVHN was looked for in {root}, which holds no {whole.name}. "
            f"`restorelab fetch data=svhn {argument}{extra}` downloads it from {HOST}; or set data.root=FOLDER."
            f"{advice if part != 'extra' else ''}"
        )


def _read(path: Path) -> tuple[np.ndarray, list[int]]:
    """Return images `(N, 32, 32, 3)` uint8, a view of the stored array, and labels from 0 to 9."""
    _check_version(path)
    try:
        names = [name for name, *_ in whosmat(path)]
        file = loadmat(path, variable_names=["X", "y"])
    except Exception as error:  # on a damaged file the reader may raise anything
        raise DataError(f"{path}: cannot be read ({type(error).__name__}: {error}). Is it complete?") from error
    missing = [name for name in ("X", "y") if name not in file]
    if missing:
        raise DataError(f"{path}: holds no variable {' and no '.join(missing)}; it holds {', '.join(names)}.")
    images, labels = file["X"], file["y"]
    if images.ndim == 3:  # MATLAB drops a last dimension of one image
        images = images[..., None]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[:3] != (SIDE, SIDE, 3):
        raise DataError(f"{path}: X is {images.dtype} {images.shape}; expected uint8 (32, 32, 3, N).")
    count = images.shape[3]
    if not np.issubdtype(labels.dtype, np.number) or labels.shape not in ((count, 1), (1, count)):
        raise DataError(f"{path}: y is {labels.dtype} {labels.shape}; expected one number per image, ({count}, 1).")
    values = labels.ravel()
    wrong = np.flatnonzero(~np.isin(values, np.arange(1, 11)))
    if len(wrong):
        raise DataError(f"{path}: label number {wrong[0]} is {values[wrong[0]]}; expected 1 to 10, 10 for the digit 0.")
    return np.moveaxis(images, 3, 0), (values.astype(np.int64) % 10).tolist()


def _check_version(path: Path) -> None:
    """Raise DataError for a file that is not a MATLAB file of version 5."""
    with path.open("rb") as file:
        hdf = file.read(8) == b"\x89HDF\r\n\x1a\n"
    try:
        version = 2 if hdf else matfile_version(path)[0]
    except Exception as error:
        raise DataError(f"{path}: is not a MATLAB file ({type(error).__name__}: {error}).") from error
    if version != 1:
        kinds = {2: "a MATLAB file of version 7.3, that is HDF5", 0: "a MATLAB file of version 4, or another file"}
        kind = kinds.get(version, "a MATLAB file of another version")
        raise DataError(f"{path}: is {kind}; expected version 5 (in MATLAB: save -v7).")
