"""Blurs. All of them are called alike.

`blur(image, draws)` takes `(B, C, H, W)` float32 or float64 and returns a new tensor of the same shape, dtype and
device, and the drawn parameters, `{name: (B,)}`. A strength is one value, or a range or levels from which a value is
drawn for each image; see `strength.py`. Kernels sum to 1. The border is reflected without repeating the edge, so that
no dark frame appears. `reach` is the kernel's radius in pixels; the sides of an image must be larger. A wrong value
raises ConfigError at construction, an image too small for the kernel raises it at the call.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from kornia.filters import filter2d, filter2d_separable, get_gaussian_kernel1d
from torch import Tensor

from restorelab.degradations.rng import Draws
from restorelab.degradations.strength import Checked, Levels, Strength, bounds, draw, number, strength
from restorelab.errors import ConfigError

Blurred = tuple[Tensor, dict[str, Tensor]]


class Blur(Protocol):
    """The protocol of blurs; see the module's docstring."""

    @property
    def reach(self) -> int:
        """Radius of the largest kernel, in pixels."""

    def __call__(self, image: Tensor, draws: Draws) -> Blurred:
        """Blur a batch."""


@dataclass(frozen=True)
class NoBlur:
    """No blur."""

    @property
    def reach(self) -> int:
        """0, because there is no kernel."""
        return 0

    def __call__(self, image: Tensor, draws: Draws) -> Blurred:
        """Return the image itself, not a copy, and no parameters."""
        return image, {}


@dataclass(frozen=True)
class Gaussian:
    """Gaussian blur of standard deviation `sigma` pixels; 0 does not change the image.

    `kernel_size` is odd; None takes the smallest kernel that extends to 3 times the largest sigma on each side. The
    kernel is sampled at the pixels' centers, as in SciPy and OpenCV: for sigma >= 1 its own standard deviation is sigma
    within 1.4 %, below that it is smaller (0.464 for sigma 0.5).
    """

    sigma: Strength
    kernel_size: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma", strength("Gaussian blur", "sigma", self.sigma, 0))
        if self.kernel_size is not None:
            odd("Gaussian blur", "kernel_size", self.kernel_size)

    @property
    def size(self) -> int:
        """Side of the kernel, in pixels."""
        return self.kernel_size or 2 * math.ceil(3 * bounds(self.sigma)[1]) + 1

    @property
    def reach(self) -> int:
        """Radius of the kernel, in pixels."""
        return self.size // 2

    def __call__(self, image: Tensor, draws: Draws) -> Blurred:
        """See the module's docstring; the drawn parameter is `blur_sigma`."""
        check_room("Gaussian blur", self.reach, (image.shape[-2], image.shape[-1]))
        sigma = draw(self.sigma, image, draws).view(-1)
        # kornia's gaussian_blur2d consists of these parts, but waits for the device to check the sigmas.
        kernel = get_gaussian_kernel1d(self.size, sigma[:, None])
        return filter2d_separable(image, kernel, kernel, border_type="reflect"), {"blur_sigma": sigma}


@dataclass(frozen=True)
class Box:
    """Mean over a square of `size` x `size` pixels (odd), the "uniform blur". A range means all odd sizes in it."""

    size: Strength

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", odd_sizes("Box blur", "size", self.size))

    @property
    def reach(self) -> int:
        """Radius of the largest kernel, in pixels."""
        return int(bounds(self.size)[1]) // 2

    def __call__(self, image: Tensor, draws: Draws) -> Blurred:
        """See the module's docstring; the drawn parameter is `blur_size`."""
        check_room("Box blur", self.reach, (image.shape[-2], image.shape[-1]))
        size = draw(self.size, image, draws).view(-1)
        offset = torch.arange(-self.reach, self.reach + 1, device=image.device)
        # One kernel per image, even if all are equal: the convolution is then depthwise, 15 times faster on a CPU than
        # kornia's box_blur.
        kernel = (offset.abs() < size[:, None] / 2).to(image.dtype) / size[:, None]
        return filter2d_separable(image, kernel, kernel, border_type="reflect"), {"blur_size": size}


