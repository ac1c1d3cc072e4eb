"""Noise on a part of the image only: a blend of the noisy image with the one it was made from.

Every noise of `noise.py` has two keys for it. `region="all"`, the whole image, leaves the noise as it is and draws
nothing. `region="box"` keeps the noise inside one rectangle an image, all channels, and gives the other pixels back bit
for bit (report `stl10_dsc`, its images "partially noised out"). `box` is the rectangle's height and width as shares of
the image's, a strength as in `strength.py`, from which each of the two is drawn for each image, at least one pixel; its
place is uniform over those that lie inside.

The rectangle is drawn after the noise: inside it are the very values that `region="all"` gives for the same key.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from restorelab.degradations.rng import Draws
from restorelab.degradations.strength import Strength, draw, strength
from restorelab.errors import ConfigError, nearest

Region = Literal["all", "box"]

BOX = ("top", "left", "height", "width")
"""What a noise on a box gives beside its own parameters: its first row and column and its sides, in pixels."""


@dataclass(frozen=True, kw_only=True)
class OnRegion:
    """What all noises have beside their strengths: `clip`, `fixed`, `region` and `box`, and the call that applies them.

    A noise gives its name in errors (`title`), the names of what it draws (`own`), and `everywhere`.
    """

    clip: bool
    fixed: bool = False
    region: Region = "all"
    box: Strength = (0.25, 0.5)
    variants: ClassVar[int] = 1
    title: ClassVar[str]
    own: ClassVar[tuple[str, ...]]

    def __post_init__(self) -> None:
        if self.region not in ("all", "box"):
            raise ConfigError(f"{self.title}: region is {self.region!r}. {nearest(str(self.region), ['all', 'box'])}")
        object.__setattr__(self, "box", strength(self.title, "box", self.box, 0, 1))

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of what a call returns beside the image."""
        return self.own if self.region == "all" else self.own + BOX

    def everywhere(self, image: Tensor, draws: Draws) -> tuple[Tensor, dict[str, Tensor]]:
        """The noise on the whole image, not clipped, in a new tensor, and what was drawn."""
        raise NotImplementedError

    def __call__(self, image: Tensor, draws: Draws) -> tuple[Tensor, dict[str, Tensor]]:
        """See the text of `noise.py`."""
        noisy, drawn = self.everywhere(image, draws)
        if self.clip:
            noisy = noisy.clamp_(0, 1)
        return (noisy, drawn) if self.region == "all" else confine(noisy, drawn, image, draws, self.box)


def confine(
    noisy: Tensor, drawn: dict[str, Tensor], image: Tensor, draws: Draws, box: Strength
) -> tuple[Tensor, dict[str, Tensor]]:
    """Keep a noise inside a box.

    noisy, image: `(B, C, H, W)` with and without the noise; neither is written to. drawn: the noise's own parameters,
    `{name: (B,)}`. Returns the blend and the parameters with those of the box.
    """
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
