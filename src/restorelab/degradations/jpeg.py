"""JPEG compression, the last stage of a degradation: `jpeg(image, draws)`, called like a noise (see `noise.py`).

There are two codecs. Evaluation (draws that are `exact`) encodes and decodes each image with Pillow, so that the test
images are those of a real JPEG file. Training runs `compress`, the same steps batched on the image's device, with a
quality for each image. Both use the example tables of ITU-T T.81, annex K, scaled by libjpeg's rule, chroma at half the
width and height (4:2:0, as Pillow and libjpeg do by default) and libjpeg's "fancy" enlargement of it. They differ where
libjpeg's integer cosine transform rounds otherwise than float32: mostly by 1 / 255, in 1 % of the values at quality 10,
in 13 % at quality 95 (measured on photographs).

JPEG stores 8 bits: the image is clipped to [0, 1] and rounded first, and the result is a multiple of 1 / 255.
"""

import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from restorelab.degradations.rng import Draws
from restorelab.degradations.strength import Levels, Strength, bounds, draw, strength
from restorelab.errors import ConfigError

Compressed = tuple[Tensor, dict[str, Tensor]]

LUMINANCE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
"""Quantization of gray images and luma, by rows: ITU-T T.81, table K.1."""

CHROMINANCE = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99, *[99] * 32,
)  # fmt: skip
"""Quantization of chroma, by rows: ITU-T T.81, table K.2."""


class Jpeg(Protocol):
    """The protocol of this stage; see the module's docstring."""

    def check_channels(self, channels: int, owner: str = "JPEG") -> None:
        """Raise ConfigError, naming `owner`, if images of so many channels cannot be compressed."""

    def __call__(self, image: Tensor, draws: Draws) -> Compressed:
        """Compress and decompress a batch."""


@dataclass(frozen=True)
class NoJpeg:
    """No compression."""

    def check_channels(self, channels: int, owner: str = "JPEG") -> None:
        """Accept any number."""

    def __call__(self, image: Tensor, draws: Draws) -> Compressed:
        """Return the image itself, not a copy, and no parameters."""
        return image, {}


@dataclass(frozen=True)
class Standard:
    """Baseline JPEG with the standard tables at `quality`, 1 to 100, as in Pillow and libjpeg.

    A quality is a whole number. From a range each image draws one of its whole numbers, equally likely.
    """

    quality: Strength

    def __post_init__(self) -> None:
        checked = strength("JPEG", "quality", self.quality, 1, 100)
        values = checked.values if isinstance(checked, Levels) else bounds(checked)
        for value in values:
            if not float(value).is_integer():
                raise ConfigError(f"JPEG: quality is {value:g}; expected whole numbers from 1 to 100.")
        object.__setattr__(self, "quality", checked)

    def check_channels(self, channels: int, owner: str = "JPEG") -> None:
        """See `Jpeg.check_channels`."""
        if channels not in (1, 3):
            raise ConfigError(f"{owner}: a JPEG file cannot hold {channels} channels; expected 1 (gray) or 3 (RGB).")

    def __call__(self, image: Tensor, draws: Draws) -> Compressed:
        """Compress `(B, C, H, W)`; C is 1 (gray) or 3 (RGB). The drawn parameter is `quality`."""
        self.check_channels(image.shape[1])
        chosen: Strength | Levels = self.quality
        if isinstance(chosen, tuple):
            low, high = bounds(chosen)
            quality = draw((low, high + 1), image, draws).floor_().clamp_(max=high)  # float32 may round up to high + 1
        else:
            quality = draw(chosen, image, draws)
        codec = by_pillow if draws.exact else compress
        return codec(image, quality.view(-1)), {"quality": quality.view(-1)}


def by_pillow(image: Tensor, quality: Tensor) -> Tensor:
    """Encode and decode each image of a batch on the CPU with Pillow; shapes and ranges as in `compress`."""
    stored = image.clamp(0, 1).mul(255).round().to(torch.uint8)
    decoded = []
    for pixels, value in zip(stored.permute(0, 2, 3, 1).numpy(), quality.tolist(), strict=True):
        stream = io.BytesIO()
        Image.fromarray(pixels if pixels.shape[-1] == 3 else pixels[..., 0]).save(stream, "JPEG", quality=int(value))
        with Image.open(stream) as compressed:
            decoded.append(np.array(compressed).reshape(pixels.shape))
    return torch.from_numpy(np.stack(decoded)).permute(0, 3, 1, 2).to(image).div_(255)


