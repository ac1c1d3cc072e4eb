"""Baseline: the mean color of the image, or a given color."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from restorelab.errors import ConfigError
from restorelab.models.tunable import Number


class MeanColor(nn.Module):
    """A constant image of the degraded image's mean, or of a given `color`; not trained.

    color: a number in [0, 1] for all channels, or one for each; None for the image's own mean. scale: the factor of the
    degradation's downsampling.
    """

    fit = False
    channels_last = False

    def __init__(self, color: float | Sequence[float] | None = None, scale: int = 1) -> None:
        super().__init__()
        given = [] if color is None else list(color) if isinstance(color, Sequence) else [color]
        if any(not 0 <= value <= 1 for value in given):
            raise ConfigError(f"model.color={color}: expected numbers in [0, 1]")
        self.color = torch.tensor(given, device="cpu") if given else None
        self.scale = int(Number(scale, least=1, whole=True).check("model.scale", scale))

    def forward(self, degraded: Tensor) -> Tensor:
        """Return `(B, C, scale h, scale w)` for `degraded: (B, C, h, w)`; ValueError if C does not fit `color`."""
        batch, channels, height, width = degraded.shape
        if self.color is None:
            color = degraded.mean((2, 3), keepdim=True)
        elif len(self.color) in (1, channels):
            color = self.color.to(degraded).view(1, -1, 1, 1)
        else:
            raise ValueError(f"model.color has {len(self.color)} channels, the images have {channels}")
        return color.expand(batch, channels, self.scale * height, self.scale * width).contiguous()
