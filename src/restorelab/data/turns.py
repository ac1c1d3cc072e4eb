"""Flip and rotation augmentation: the forms of an image, and which of them training shows when."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from restorelab.degradations.rng import derive

FORMS = {"none": 1, "flip": 2, "dihedral": 8}
"""The number of forms of each `data.augment`. A form is a bit mask of the operations below."""

MIRRORED, UPSIDE_DOWN, TRANSPOSED = 1, 2, 4
"""The operations, applied in this order: flip left to right, flip top to bottom, transpose (squares only)."""


@dataclass(frozen=True)
class Turns:
    """Choose the form of each image of a batch.

    Attributes:
        augment: `none`, `flip` (left to right) or `dihedral` (the eight symmetries of a square).
        order: `draw` draws a form for each image of each batch; `alternate` cycles through the forms of an image, one
            per epoch, starting at one that depends on (seed, row).
        seed: of the run.
        images: number of images of the table.
    """

    augment: Literal["none", "flip", "dihedral"] = "none"
    order: Literal["draw", "alternate"] = "draw"
    seed: int = 0
    images: int = 0
    _first: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        generator = np.random.Generator(np.random.Philox(key=derive("turns", self.seed)))
        object.__setattr__(self, "_first", generator.integers(FORMS[self.augment], size=self.images))

    def of(self, rows: np.ndarray, epoch: int, generator: np.random.Generator) -> np.ndarray | None:
        """Return the form of each row, (B,) int64; None without augmentation.

        generator: of the batch, used if the forms are drawn.
        """
        forms = FORMS[self.augment]
        if forms == 1:
            return None
        drawn = self.order == "draw"
        return generator.integers(forms, size=len(rows)) if drawn else (self._first[rows] + epoch) % forms


def turned(image: np.ndarray, form: int) -> np.ndarray:
    """Return the image `(..., H, W)` in a form, as a view."""
    across, down = -1 if form & MIRRORED else 1, -1 if form & UPSIDE_DOWN else 1
    image = image[..., ::down, ::across]
    return image.swapaxes(-1, -2) if form & TRANSPOSED else image
