"""The sizes a network takes, said before the first layer rather than in the middle of it."""

from torch import Tensor


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
                f"{' and '.join(map(str, fits))}. restorelab.inference.restore pads and crops back."
            )


def check_fixed(name: str, degraded: Tensor, channels: int, size: tuple[int, int]) -> None:
    """Raise ValueError unless `degraded` is `(B, channels, *size)`, the only shape a fully connected network takes."""
    if degraded.ndim != 4 or tuple(degraded.shape[1:]) != (channels, *size):
        raise ValueError(f"{name} takes only images (B, {channels}, {size[0]}, {size[1]}), got {tuple(degraded.shape)}")
