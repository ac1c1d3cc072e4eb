"""Noise on a part of the image: a blend of the noisy image with the original.

Every noise of `noise.py` has two keys for it. `region="all"`, the whole image, does not change the noise and draws
nothing. `region="box"` restricts the noise to one rectangle per image, in all channels, and keeps the other pixels bit
for bit (the images of report `stl10_dsc` that are "partially noised out"). `box` is the rectangle's height and width as
shares of the image's: a strength as in `strength.py`, from which each of the two is drawn for each image, at least one
pixel. The position is uniform over all positions inside the image.

The rectangle is drawn after the noise, so its values are those of `region="all"` with the same random key.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from restorelab.degradations.rng import Draws
from restorelab.degradations.strength import Strength, draw, strength
from restorelab.errors import ConfigError, nearest
from restorelab.noise_level import BOX

Region = Literal["all", "box"]


@dataclass(frozen=True, kw_only=True)
class OnRegion:
    """The base class of noises: the options `clip`, `fixed`, `region` and `box`, and the call that applies them.

    A subclass has `title`, its name in messages; `own`, the names of its drawn parameters; and `everywhere`.
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
        """Names of the parameters that a call returns."""
        return self.own if self.region == "all" else self.own + BOX

    def everywhere(self, image: Tensor, draws: Draws) -> tuple[Tensor, dict[str, Tensor]]:
        """Apply the noise to the whole image, without clipping; return a new tensor and the drawn parameters."""
        raise NotImplementedError

    def __call__(self, image: Tensor, draws: Draws) -> tuple[Tensor, dict[str, Tensor]]:
        """See the docstring of `noise.py`."""
        noisy, drawn = self.everywhere(image, draws)
        if self.clip:
            noisy = noisy.clamp_(0, 1)
        return (noisy, drawn) if self.region == "all" else confine(noisy, drawn, image, draws, self.box)


def confine(
    noisy: Tensor, drawn: dict[str, Tensor], image: Tensor, draws: Draws, box: Strength
) -> tuple[Tensor, dict[str, Tensor]]:
    """Restrict a noise to a box.

    noisy, image: `(B, C, H, W)` with and without the noise; neither is changed. drawn: the noise's own parameters,
    `{name: (B,)}`. Returns the blend, and the parameters with those of the box.
    """
    top, height = _span(image, image.shape[-2], draws, box)
    left, width = _span(image, image.shape[-1], draws, box)
    rows = torch.arange(image.shape[-2], device=image.device).view(-1, 1)
    columns = torch.arange(image.shape[-1], device=image.device)
    inside = (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
    values = (value.view(-1) for value in (top, left, height, width))
    return torch.where(inside, noisy, image), drawn | dict(zip(BOX, values, strict=True))


def _span(image: Tensor, side: int, draws: Draws, box: Strength) -> tuple[Tensor, Tensor]:
    """Draw the start and the length of a box along an axis of `side` pixels: whole numbers, `(B, 1, 1, 1)`."""
    length = draw(box, image, draws).mul_(side).round_().clamp_(min=1)
    room = side - length
    start = draws.uniform(length.shape, image).mul_(room + 1).floor_()
    return torch.minimum(start, room), length  # in float32 the product may be rounded up to room + 1
