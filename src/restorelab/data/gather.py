"""A batch of crops of stored images, each turned: on a GPU by one indexed gather, on the host image by image."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from restorelab.data.small_images import reflected, window
from restorelab.data.turns import MIRRORED, TRANSPOSED, UPSIDE_DOWN, turned


@dataclass(frozen=True)
class View:
    """What a batch shows of its images.

    Attributes:
        size: height and width of the crops, before they are turned; None for whole images, which have one shape.
        corners: (B, 2) int64, the top left of each crop; None without crops.
        forms: (B,) int64, see `turns`; None for images as they are.
        edge: how images continue beyond their border, see `small.reflected`; None where no crop reaches beyond it.
    """

    size: tuple[int, int] | None = None
    corners: np.ndarray | None = None
    forms: np.ndarray | None = None
    edge: bool | None = None

    @property
    def whole(self) -> bool:
        """Whether the images are shown whole, as they are."""
        return self.size is None and self.forms is None

    def reduced(self, factor: int) -> "View":
        """The same view of images that are smaller by a factor."""
        if self.size is None or self.corners is None:
            return self
        return replace(self, size=(self.size[0] // factor, self.size[1] // factor), corners=self.corners // factor)

    def of_images(self, images: Sequence[np.ndarray]) -> Tensor:
        """The batch `(B, C, h, w)` of some images `(C, H, W)` on the host."""
        shape = images[0].shape if self.size is None else (len(images[0]), *self.size)
        out = np.empty((len(images), *shape), images[0].dtype)
        for place, image in enumerate(images):
            if self.corners is not None and self.size is not None:
                top, left = self.corners[place].tolist()
                image = window(image, top, left, self.size, edge=bool(self.edge))  # noqa: PLW2901
            out[place] = image if self.forms is None else turned(image, int(self.forms[place]))
        return torch.from_numpy(out)

    def columns(self, offsets: np.ndarray, shapes: np.ndarray) -> np.ndarray:
        """What `gather` needs to know of each image, (6, B) int64: offset, height, width, top, left, form."""
        corners = np.zeros((len(offsets), 2), np.int64) if self.corners is None else self.corners
        forms = np.zeros(len(offsets), np.int64) if self.forms is None else self.forms
        return np.stack([offsets, shapes[:, 1], shapes[:, 2], corners[:, 0], corners[:, 1], forms])

    def gather(self, pixels: Tensor, columns: Tensor, shape: tuple[int, int, int]) -> Tensor:
        """The batch `(B, C, h, w)` of the flat `pixels` of many images.

        columns: as `columns` gives them, on the device of the pixels. shape: (C, H, W) of an image of the batch.
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
        y = offset + y * width  # (B, h) and (B, w): where the rows begin, and the columns in them
        if self.forms is not None and h == w:  # only squares are transposed
            across = (form & TRANSPOSED).bool()
            y, x = torch.where(across, x, y), torch.where(across, y, x)
        planes = (height * width)[:, None, None] * torch.arange(shape[0], device=pixels.device)[:, None, None]
        return pixels[planes + y[:, None, :, None] + x[:, None, None, :]]


def upload(array: np.ndarray, device: torch.device) -> Tensor:
    """A small array on a device; the host does not wait for a GPU."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
