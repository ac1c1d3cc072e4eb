"""One image decoded, in a line."""

from typing import Any

import numpy as np

from restorelab.data.decode import Decoding, Resize, decode
from restorelab.data.item import Encoded


def read(
    encoded: Encoded, channels: int, size: tuple[int, int] | None = None, resize: Resize = "none", **more: Any
) -> np.ndarray:
    return decode(encoded, Decoding(channels, size, resize, **more)).pixels
