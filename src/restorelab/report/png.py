"""A figure as a PNG that is no larger than it needs to be."""

import io

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from restorelab.report.pixels import rendered


def png(figure: Figure) -> bytes:
    """The figure as a PNG at its own dpi, every value as drawn; a gray one has one channel. As small as can be."""
    return encoded(rendered(figure), optimize=True)


def encoded(array: np.ndarray, *, optimize: bool = False) -> bytes:
    """An array (H, W, 3) uint8 as a PNG, with one channel where it is gray. optimize: smaller, but slower."""
    gray = bool((array[..., :1] == array).all())
    return _saved(Image.fromarray(np.ascontiguousarray(array[..., 0] if gray else array)), optimize=optimize)


def palette(content: bytes) -> bytes:
    """A PNG brought down to 256 colors, about a third as large; without dithering, which would look like noise.

    Rare colors shift, so this is for a page that would otherwise be too large. A gray PNG stays as it is.
    """
    image = Image.open(io.BytesIO(content))
    if image.mode != "RGB":
        return content
    return _saved(image.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE), optimize=True)


def _saved(image: Image.Image, *, optimize: bool) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "png", optimize=optimize)
    return buffer.getvalue()
