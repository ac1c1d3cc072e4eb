"""Inpainting from the clean pixels: the strongest classical row beside impulse noise."""

import torch
from torch import Tensor, nn

from restorelab.errors import ConfigError
from restorelab.models.selective_median import fill
from restorelab.models.shape import check_window
from restorelab.models.tunable import Number

TOLERANCE = 1e-5
"""Where the residual's root mean square is this far below an intensity of 1, a plane is done."""

STEPS = 1000
"""Of conjugate gradients at most; 30 % impulses take about 40."""


class Inpaint(nn.Module):
    """Take the values at exactly 0 and 1 for lost, and lay the smoothest surface through the others. Nothing to train.

    Each channel by itself. order 1: harmonic, least squared slope; order 2: biharmonic, least squared Laplacian, as
    scikit-image's `inpaint_biharmonic`, here solved by conjugate gradients for a whole batch at once. Where no value
    between 0 and 1 lies in a window of `largest` pixels (odd), the picture itself is black or white: the plain median
    of that window stands in and counts as known. The border is free (no slope across it).
    """

    fit = False
    channels_last = False

    def __init__(self, order: int = 2, largest: int = 7) -> None:
        super().__init__()
        if order not in (1, 2):
            raise ConfigError(f"model.order={order}: 1, harmonic, or 2, biharmonic")
        self.order = order
        self.largest = int(Number(largest, least=3, odd=True).check("model.largest", largest))
        self.minimum = self.largest // 2 + 1

    def forward(self, degraded: Tensor) -> Tensor:
        """Repair `degraded: (B, C, H, W)`, at least `largest // 2 + 1` pixels a side (else ValueError)."""
        check_window("inpainting with a window", self.largest, degraded)
        if degraded.is_meta:
            return torch.empty_like(degraded)
        image, own = fill(degraded, self.largest)
        lost = ((degraded == 0) | (degraded == 1)) & ~own
        return torch.where(lost, self._solve(image, lost), image)

    def _solve(self, image: Tensor, lost: Tensor) -> Tensor:
        """Conjugate gradients from `image: (B, C, H, W)` over its lost values; each plane stops by itself."""
        surface = image.float() if image.dtype.itemsize < 4 else image.clone()
        weight = lost.to(surface.dtype)
        residual = -weight * self._energy_slope(surface)
        direction, size = residual.clone(), _dot(residual, residual)
        enough = TOLERANCE**2 * weight.sum((2, 3), keepdim=True)
        for _ in range(STEPS):
            going = size > enough
            if not going.any():
                break
            pull = weight * self._energy_slope(direction)
            step = torch.where(going, size / _dot(direction, pull), 0)
            surface += step * direction
            residual -= step * pull
            after = _dot(residual, residual)
            direction = residual + torch.where(going, after / size, 0) * direction
            size = torch.where(going, after, size)
        return surface.to(image.dtype)

    def _energy_slope(self, image: Tensor) -> Tensor:
        for _ in range(self.order):
            image = _laplacian(image)
        return image


def _laplacian(image: Tensor) -> Tensor:
    """Each value of `(B, C, H, W)` less its neighbours, summed over the up to four there are: positive, symmetric."""
    out = torch.zeros_like(image)
    down, right = image.diff(dim=2), image.diff(dim=3)
    out[..., 1:, :] += down
    out[..., :-1, :] -= down
    out[..., 1:] += right
    out[..., :-1] -= right
    return out


def _dot(one: Tensor, other: Tensor) -> Tensor:
    """The inner product of each plane: `(B, C, H, W)` twice to `(B, C, 1, 1)`."""
    return (one * other).sum((2, 3), keepdim=True)
