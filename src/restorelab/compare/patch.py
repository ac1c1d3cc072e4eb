"""Pictures for the page: lossless parts of images, and thumbnails of whole ones."""

import io

from PIL import Image
from torch import Tensor

from restorelab.report.pixels import pixels

THUMB = 176
"""Pixels of the longer side of a thumbnail."""


def webp(image: Tensor) -> bytes:
    """Encode (C, H, W) in [0, 1], clamped and rounded to 8 bits, as a lossless WebP without metadata."""
    return _saved(Image.fromarray(pixels(image.nan_to_num(0.0, 1.0, 0.0))))


def small(image: Tensor) -> bytes:
    """Encode the whole image, reduced to at most `THUMB` pixels a side."""
    picture = Image.fromarray(pixels(image))
    picture.thumbnail((THUMB, THUMB), Image.Resampling.LANCZOS)
    return _saved(picture)


def _saved(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "webp", lossless=True, quality=70, method=4)
    return buffer.getvalue()
