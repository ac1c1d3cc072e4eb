"""Check the size of an input before the first layer, rather than fail in a later one."""

import math

from torch import Tensor

from restorelab.errors import ConfigError


def check_shape(name: str, degraded: Tensor, channels: int, multiple: int = 1, minimum: int = 1) -> None:
    """Raise ValueError, naming the nearest valid sizes, unless `degraded` is `(B, channels, H, W)` of a valid size.

    Height and width must be multiples of `multiple` and at least `minimum` (itself such a multiple).
    """
    if degraded.ndim != 4 or degraded.shape[1] != channels:
        raise ValueError(
            f"{name} takes images (B, {channels}, H, W), got {tuple(degraded.shape)}; "
            f"the number of channels is model.channels={channels}"
        )
    for axis, length in (("height", degraded.shape[2]), ("width", degraded.shape[3])):
        if length % multiple or length < minimum:
            below = length // multiple * multiple
            fits = [size for size in (below, below + multiple) if size >= minimum] or [minimum]
            raise ValueError(
                f"{name} requires height and width that are multiples of {multiple} and at least {minimum}: "
                f"{axis} {length} is not, the nearest valid ones are {' and '.join(map(str, fits))}. "
                "restorelab.restoring.inference.restore pads the image and crops the result."
            )


def check_fixed(name: str, degraded: Tensor, channels: int, size: tuple[int, int]) -> None:
    """Raise ValueError unless `degraded` is `(B, channels, *size)`, the only shape of a fully connected network."""
    if degraded.ndim != 4 or tuple(degraded.shape[1:]) != (channels, *size):
        raise ValueError(f"{name} takes only images (B, {channels}, {size[0]}, {size[1]}), got {tuple(degraded.shape)}")


def smaller(height: int, width: int, scale: int, multiple: int = 1) -> tuple[int, int]:
    """Return the input size (h, w) of a network that enlarges by `scale` to `height` x `width`.

    Raises ConfigError unless both sides are positive multiples of `scale` and of `multiple`.
    """
    if scale < 1:
        raise ConfigError(f"model.scale={scale}: expected a whole number, at least 1")
    step = math.lcm(scale, multiple)
    for name, side in (("height", height), ("width", width)):
        if side < 1 or side % step:
            near = max(round(side / step), 1) * step
            raise ConfigError(f"model.{name}={side}: expected a multiple of {step}, such as {near}")
    return height // scale, width // scale


def check_kernel(kernel: int) -> None:
    """Raise ConfigError for an even `kernel`: only odd ones have a center and keep the size (or halve it, stride 2)."""
    if kernel < 1 or kernel % 2 == 0:
        raise ConfigError(f"model.kernel={kernel}: expected an odd number, at least 1")


def check_window(owner: str, window: int, degraded: Tensor) -> None:
    """Raise ValueError if `degraded: (B, C, H, W)` is too small for a window of that side with a reflected border."""
    height, width = degraded.shape[-2:]
    if min(height, width) <= window // 2:
        raise ValueError(f"{owner} of {window}x{window} needs {window // 2 + 1} pixels, got {height}x{width}")
