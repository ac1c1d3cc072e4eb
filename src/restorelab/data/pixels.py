"""Convert decoded pixels: white level, transparency, orientation, channels and size, alike at 8 and 16 bits."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

Pixels = Image.Image | np.ndarray
"""A Pillow image of mode L or RGB (8 bits), or an array `(H, W, B)` of uint8 or uint16."""


class Refused(Exception):  # noqa: N818
    """The reason why an image is refused; `decode` converts it to `BadImage`, which names the file."""


@dataclass
class Facts:
    """Facts about how one image was decoded, which `Remarks` summarizes.

    Attributes:
        pages: number of pages, frames or pictures of the file.
        warnings: warnings of the image libraries.
        transparent: whether the image had transparency and was composited over white.
        dropped: number of dropped bands, which are neither color nor transparency.
        rounded: whether samples were floating-point, or integers of another white level, and were rounded to 16 bits.
        largest: the largest sample of a 16-bit image that was stored unchanged.
        clipped: number of samples below 0 or above the white level.
    """

    pages: int = 1
    warnings: list[str] = field(default_factory=list)
    transparent: bool = False
    dropped: int = 0
    rounded: bool = False
    largest: int | None = None
    clipped: int = 0


@dataclass
class Picture:
    """One image as stored in its file.

    Attributes:
        pixels: see `Pixels`; an array may have any sample type, see `level`.
        colors: 3 if the first three bands are red, green and blue; 1 if the first one is gray.
        alpha: index of the transparency band; None without.
        premultiplied: whether the colors are multiplied by alpha already.
        orientation: the EXIF (= TIFF) orientation, 1 to 8.
    """

    pixels: Pixels
    colors: int
    alpha: int | None = None
    premultiplied: bool = False
    orientation: int = 1


def level(samples: np.ndarray, white: float | None, facts: Facts) -> np.ndarray:
    """Convert samples of any type to uint8 or uint16, whose largest value means white.

    uint8 is not changed. Deeper samples are scaled so that `white` becomes 65535, and rounded. Without `white`, uint16
    is not changed, and floating-point samples must be in [0, 1].
    """
    kind, dtype = samples.dtype.kind, samples.dtype.newbyteorder("=")
    if dtype == np.uint8 or kind == "b":
        return samples if dtype == np.uint8 else samples.astype(np.uint8) * np.uint8(255)
    if kind not in "uif":
        raise Refused(f"{dtype} samples; expected unsigned integers of 8 or 16 bits, or floating-point numbers")
    if dtype == np.uint16:
        facts.largest = int(samples.max())
        if white is None:
            return samples.astype(np.uint16, copy=False)
    elif kind != "f" and white is None:
        raise Refused(f"{dtype} samples, whose white level is not known; set data.white")
    if kind == "f" and not np.isfinite(samples).all():
        raise Refused("samples that are NaN or infinite")
    top = 1.0 if white is None else float(white)
    outside = int(np.count_nonzero(samples < 0) + np.count_nonzero(samples > top))
    if outside and white is None:
        raise Refused(
            f"floating-point samples from {samples.min():.4g} to {samples.max():.4g}; expected 0 to 1. Set data.white "
            "to the value of white; values below 0 or above it are then clipped"
        )
    facts.clipped, facts.rounded, facts.largest = outside, dtype != np.uint16, None
    if dtype == np.uint16:
        table = np.minimum(np.arange(65536) * (65535 / top), 65535).round().astype(np.uint16)
        return table[samples]
    exact = samples.astype(np.float64 if dtype.itemsize > 4 or kind != "f" else np.float32)
    np.clip(exact, 0, top, out=exact)
    np.multiply(exact, 65535 / top, out=exact)
    return np.rint(exact, out=exact).astype(np.uint16)


def to_channels(picture: Picture, channels: int, facts: Facts, *, matlab: bool = False) -> Pixels:
    """Convert a picture to `channels` channels.

    1 is gray (the ITU-R 601 luma of color, by Pillow's integer weights at both depths) and 3 is RGB (gray is
    repeated); both are composited over white if the picture is transparent. Any other number takes that many bands
    unchanged, transparency included. matlab: gray by the weights of MATLAB's rgb2gray instead.
    """
    pixels = picture.pixels
    bands = pixels.shape[2] if isinstance(pixels, np.ndarray) else len(pixels.getbands())
    if channels not in (1, 3):
        if bands < channels:
            raise Refused(f"has {bands} channel{'s' * (bands > 1)}; data.channels={channels} needs {channels}")
        facts.dropped = bands - channels
        return np.asarray(pixels)[..., :channels]
    if isinstance(pixels, Image.Image):
        mode = "L" if channels == 1 else "RGB"
        if matlab and mode == "L" and pixels.mode == "RGB":
            return _rgb2gray(np.asarray(pixels))
        return pixels if pixels.mode == mode else pixels.convert(mode)
    colors = 3 if channels == 3 and bands - (picture.alpha is not None) >= 3 else picture.colors
    facts.dropped = bands - colors - (picture.alpha is not None)
    shown = pixels[..., :colors]
    if picture.alpha is not None:
        alpha = pixels[..., picture.alpha]
        facts.transparent = bool((alpha < np.iinfo(alpha.dtype).max).any())
        shown = _on_white(shown, alpha, picture.premultiplied) if facts.transparent else shown
    if channels == colors:
        return shown
    if channels == 3:
        return np.repeat(shown, 3, axis=2)
    return _rgb2gray(shown) if matlab else _luma(shown)


def _on_white(colors: np.ndarray, alpha: np.ndarray, premultiplied: bool) -> np.ndarray:
    """Composite `(H, W, 1 or 3)` over white by `alpha` (H, W), rounding once."""
    top = np.uint32(np.iinfo(colors.dtype).max)  # 65535 * 65535 + 32767 still fits 32 bits
    shown = np.empty_like(colors)
    for rows in _blocks(colors):
        wide, clear = colors[rows].astype(np.uint32), top - alpha[rows, :, None].astype(np.uint32)
        if premultiplied:
            shown[rows] = np.minimum(wide + clear, top)
        else:
            shown[rows] = (wide * (top - clear) + top * clear + top // np.uint32(2)) // top
    return shown


def _luma(colors: np.ndarray) -> np.ndarray:
    """Return gray `(H, W, 1)` of RGB. The weights sum to 65536, and 65535 * 65536 + 32768 fits 32 bits."""
    gray = np.empty((*colors.shape[:2], 1), colors.dtype)
    for rows in _blocks(colors):
        red, green, blue = (colors[rows, :, band].astype(np.uint32) for band in range(3))
        total = red * np.uint32(19595) + green * np.uint32(38470) + blue * np.uint32(7471) + np.uint32(32768)
        gray[rows, :, 0] = total >> np.uint32(16)
    return gray


RGB2GRAY = (0.298936021293775, 0.587043074451121, 0.114020904255103)
"""MATLAB's weights: the first row of the inverse of its YIQ matrix, from the documentation of rgb2gray."""