@dataclass(frozen=True)
class Motion:
    """Motion along a straight line of `length` pixels (>= 1) at `angle` degrees, counterclockwise as displayed.

    A bright point becomes a line centered on it; a pixel's weight is the length of the line inside that pixel. So
    length 5 at 0 degrees is the mean over 5 pixels of a row, and lengths and angles need not be integers. `direction`
    in [-1, 1] changes the weight along the line: 0 is uniform, 1 rises from 0 at the tail to double at the head, which
    is the end that `angle` points to.

    Unlike kornia's RandomMotionBlur, each image has its own length (kornia has one size per batch), the upper bound can
    be drawn, and lines are not resampled to the nearest pixels.
    """

    length: Strength
    angle: Strength = (0.0, 180.0)
    direction: Strength = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", strength("Motion blur", "length", self.length, 1))
        object.__setattr__(self, "angle", strength("Motion blur", "angle", self.angle, -360, 360))
        object.__setattr__(self, "direction", strength("Motion blur", "direction", self.direction, -1, 1))

    @property
    def reach(self) -> int:
        """Radius of the largest kernel, in pixels: how far half a line extends beyond the center pixel."""
        return math.ceil((bounds(self.length)[1] - 1) / 2)

    def __call__(self, image: Tensor, draws: Draws) -> Blurred:
        """See the module's docstring; the drawn parameters are `length`, `angle` and `direction`."""
        check_room("Motion blur", self.reach, (image.shape[-2], image.shape[-1]))
        length, angle, direction = (
            draw(value, image, draws).view(-1) for value in (self.length, self.angle, self.direction)
        )
        kernel = line_kernel(length, angle, direction, self.reach)
        # "conv" flips the kernel, so that the streak of a bright point is the kernel itself.
        blurred = filter2d(image, kernel, border_type="reflect", behaviour="conv")
        return blurred, {"length": length, "angle": angle, "direction": direction}


def line_kernel(length: Tensor, angle: Tensor, direction: Tensor, reach: int) -> Tensor:
    """Rasterize centered lines exactly: `(B, 2 reach + 1, 2 reach + 1)`, each kernel summing to 1.

    Args:
        length: `(B,)` pixels.
        angle: `(B,)` degrees, counterclockwise.
        direction: `(B,)` in [-1, 1], as in `Motion`.
        reach: radius of the kernel; at least half the longest line less half a pixel.

    The line is t (cos, -sin) for |t| <= length / 2. It is inside the pixel at offset x for
    (x - 1/2) / cos <= t <= (x + 1/2) / cos, and likewise for y; the weight is the integral of the density
    1 + 2 direction t / length over the intersection of the three intervals.

    """
    offset = torch.arange(-reach, reach + 1, device=length.device, dtype=length.dtype)
    half = (length / 2)[:, None, None]
    radians = torch.deg2rad(angle)[:, None]
    low_x, high_x = slab(offset, radians.cos())
    low_y, high_y = slab(offset, -radians.sin())
    start = torch.maximum(torch.maximum(low_x[:, None, :], low_y[:, :, None]), -half)
    stop = torch.minimum(torch.minimum(high_x[:, None, :], high_y[:, :, None]), half)
    stop = torch.maximum(start, stop)  # an empty intersection has no weight
    weight = (stop - start) + direction[:, None, None] * (stop**2 - start**2) / (2 * half)
    return weight / weight.sum((1, 2), keepdim=True)


def slab(offset: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first and last t, `(B, k)`, with `t slope` within half a pixel of `offset` (k,); slope is `(B, 1)`."""
    # Never divide by 0: with this slope a line along the other axis stays in its row for |t| < 5e8 pixels.
    slope = torch.where(slope.abs() < 1e-9, torch.full_like(slope, 1e-9), slope)
    first, second = (offset - 0.5) / slope, (offset + 0.5) / slope
    return torch.minimum(first, second), torch.maximum(first, second)


def odd(owner: str, name: str, value: object) -> None:
    """Raise ConfigError unless `value` is an odd, positive integer."""
    number(owner, name, value, 1)
    if not isinstance(value, int) or value % 2 == 0:
        raise ConfigError(f"{owner}: {name} is {value!r}; expected an odd integer, so that the kernel has a center.")


def odd_sizes(owner: str, name: str, value: Strength) -> Checked:
    """Check the strength of a kernel's side, which is odd; a range becomes the levels of its odd numbers."""
    checked = strength(owner, name, value, 1)
    for size in value if isinstance(value, Sequence) else [value]:
        if size != "levels":
            odd(owner, name, size)
    if not isinstance(checked, tuple):
        return checked
    sizes = tuple(float(size) for size in range(int(checked[0]), int(checked[1]) + 1, 2))
    return Levels(sizes) if len(sizes) > 1 else sizes[0]


def check_room(owner: str, reach: int, size: tuple[int, int]) -> None:
    """Raise ConfigError if an image of `size` (H, W) is too small for a reflected border of `reach` pixels."""
    if reach >= min(size):
        raise ConfigError(
            f"{owner}: a kernel with a radius of {reach} pixels does not fit images of {size[0]}x{size[1]}; expected a "
            f"radius below {min(size)}. Use a weaker blur or larger images."
        )
