"""Noise on a part of the image only: a blend of the noisy image with the one it was made from.

Every noise of `noise.py` has two keys for it. `region="all"`, the whole image, leaves the noise as it is and draws
nothing. `region="box"` keeps the noise inside one rectangle an image, all channels, and gives the other pixels back bit
for bit (report `stl10_dsc`, its images "partially noised out"). `box` is the rectangle's height and width as shares of
the image's, a strength as in `strength.py`, from which each of the two is drawn for each image, at least one pixel; its
place is uniform over those that lie inside.

The rectangle is drawn after the noise: inside it are the very values that `region="all"` gives for the same key.
"""

from typing import Literal

import torch
from torch import Tensor

from restorelab.degradations.rng import Draws
from restorelab.degradations.strength import Checked, Strength, draw, strength
from restorelab.errors import ConfigError, nearest

Region = Literal["all", "box"]

BOX = ("top", "left", "height", "width")
"""What a noise on a box gives beside its own parameters: its first row and column and its sides, in pixels."""


def check_region(owner: str, region: object, box: object) -> Checked:
    """Check the two keys of the noise `owner` and return `box`, lists as tuples. Raises ConfigError."""
    if region not in ("all", "box"):
        raise ConfigError(f"{owner}: region is {region!r}. {nearest(str(region), ['all', 'box'])}")
    return strength(owner, "box", box, 0, 1)


def with_box(own: tuple[str, ...], region: Region) -> tuple[str, ...]:
    """Names of what a noise gives, its `own` and those of the box."""
    return own if region == "all" else own + BOX


def confine(
    noisy: Tensor, drawn: dict[str, Tensor], image: Tensor, draws: Draws, region: Region, box: Strength
) -> tuple[Tensor, dict[str, Tensor]]:
    """Keep a noise inside its region.

    noisy, image: `(B, C, H, W)` with and without the noise; neither is written to. drawn: the noise's own parameters,
    `{name: (B,)}`. Returns the blend and the parameters with those of the box; with `region="all"` both as they came.
    """
    if region == "all":
        return noisy, drawn
    top, height = _span(image, image.shape[-2], draws, box)
    left, width = _span(image, image.shape[-1], draws, box)
    rows = torch.arange(image.shape[-2], device=image.device).view(-1, 1)
    columns = torch.arange(image.shape[-1], device=image.device)
    inside = (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
    values = (value.view(-1) for value in (top, left, height, width))
    return torch.where(inside, noisy, image), drawn | dict(zip(BOX, values, strict=True))


def _span(image: Tensor, side: int, draws: Draws, box: Strength) -> tuple[Tensor, Tensor]:
    """Draw where a box starts along an axis of `side` pixels and how long it is: whole numbers, `(B, 1, 1, 1)`."""
    length = draw(box, image, draws).mul_(side).round_().clamp_(min=1)
    room = side - length
    start = draws.uniform(length.shape, image).mul_(room + 1).floor_()
    return torch.minimum(start, room), length  # float32 may round a product up to room + 1