def _rgb2gray(colors: np.ndarray) -> np.ndarray:
    """Return gray `(H, W, 1)` of RGB as MATLAB does, in double precision and rounded half up."""
    gray = np.empty((*colors.shape[:2], 1), colors.dtype)
    for rows in _blocks(colors):
        gray[rows, :, 0] = np.floor(colors[rows].astype(np.float64) @ np.array(RGB2GRAY) + 0.5)
    return gray


def _blocks(pixels: np.ndarray) -> Iterator[slice]:
    """Yield slices of rows: a wider copy of a whole large image would take several times its memory."""
    count = max(1, (1 << 18) // max(1, pixels.shape[1]))
    return (slice(start, start + count) for start in range(0, len(pixels), count))


def turn(pixels: Pixels, orientation: int) -> Pixels:
    """Rotate and mirror an image upright by its EXIF (= TIFF) orientation; values outside 2 to 8 change nothing."""
    if not 2 <= orientation <= 8:
        return pixels
    array = np.asarray(pixels)
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    flips = {2: (1,), 3: (0, 1), 4: (0,), 5: (), 6: (1,), 7: (0, 1), 8: (0,)}[orientation]
    array = np.ascontiguousarray(np.flip(array, flips))
    return Image.fromarray(array) if isinstance(pixels, Image.Image) else array


def shape(pixels: Pixels) -> tuple[int, int]:
    """Return height and width."""
    if isinstance(pixels, Image.Image):
        return pixels.height, pixels.width
    return pixels.shape[0], pixels.shape[1]


def resized(pixels: Pixels, size: tuple[int, int], crop: bool) -> Pixels:
    """Resize to `size` (height, width), bicubic and antialiased; `crop` keeps the aspect ratio and cuts the center."""
    height, width = shape(pixels)
    box = (0.0, 0.0, float(width), float(height))  # the region that becomes `size`; the kernel may reach beyond it
    if crop:
        scale = min(height / size[0], width / size[1])
        top, left = (height - scale * size[0]) / 2, (width - scale * size[1]) / 2
        box = (max(left, 0.0), max(top, 0.0), min(width - left, width), min(height - top, height))
    target = (size[1], size[0])
    if isinstance(pixels, Image.Image):
        return pixels.resize(target, Image.Resampling.BICUBIC, box=box)
    return np.stack([_plane(pixels[..., band], target, box) for band in range(pixels.shape[2])], axis=-1)


def _plane(plane: np.ndarray, target: tuple[int, int], box: tuple[float, float, float, float]) -> np.ndarray:
    if plane.dtype == np.uint8:
        return np.asarray(Image.fromarray(plane).resize(target, Image.Resampling.BICUBIC, box=box))
    exact = Image.fromarray(plane.astype(np.float32)).resize(target, Image.Resampling.BICUBIC, box=box)
    return np.asarray(exact).round().clip(0, 65535).astype(np.uint16)
