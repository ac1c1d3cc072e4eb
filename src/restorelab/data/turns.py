"""The forms of a rectangle or a square that training shows an image in, and which of them it shows when."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from restorelab.degradations.rng import derive

FORMS = {"none": 1, "flip": 2, "dihedral": 8}
"""How many forms `data.augment` has; a form is the sum of the moves that make it."""

MIRRORED, UPSIDE_DOWN, TRANSPOSED = 1, 2, 4
"""The moves, made in this order: left to right, top to bottom, rows to columns (of squares only)."""


@dataclass(frozen=True)
class Turns:
    """Which form each image of a batch is shown in.

    Attributes:
        augment: `none`, `flip` (left to right) or `dihedral` (the eight of a square).
        order: `draw` draws a form for each image of each batch; `alternate` shows the forms of an image in turn, from
            one that belongs to (seed, row) on, so that as many epochs as there are forms show every form once.
        seed: of the run.
        images: of the table.
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
        """The form of each row, (B,) int64; None where all images are shown as they are.

        generator: of the batch, for forms that are drawn.
        """
        forms = FORMS[self.augment]
        if forms == 1:
            return None
        return (
            generator.integers(forms, size=len(rows)) if self.order == "draw" else (self._first[rows] + epoch) % forms
        )


def turned(image: np.ndarray, form: int) -> np.ndarray:
    """The image `(..., H, W)` in a form: a view."""
    across, down = -1 if form & MIRRORED else 1, -1 if form & UPSIDE_DOWN else 1
    image = image[..., ::down, ::across]
    return image.swapaxes(-1, -2) if form & TRANSPOSED else image
