"""Decoded pixels in hand: lay them on white, turn them upright, change colour and size, alike at 8 and 16 bits.

An image is here either a Pillow image of mode L or RGB (8 bits) or a uint16 array `(H, W)` or `(H, W, 3)`.
"""

import numpy as np
from PIL import Image

Pixels = Image.Image | np.ndarray


class Refused(Exception):  # noqa: N818
    """A reason of ours to refuse an image, on its way to `decode.BadImage`."""


def flat(pixels: np.ndarray) -> np.ndarray:
    """`(H, W, 1 to 4)` laid on white: `(H, W)` or `(H, W, 3)`."""
    samples = pixels.shape[2]
    if samples not in (1, 2, 3, 4):
        raise Refused(f"{samples} samples a pixel; gray and RGB are supported, each with or without alpha")
    if samples % 2 == 0:
        top = np.uint64(np.iinfo(pixels.dtype).max)
        alpha = pixels[..., -1:].astype(np.uint64)
        blend = (pixels[..., :-1] * alpha + top * (top - alpha) + top // np.uint64(2)) // top
        pixels = blend.astype(pixels.dtype)
    return np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def turn(pixels: Pixels, orientation: int) -> Pixels:
    """Turn and mirror upright, by the EXIF (= TIFF) orientation; values out of 2 to 8 leave the image alone."""
    if not 2 <= orientation <= 8:
        return pixels
    array = np.asarray(pixels)
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    flips = {2: (1,), 3: (0, 1), 4: (0,), 5: (), 6: (1,), 7: (0, 1), 8: (0,)}[orientation]
    array = np.ascontiguousarray(np.flip(array, flips))
    return Image.fromarray(array) if isinstance(pixels, Image.Image) else array


def shape(pixels: Pixels) -> tuple[int, int]:
    """Height and width."""
    if isinstance(pixels, Image.Image):
        return pixels.height, pixels.width
    return pixels.shape[0], pixels.shape[1]


def recolour(pixels: Pixels, channels: int) -> Pixels:
    """To 1 channel (ITU-R 601 luma, in Pillow's integer weights at both depths) or 3 (gray is repeated)."""
    if isinstance(pixels, Image.Image):
        return pixels.convert("L" if channels == 1 else "RGB")
    if channels == 3:
        return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    if pixels.ndim == 2:
        return pixels
    weights = np.array((19595, 38470, 7471), np.uint32)  # sum to 65536; 65535 * 65536 + 32768 still fits 32 bits
    return ((pixels.astype(np.uint32) @ weights + np.uint32(32768)) >> np.uint32(16)).astype(np.uint16)


def resized(pixels: Pixels, size: tuple[int, int], crop: bool) -> Pixels:
    """To `size` = (height, width), bicubic and antialiased; with `crop` so as to cover it, cutting the middle."""
    height, width = shape(pixels)
    box = (0.0, 0.0, float(width), float(height))  # what of the image becomes `size`; the kernel may reach beyond it
    if crop:
        scale = min(height / size[0], width / size[1])
        top, left = (height - scale * size[0]) / 2, (width - scale * size[1]) / 2
        box = (max(left, 0.0), max(top, 0.0), min(width - left, width), min(height - top, height))
    target = (size[1], size[0])
    if isinstance(pixels, Image.Image):
        return pixels.resize(target, Image.Resampling.BICUBIC, box=box)
    planes = pixels[..., None] if pixels.ndim == 2 else pixels
    planes_resized = [
        np.asarray(Image.fromarray(plane.astype(np.float32)).resize(target, Image.Resampling.BICUBIC, box=box))
        for plane in np.moveaxis(planes, -1, 0)
    ]
    rounded = np.stack(planes_resized, axis=-1).round().clip(0, 65535).astype(np.uint16)
    return rounded[..., 0] if pixels.ndim == 2 else rounded
