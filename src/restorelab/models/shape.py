"""The sizes a network takes, said before the first layer rather than in the middle of it."""

import math

from torch import Tensor

from restorelab.errors import ConfigError


def check_shape(name: str, degraded: Tensor, channels: int, multiple: int = 1, minimum: int = 1) -> None:
    """Raise ValueError, with the nearest sizes that fit, unless `degraded` is `(B, channels, H, W)` of a valid size.

    Height and width must be multiples of `multiple` and at least `minimum` (itself such a multiple).
    """
    if degraded.ndim != 4 or degraded.shape[1] != channels:
        raise ValueError(
            f"{name} takes images (B, {channels}, H, W), got {tuple(degraded.shape)}: "
            f"the number of channels is model.channels={channels}"
        )
    for axis, length in (("height", degraded.shape[2]), ("width", degraded.shape[3])):
        if length % multiple or length < minimum:
            below = length // multiple * multiple
            fits = [size for size in (below, below + multiple) if size >= minimum] or [minimum]
            raise ValueError(
                f"{name} gives back an image of the same size only where height and width are multiples of {multiple} "
                f"and at least {minimum}: {axis} {length} does not fit, the nearest that do are "
                f"{' and '.join(map(str, fits))}. restorelab.restoring.inference.restore pads and crops back."
            )


def check_fixed(name: str, degraded: Tensor, channels: int, size: tuple[int, int]) -> None:
    """Raise ValueError unless `degraded` is `(B, channels, *size)`, the only shape a fully connected network takes."""
    if degraded.ndim != 4 or tuple(degraded.shape[1:]) != (channels, *size):
        raise ValueError(f"{name} takes only images (B, {channels}, {size[0]}, {size[1]}), got {tuple(degraded.shape)}")


def smaller(height: int, width: int, scale: int, multiple: int = 1) -> tuple[int, int]:
    """Size (h, w) of the input of a network that enlarges by `scale` to `height` x `width`, the clean image's size.

    Raises ConfigError unless both sides are positive multiples of `scale` and of `multiple`.
    """
    if scale < 1:
        raise ConfigError(f"model.scale={scale}: a whole number, at least 1")
    step = math.lcm(scale, multiple)
    for name, side in (("height", height), ("width", width)):
        if side < 1 or side % step:
            near = max(round(side / step), 1) * step
            raise ConfigError(f"model.{name}={side}: a multiple of {step}, such as {near}")
    return height // scale, width // scale


def check_kernel(kernel: int) -> None:
    """Raise ConfigError for an even `kernel`: only an odd one has a centre and keeps (stride 2: halves) the size."""
    if kernel < 1 or kernel % 2 == 0:
        raise ConfigError(f"model.kernel={kernel}: an odd number, at least 1")


def check_window(owner: str, window: int, degraded: Tensor) -> None:
    """Raise ValueError where `degraded: (B, C, H, W)` is too small for a mirrored window of that side."""
    height, width = degraded.shape[-2:]
    if min(height, width) <= window // 2:
        raise ValueError(f"{owner} of {window}x{window} needs {window // 2 + 1} pixels, got {height}x{width}")
