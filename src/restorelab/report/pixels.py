"""Images and figures as arrays of 8-bit pixels."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor


def shown_bands(channels: int) -> str:
    """What a picture shows of an image whose channels are neither gray nor RGB, in words; else nothing."""
    if channels in (1, 3):
        return ""
    return f"band 1 of {channels}" if channels < 3 else f"bands 1 to 3 of {channels} as red, green and blue"


def pixels(image: Tensor) -> np.ndarray:
    """(C, H, W) in [0, 1] to (H, W) or (H, W, 3) uint8, clamped and rounded; of other channels see `shown_bands`."""
    image = image[: 1 if len(image) < 3 else 3]
    array = (image.detach().cpu().float().clamp(0, 1) * 255).round().byte().numpy()
    return array[0] if len(array) == 1 else array.transpose(1, 2, 0)


def rendered(figure: Figure) -> np.ndarray:
    """Draw the figure as (H, W, 3) uint8."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()  # type: ignore[no-untyped-call]