@torch.no_grad()
def compress(image: Tensor, quality: Tensor) -> Tensor:
    """Compress and decompress a batch on its device, without entropy coding, which loses nothing.

    Args:
        image: `(B, C, H, W)` float in [0, 1], C = 1 (gray) or 3 (RGB); values outside are clipped.
        quality: `(B,)` whole numbers from 1 to 100, of the same dtype.

    Returns:
        A new tensor, `(B, C, H, W)`, multiples of 1 / 255 in [0, 1].

    """
    stored = image.clamp(0, 1).mul_(255).round_()
    if image.shape[1] == 1:
        return _quantized(stored, quality, LUMINANCE).div_(255)
    red, green, blue = torch.split(stored, 1, 1)
    luma = _rounded(0.299 * red + 0.587 * green + 0.114 * blue)
    # libjpeg rounds a half down here, and up in all other steps of the color conversion.
    chroma = torch.cat([-0.168735892 * red - 0.331264108 * green + 0.5 * blue,
                        0.5 * red - 0.418687589 * green - 0.081312411 * blue], 1).add_(128.49999).floor_()  # fmt: skip
    luma = _quantized(luma, quality, LUMINANCE)
    chroma = _enlarged(_quantized(_halved(chroma), quality, CHROMINANCE), luma).sub_(128)
    blue_less, red_less = torch.split(chroma, 1, 1)
    red = luma + _rounded(1.402 * red_less)
    green = luma + _rounded(-0.344136286 * blue_less - 0.714136286 * red_less)
    blue = luma + _rounded(1.772 * blue_less)
    return torch.cat([red, green, blue], 1).clamp_(0, 255).div_(255)


def _rounded(value: Tensor) -> Tensor:
    """Round to the nearest integer, a half up; changes `value`."""
    return value.add_(0.5).floor_()


def _quantized(plane: Tensor, quality: Tensor, table: Sequence[int]) -> Tensor:
    """Return `plane` (B, C, H, W), integers in [0, 255], after the quantization of its 8 x 8 blocks.

    The edge is repeated up to whole blocks. As in libjpeg, a coefficient is rounded to 1/8 first, then quantized with a
    half away from zero.
    """
    batch, channels, height, width = plane.shape
    padded = _repeated(plane, -height % 8, -width % 8)
    rows, columns = padded.shape[-2] // 8, padded.shape[-1] // 8
    blocks = padded.view(batch, channels, rows, 8, columns, 8).transpose(3, 4).reshape(batch, -1, 64) - 128
    steps = steps_of(quality, table)[:, None]
    cosines = _constant(_cosines(), plane.dtype, plane.device)
    with _full_precision():
        coefficients = (blocks @ cosines.T).mul_(8).round_()
        whole = coefficients.abs().div_(8 * steps).add_(0.5).floor_().mul_(steps).copysign_(coefficients)
        blocks = whole @ cosines
    decoded = _rounded(blocks.add_(128)).clamp_(0, 255)
    image = decoded.view(batch, channels, rows, columns, 8, 8).transpose(3, 4).reshape(padded.shape)
    return image[..., :height, :width]


def steps_of(quality: Tensor, table: Sequence[int]) -> Tensor:
    """Return libjpeg's table for each quality: `(B, 64)` whole numbers from 1 to 255.

    quality: `(B,)`. table: that of quality 50, 64 whole numbers by rows.
    """
    # Half a unit more keeps the floor of an exact quotient exact.
    scale = torch.where(quality < 50, (5000.5 / quality).floor(), 200 - 2 * quality)[:, None]
    return (scale * _constant(tuple(table), quality.dtype, quality.device) + 50.5).div_(100).floor_().clamp_(1, 255)


@cache
def _constant(values: tuple[Any, ...], kind: torch.dtype, device: torch.device) -> Tensor:
    """Return a table on a device, to which it is copied only once: a copy at each call would wait for the device."""
    return torch.tensor(values, dtype=kind, device=device)


@cache
def _cosines() -> tuple[tuple[float, ...], ...]:
    """Return the orthonormal 8 x 8 cosine transform as a 64 x 64 matrix; its transpose is its inverse."""
    line = [[math.sqrt((1 if k else 0.5) / 4) * math.cos(math.pi * (2 * x + 1) * k / 16) for x in range(8)]
            for k in range(8)]  # fmt: skip
    return tuple(map(tuple, np.kron(line, line).tolist()))


@contextmanager
def _full_precision() -> Iterator[None]:
    """Multiply matrices in float32 also where training may use TF32, whose 10 bits would move coefficients."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _repeated(plane: Tensor, below: int, right: int) -> Tensor:
    """Return `plane` with its last row and column repeated so many times."""
    return F.pad(plane, (0, right, 0, below), mode="replicate") if below or right else plane


def _halved(chroma: Tensor) -> Tensor:
    """Return the means of 2 x 2 values, rounded as libjpeg does: a half down and up in alternate columns.

    The right edge is repeated up to whole blocks of the means, the lower one by a row where the height is odd.
    """
    means = F.avg_pool2d(_repeated(chroma, chroma.shape[-2] % 2, -chroma.shape[-1] % 16), 2)
    means[..., ::2] += 0.25
    means[..., 1::2] += 0.5
    return means.floor_()


def _enlarged(chroma: Tensor, luma: Tensor) -> Tensor:
    """Return `chroma` at the size of `luma`: weights 3/4 and 1/4, a half rounded up and down in alternate columns."""
    height, width = luma.shape[-2:]
    chroma = chroma[..., : -(-height // 2), : -(-width // 2)]
    large = F.interpolate(chroma, scale_factor=2.0, mode="bilinear", align_corners=False)
    large[..., ::2] += 8 / 16
    large[..., 1::2] += 7 / 16
    return large.floor_()[..., :height, :width]
