"""Downsamplings, and the enlargement that makes an input comparable with its clean image.

`downsample(image)` takes `(B, C, H, W)` float and gives `(B, C, H / factor, W / factor)`; nothing is random. Sides that
`factor` does not divide raise ConfigError: images are not cropped silently.
"""

from dataclasses import dataclass
from typing import Protocol

import torch.nn.functional as F
from torch import Tensor

from restorelab.errors import ConfigError


class Downsample(Protocol):
    """What the pipeline calls; see the module's text."""

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Size (h, w) of the output for an input of `size` (H, W). Raises ConfigError where it cannot be."""

    def __call__(self, image: Tensor) -> Tensor:
        """Downsample a batch."""


@dataclass(frozen=True)
class NoDownsample:
    """The image itself."""

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return `size`."""
        return size

    def __call__(self, image: Tensor) -> Tensor:
        """Return the image itself, not a copy."""
        return image


@dataclass(frozen=True)
class AvgPool:
    """Mean over squares of `factor` pixels that do not overlap (report `svhn_poisson`: factor 2)."""

    factor: int

    def __post_init__(self) -> None:
        check_factor("avg_pool", self.factor)

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Size (h, w) of the output for an input of `size` (H, W). Raises ConfigError unless `factor` divides both."""
        return divided("avg_pool", size, self.factor)

    def __call__(self, image: Tensor) -> Tensor:
        """See the module's text."""
        self.output_size((image.shape[-2], image.shape[-1]))
        return F.avg_pool2d(image, self.factor)


@dataclass(frozen=True)
class Bicubic:
    """Antialiased bicubic, a = -0.5, the "BI" degradation of super-resolution.

    Equal to Pillow's BICUBIC on floats, and to MATLAB's imresize away from the border (which Pillow and torch treat by
    renormalising the weights inside the image, MATLAB by mirroring). Bicubic overshoots; `clip` cuts to [0, 1], as
    8-bit files do.
    """

    factor: int
    clip: bool

    def __post_init__(self) -> None:
        check_factor("bicubic", self.factor)

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Size (h, w) of the output for an input of `size` (H, W). Raises ConfigError unless `factor` divides both."""
        return divided("bicubic", size, self.factor)

    def __call__(self, image: Tensor) -> Tensor:
        """See the module's text."""
        small = resize(image, self.output_size((image.shape[-2], image.shape[-1])))
        return small.clamp(0, 1) if self.clip else small


def enlarge(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring `(B, C, h, w)` to `size` (H, W) by bicubic interpolation, a = -0.5, not clipped.

    The protocol: where input and output differ in size, the input's own PSNR is that of its bicubic enlargement.
    """
    return image if (image.shape[-2], image.shape[-1]) == tuple(size) else resize(image, size)


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Bicubic with a = -0.5 in both directions."""
    # antialias=True is what makes torch use a = -0.5, when enlarging too; without it a = -0.75.
    return F.interpolate(image, size=list(size), mode="bicubic", align_corners=False, antialias=True)


def check_factor(owner: str, factor: object) -> None:
    """Raise ConfigError unless `factor` is a positive integer."""
    if isinstance(factor, bool) or not isinstance(factor, int) or factor < 1:
        raise ConfigError(f"downsample={owner}: factor is {factor!r}; allowed: an integer >= 1.")


def divided(owner: str, size: tuple[int, int], factor: int) -> tuple[int, int]:
    """Divide both sides by `factor`. Raises ConfigError where there is a remainder."""
    height, width = size
    if height % factor or width % factor:
        raise ConfigError(
            f"downsample={owner}: images of {height}x{width} are not divisible by factor {factor}. Choose a size or "
            f"a crop with multiples of {factor}; data.multiple={factor} cuts whole images to them."
        )
    return height // factor, width // factor
