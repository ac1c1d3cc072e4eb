"""Images that are smaller than the training crop, or too small to be measured."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from restorelab.data.pairing import Division
from restorelab.data.split import Images
from restorelab.errors import DataError, listed

Small = Literal["error", "pad", "skip"]
"""What to do with small images: stop; pad training images to the crop; leave them out."""


def too_small(images: Images, rows: np.ndarray, least: tuple[int, int]) -> np.ndarray:
    """Return those of some rows whose image is lower or narrower than `least` (height, width)."""
    return rows[(images.shapes[rows, 1:] < np.array(least)).any(axis=1)]


def needed(part: str, crop: tuple[int, int] | None, least: int) -> tuple[int, int]:
    """Return the height and width that an image of a part needs: the crop in training, `least` elsewhere."""
    return (crop or (1, 1)) if part == "train" else (least, least)


def leave_out(
    images: Images, rows: Division, small: Small, crop: tuple[int, int] | None, least: int
) -> tuple[Division, list[str]]:
    """Leave out images that are too small, if `small` says so; return the division, and remarks that name them."""
    remarks = []
    for part in rows:
        size = needed(part, crop, least)
        bad = too_small(images, rows[part], size)
        if not len(bad) or small == "error":
            continue
        if small == "pad" and part == "train":
            remarks.append(f"data.small=pad: {_subject(images, bad, size)} padded by reflection for training")
            continue
        remarks.append(f"data.small={small}: {_subject(images, bad, size)} left out of {part}")
        rows = rows.without(part, bad)
    return rows, remarks


def refuse(images: Images, rows: Division, parts: Sequence[str], crop: tuple[int, int] | None, least: int) -> None:
    """Raise DataError if a part that a run needs has images that are too small."""
    for part in parts:
        size = needed(part, crop, least)
        bad = too_small(images, rows[part], size)
        if len(bad) and part == "train":
            raise DataError(
                f"data.crop={list(size)}: {_subject(images, bad, size)} smaller. Lower data.crop; data.small=pad pads "
                "them by reflection, and data.small=skip leaves them out."
            )
        if len(bad):
            raise DataError(
                f"{part}: {_subject(images, bad, size)} too small to be measured: SSIM needs {least}x{least} pixels, a "
                "protocol.border included. Remove them, or leave them out with data.small=skip."
            )


def _subject(images: Images, bad: np.ndarray, size: tuple[int, int]) -> str:
    """Return the subject and verb of a sentence about small images: their number, the first names, "is" or "are"."""
    names = listed([f"{images.ids[row]} ({images.shapes[row, 1]}x{images.shapes[row, 2]})" for row in bad], most=3)
    count = f"{len(bad)} image{'s' if len(bad) > 1 else ''} under {size[0]}x{size[1]}, {names},"
    return f"{count} {'are' if len(bad) > 1 else 'is'}"


def reflected(places: Tensor, length: int | Tensor, *, edge: bool) -> Tensor:
    """Map coordinates in a reflected continuation of an image of `length` pixels to coordinates in the image.

    places: 0 and up. edge: whether the border pixel is repeated, which keeps the two images of a pair with a factor
    aligned; without it this is PyTorch's "reflect", for any distance.
    """
    period = 2 * (length - 1 + edge)
    period = period.clamp(min=1) if isinstance(period, Tensor) else max(period, 1)
    turned = places % period
    return torch.where(turned < length, turned, period - int(edge) - turned)


def window(image: np.ndarray, top: int, left: int, size: tuple[int, int], *, edge: bool) -> np.ndarray:
    """Return a crop of `size` of an image (C, H, W), which is padded by reflection if it is too small."""
    height, width = image.shape[-2:]
    if top + size[0] <= height and left + size[1] <= width:
        return image[:, top : top + size[0], left : left + size[1]]
    rows = reflected(top + torch.arange(size[0]), height, edge=edge).numpy()
    columns = reflected(left + torch.arange(size[1]), width, edge=edge).numpy()
    return image[:, rows[:, None], columns]
