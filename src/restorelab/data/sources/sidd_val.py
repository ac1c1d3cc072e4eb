"""SIDD's validation blocks in their original form (Abdelhamed, Lin and Brown, CVPR 2018): two MATLAB files."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from scipy.io import loadmat

from restorelab.data.content import by_name
from restorelab.data.item import Item
from restorelab.errors import DataError

PAGE = "https://abdokamel.github.io/sidd"
FILES = {"degraded": "ValidationNoisyBlocksSrgb", "clean": "ValidationGtBlocksSrgb"}
SHAPE = (40, 32, 256, 256, 3)
"""Photographs, blocks of each, height, width, RGB."""


class SiddVal:
    """1,280 real pairs of 256x256 RGB blocks, 32 of each of 40 photographs, which are the groups.

    An id is `07/31`, the photograph and the block in it.

    Args:
        root: the folder that holds `ValidationNoisyBlocksSrgb.mat` and `ValidationGtBlocksSrgb.mat`.

    """

    paired: ClassVar[bool] = True

    def __init__(self, root: str | Path | None = None) -> None:
        self.root = Path(root).expanduser().absolute() if root is not None else None

    def items(self) -> list[Item]:
        """Read both files. Raises DataError if one is missing or holds other blocks."""
        noisy, clean = (_blocks(path) for path in self._files())
        return [
            Item(f"{photo:02d}/{block:02d}", f"{photo:02d}", clean[photo, block], noisy[photo, block])
            for photo in range(SHAPE[0])
            for block in range(SHAPE[1])
        ]

    def fingerprint(self) -> dict[str, Any]:
        """Return the names and hashes of both files."""
        files = self._files()
        return by_name(files, files[0].parent)

    def _files(self) -> list[Path]:
        if self.root is None:
            raise DataError("SIDD's validation set: root, the folder that holds it, is not set.")
        files = [self.root / f"{name}.mat" for name in FILES.values()]
        missing = [file.name for file in files if not file.is_file()]
        if missing:
            raise DataError(
                f"SIDD's validation set was looked for in {self.root}, which lacks {' and '.join(missing)}. They are "
                f"at {PAGE}. Put them into that folder, or set root to the folder that holds them."
            )
        return files


def _blocks(path: Path) -> np.ndarray:
    try:
        blocks = loadmat(path)[path.stem]
    except (KeyError, ValueError, NotImplementedError, OSError) as error:
        raise DataError(f"{path}: cannot be read as SIDD's validation blocks ({type(error).__name__}).") from error
    if blocks.shape != SHAPE or blocks.dtype != np.uint8:
        raise DataError(f"{path}: holds {blocks.dtype} {blocks.shape}; expected uint8 {SHAPE}.")
    return np.asarray(blocks)
