"""Downsampling, and the enlargement that makes an input comparable with its clean image.

`downsample(image)` takes `(B, C, H, W)` float and returns `(B, C, H / factor, W / factor)`; nothing is random. Sides
that are not multiples of `factor` raise ConfigError: images are not cropped silently.
"""

from dataclasses import dataclass
from typing import Protocol

import torch.nn.functional as F
from torch import Tensor

from restorelab.errors import ConfigError


class Downsample(Protocol):
    """The protocol of downsamplings; see the module's docstring."""

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the size (h, w) of the output for an input of `size` (H, W). ConfigError for an invalid size."""

    def __call__(self, image: Tensor) -> Tensor:
        """Downsample a batch."""


@dataclass(frozen=True)
class NoDownsample:
    """No downsampling."""

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return `size`."""
        return size

    def __call__(self, image: Tensor) -> Tensor:
        """Return the image itself, not a copy."""
        return image


@dataclass(frozen=True)
class AvgPool:
    """Mean over adjacent squares of `factor` x `factor` pixels (report `svhn_poisson`: factor 2)."""

    factor: int

    def __post_init__(self) -> None:
        check_factor("avg_pool", self.factor)

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the size (h, w) of the output for an input of `size` (H, W). Raises ConfigError for a remainder."""
        return divided("avg_pool", size, self.factor)

    def __call__(self, image: Tensor) -> Tensor:
        """See the module's docstring."""
        self.output_size((image.shape[-2], image.shape[-1]))
        return F.avg_pool2d(image, self.factor)


@dataclass(frozen=True)
class Bicubic:
    """Antialiased bicubic with a = -0.5, the "BI" degradation of super-resolution.

    It is equal to Pillow's BICUBIC on floats, and to MATLAB's imresize except at the border, where Pillow and torch
    renormalize the weights inside the image and MATLAB reflects the image. Bicubic interpolation overshoots; `clip`
    clips the result to [0, 1], as 8-bit files do.
    """

    factor: int
    clip: bool

    def __post_init__(self) -> None:
        check_factor("bicubic", self.factor)

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the size (h, w) of the output for an input of `size` (H, W). Raises ConfigError for a remainder."""
        return divided("bicubic", size, self.factor)

    def __call__(self, image: Tensor) -> Tensor:
        """See the module's docstring."""
        small = resize(image, self.output_size((image.shape[-2], image.shape[-1])))
        return small.clamp(0, 1) if self.clip else small


def enlarge(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize `(B, C, h, w)` to `size` (H, W) by bicubic interpolation with a = -0.5, without clipping.

    The protocol defines the PSNR of a smaller input as that of its bicubic enlargement.
    """
    return image if (image.shape[-2], image.shape[-1]) == tuple(size) else resize(image, size)


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize by bicubic interpolation with a = -0.5, both to smaller and to larger sizes."""
    # torch uses a = -0.5 with antialias=True, also to enlarge, and a = -0.75 without.
    return F.interpolate(image, size=list(size), mode="bicubic", align_corners=False, antialias=True)


def check_factor(owner: str, factor: object) -> None:
    """Raise ConfigError unless `factor` is a positive integer."""
    if isinstance(factor, bool) or not isinstance(factor, int) or factor < 1:
        raise ConfigError(f"downsample={owner}: factor is {factor!r}; expected an integer >= 1.")


def divided(owner: str, size: tuple[int, int], factor: int) -> tuple[int, int]:
    """Divide both sides by `factor`. Raises ConfigError if there is a remainder."""
    height, width = size
    if height % factor or width % factor:
        raise ConfigError(
            f"downsample={owner}: images of {height}x{width} are not divisible by factor {factor}. Choose a size or a "
            f"crop that is a multiple of {factor}; data.multiple={factor} crops whole images to multiples."
        )
    return height // factor, width // factor
