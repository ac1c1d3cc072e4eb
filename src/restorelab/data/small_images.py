"""Images that are too small: for the training's crop, or to be measured."""

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from restorelab.data.pairing import Division
from restorelab.errors import DataError

Small = Literal["error", "pad", "skip"]
"""What is done about them: stop; pad training images to the crop; leave them out."""

NAMED = 3
"""Images that a message names."""


class Sized(Protocol):
    """What is asked of a dataset here."""

    @property
    def ids(self) -> Sequence[str]:
        """A unique name a row."""

    @property
    def shapes(self) -> np.ndarray:
        """Channels, height and width, (N, 3)."""


def too_small(found: Sized, rows: np.ndarray, least: tuple[int, int]) -> np.ndarray:
    """Those of some rows whose image has fewer than `least` (height, width) pixels in one of the two."""
    return rows[(found.shapes[rows, 1:] < np.array(least)).any(axis=1)]


def needed(part: str, crop: tuple[int, int] | None, least: int) -> tuple[int, int]:
    """The height and width that an image of a part needs: of the crop in training, else what is measured."""
    return (crop or (1, 1)) if part == "train" else (least, least)


def leave_out(
    found: Sized, rows: Division, small: Small, crop: tuple[int, int] | None, least: int
) -> tuple[Division, list[str]]:
    """A division without the images that are too small, as far as `small` says so, and how many and which they are."""
    said = []
    for part in rows:
        size = needed(part, crop, least)
        bad = too_small(found, rows[part], size)
        if not len(bad) or small == "error":
            continue
        if small == "pad" and part == "train":
            said.append(f"data.small=pad: {_told(found, bad, size)} padded for training, by reflection")
            continue
        said.append(f"data.small={small}: {_told(found, bad, size)} left out of {part}")
        rows = rows.without(part, bad)
    return rows, said


def refuse(found: Sized, rows: Division, parts: Sequence[str], crop: tuple[int, int] | None, least: int) -> None:
    """Raise DataError where a part that a run needs has images that are too small."""
    for part in parts:
        size = needed(part, crop, least)
        bad = too_small(found, rows[part], size)
        if len(bad) and part == "train":
            raise DataError(
                f"data.crop={list(size)}: {_told(found, bad, size)} smaller. Lower data.crop; data.small=pad pads them "
                "by reflection, and data.small=skip leaves them out."
            )
        if len(bad):
            raise DataError(
                f"{part}: {_told(found, bad, size)} too small to be measured: SSIM needs {least}x{least} pixels, a "
                "protocol.border included. Remove them, or leave them out with data.small=skip."
            )


def _told(found: Sized, bad: np.ndarray, size: tuple[int, int]) -> str:
    names = ", ".join(f"{found.ids[row]} ({found.shapes[row, 1]}x{found.shapes[row, 2]})" for row in bad[:NAMED])
    more = f" and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
    count = f"{len(bad)} image{'s' if len(bad) > 1 else ''} under {size[0]}x{size[1]}, {names}{more},"
    return f"{count} {'are' if len(bad) > 1 else 'is'}"


def reflected(places: Tensor, length: int | Tensor, *, edge: bool) -> Tensor:
    """Where in an image of `length` pixels the places of its reflected continuation lie; those inside stay.

    places: 0 and up. edge: whether the pixel at the border is repeated, which keeps the two images of a pair of some
    factor aligned; without it this is PyTorch's "reflect", for any distance.
    """
    period = 2 * (length - 1 + edge)
    period = period.clamp(min=1) if isinstance(period, Tensor) else max(period, 1)
    turned = places % period
    return torch.where(turned < length, turned, period - int(edge) - turned)


def window(image: np.ndarray, top: int, left: int, size: tuple[int, int], *, edge: bool) -> np.ndarray:
    """A crop of `size` of an image (C, H, W), from the image's reflected continuation where it is too small."""
    height, width = image.shape[-2:]
    if top + size[0] <= height and left + size[1] <= width:
        return image[:, top : top + size[0], left : left + size[1]]
    rows = reflected(top + torch.arange(size[0]), height, edge=edge).numpy()
    columns = reflected(left + torch.arange(size[1]), width, edge=edge).numpy()
    return image[:, rows[:, None], columns]
