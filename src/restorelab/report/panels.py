"""Panels: degraded | restored | clean | error, a row an image, with the numbers under each picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from restorelab.metrics import Protocol

ERROR_SCALE = 0.25
"""Absolute error that is drawn black; smaller ones lie between white and it."""


@dataclass(frozen=True)
class Row:
    """One image of a panel: `degraded`, `restored`, `clean` are (C, H, W) in [0, 1]; `title` stands at the left."""

    title: str
    degraded: Tensor
    restored: Tensor
    clean: Tensor


def panel(rows: Sequence[Row], protocol: Protocol, title: str, *, scale: float = 1.9) -> Figure:
    """Draw a panel. The error is the absolute difference, its mean over the channels, on a scale up to 0.25."""
    bands = shown_bands(len(rows[0].clean))
    title = f"{title} ({bands})" if bands else title
    heads = ("degraded", "restored", "clean", f"error (0 to {ERROR_SCALE})")
    width, height = scale * 4 + 0.2, (scale + 0.3) * len(rows) + 0.55
    figure = Figure(figsize=(width, height), dpi=110)
    figure.suptitle(title, fontsize=10, y=1 - 0.08 / height, va="top")
    # Places are known: a layout engine, which draws everything twice to find them, takes most of a short run's end.
    place = {"left": 0.06 / width, "right": 1 - 0.06 / width, "top": 1 - 0.5 / height, "bottom": 0.24 / height}
    axes = figure.subplots(len(rows), 4, squeeze=False, gridspec_kw={**place, "wspace": 0.05, "hspace": 0.3 / scale})
    for line, row in zip(axes, rows, strict=True):
        given = protocol.measure_input(row.degraded[None], row.clean[None])
        got = protocol.measure(row.restored[None], row.clean[None])
        notes = (_note(given), _note(got), row.title, f"mean {(row.restored - row.clean).abs().mean():.4f}")
        error = (row.restored.clamp(0, 1) - row.clean).abs().mean(dim=0)
        for axis, image, note in zip(line, (row.degraded, row.restored, row.clean), notes, strict=False):
            axis.imshow(pixels(image), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            axis.set_xlabel(note, fontsize=7)
        line[3].imshow(error.numpy(), cmap="gray_r", vmin=0, vmax=ERROR_SCALE, interpolation="nearest")
        line[3].set_xlabel(notes[3], fontsize=7)
    for axis, head in zip(axes[0], heads, strict=True):
        axis.set_title(head, fontsize=8)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    return figure


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
    """The figure as (H, W, 3) uint8."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()  # type: ignore[no-untyped-call]


def _note(values: dict[str, Tensor]) -> str:
    return f"{float(values['psnr']):.2f} dB, SSIM {float(values['ssim']):.3f}"
