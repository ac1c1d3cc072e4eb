"""Small trees of images, and the cache that is made of them."""

from pathlib import Path
from typing import Any

import numpy as np

from restorelab.data.cache import ImageTable, prepare
from restorelab.data.decode import Decoding


def noise(shape: tuple[int, ...], seed: int = 0, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def get(source: Any, root: Path, **options: Any) -> ImageTable:
    ours = {name: options.pop(name) for name in ("limit", "seed", "on_bad") if name in options}
    return prepare(source, Decoding(**options), cache_dir=root, **ours)
