"""Gather a batch of cropped and augmented images: by one indexed gather on a GPU, image by image on the host."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from restorelab.data.small_images import reflected, window
from restorelab.data.turns import MIRRORED, TRANSPOSED, UPSIDE_DOWN, turned


@dataclass(frozen=True)
class View:
    """The crop and the augmentation of each image of a batch.

    Attributes:
        size: height and width of the crops, before augmentation; None for whole images, which have one shape.
        corners: (B, 2) int64, top and left of each crop; None without crops.
        forms: (B,) int64, see `turns`; None without augmentation.
        edge: how images are padded, see `small_images.reflected`; None if no crop extends beyond its image.
    """

    size: tuple[int, int] | None = None
    corners: np.ndarray | None = None
    forms: np.ndarray | None = None
    edge: bool | None = None

    @property
    def whole(self) -> bool:
        """Whether the images are neither cropped nor augmented."""
        return self.size is None and self.forms is None

    def reduced(self, factor: int) -> "View":
        """Return the same view of images that are smaller by a factor."""
        if self.size is None or self.corners is None:
            return self
        return replace(self, size=(self.size[0] // factor, self.size[1] // factor), corners=self.corners // factor)

    def of_images(self, images: Sequence[np.ndarray]) -> Tensor:
        """Make the batch `(B, C, h, w)` of images `(C, H, W)` on the host."""
        shape = images[0].shape if self.size is None else (len(images[0]), *self.size)
        out = np.empty((len(images), *shape), images[0].dtype)
        for place, image in enumerate(images):
            if self.corners is not None and self.size is not None:
                top, left = self.corners[place].tolist()
                image = window(image, top, left, self.size, edge=bool(self.edge))  # noqa: PLW2901
            out[place] = image if self.forms is None else turned(image, int(self.forms[place]))
        return torch.from_numpy(out)

    def columns(self, offsets: np.ndarray, shapes: np.ndarray) -> np.ndarray:
        """Return what `gather` needs to know of each image, (6, B) int64: offset, height, width, top, left, form."""
        corners = np.zeros((len(offsets), 2), np.int64) if self.corners is None else self.corners
        forms = np.zeros(len(offsets), np.int64) if self.forms is None else self.forms
        return np.stack([offsets, shapes[:, 1], shapes[:, 2], corners[:, 0], corners[:, 1], forms])

    def gather(self, pixels: Tensor, columns: Tensor, shape: tuple[int, int, int]) -> Tensor:
        """Make the batch `(B, C, h, w)` from the flat `pixels` of many images, on their device.

        columns: the result of `columns`, on the device of the pixels. shape: (C, H, W) of an image of the batch.
        """
        offset, height, width, top, left, form = (column[:, None] for column in columns)
        h, w = self.size or shape[1:]
        y, x = (torch.arange(side, device=pixels.device) for side in (h, w))
        if self.forms is not None:
            y = torch.where((form & UPSIDE_DOWN).bool(), h - 1 - y, y)
            x = torch.where((form & MIRRORED).bool(), w - 1 - x, x)
        y, x = top + y, left + x
        if self.edge is not None:
            y, x = reflected(y, height, edge=self.edge), reflected(x, width, edge=self.edge)
        y = offset + y * width  # (B, h) is now the offset of each row; x (B, w) is the column in it
        if self.forms is not None and h == w:  # only squares are transposed
            across = (form & TRANSPOSED).bool()
            y, x = torch.where(across, x, y), torch.where(across, y, x)
        planes = (height * width)[:, None, None] * torch.arange(shape[0], device=pixels.device)[:, None, None]
        return pixels[planes + y[:, None, :, None] + x[:, None, None, :]]


def upload(array: np.ndarray, device: torch.device) -> Tensor:
    """Copy a small array to a device without waiting for a GPU."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
