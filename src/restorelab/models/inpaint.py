"""Inpainting from the uncorrupted pixels, the strongest classical baseline for impulse noise."""

import torch
from torch import Tensor, nn

from restorelab.errors import ConfigError
from restorelab.models.selective_median import fill
from restorelab.models.shape import check_window
from restorelab.models.tunable import Number

TOLERANCE = 1e-5
"""Root mean square of the residual, relative to an intensity of 1, at which a plane has converged."""

STEPS = 1000
"""The most steps of conjugate gradients; 30 % impulses take about 40."""


class Inpaint(nn.Module):
    """Replace the values at exactly 0 and 1 by the smoothest surface through the others; not trained.

    Each channel is processed by itself. order: 1 is harmonic, with the least squared gradient; 2 is biharmonic, with
    the least squared Laplacian, as scikit-image's `inpaint_biharmonic`, solved here by conjugate gradients for a whole
    batch at once. If a window of `largest` pixels (odd) holds no value between 0 and 1, the image itself is black or
    white there; the median of that window is used and counts as known. The gradient across the border is zero.
    """

    fit = False
    channels_last = False

    def __init__(self, order: int = 2, largest: int = 7) -> None:
        super().__init__()
        if order not in (1, 2):
            raise ConfigError(f"model.order={order}: expected 1 (harmonic) or 2 (biharmonic)")
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
        """Solve for the lost values of `image: (B, C, H, W)` by conjugate gradients; each plane stops by itself."""
        surface = image.float() if image.dtype.itemsize < 4 else image.clone()
        weight = lost.to(surface.dtype)
        residual = -weight * self._energy_slope(surface)
        direction, norm = residual.clone(), _dot(residual, residual)
        tolerance = TOLERANCE**2 * weight.sum((2, 3), keepdim=True)
        for _ in range(STEPS):
            active = norm > tolerance
            if not active.any():
                break
            product = weight * self._energy_slope(direction)
            step = torch.where(active, norm / _dot(direction, product), 0)
            surface += step * direction
            residual -= step * product
            new_norm = _dot(residual, residual)
            direction = residual + torch.where(active, new_norm / norm, 0) * direction
            norm = torch.where(active, new_norm, norm)
        return surface.to(image.dtype)

    def _energy_slope(self, image: Tensor) -> Tensor:
        """Return the gradient of the energy that is minimized."""
        for _ in range(self.order):
            image = _laplacian(image)
        return image


def _laplacian(image: Tensor) -> Tensor:
    """Sum of differences between each value of `(B, C, H, W)` and its up to four neighbors: positive, symmetric."""
    out = torch.zeros_like(image)
    down, right = image.diff(dim=2), image.diff(dim=3)
    out[..., 1:, :] += down
    out[..., :-1, :] -= down
    out[..., 1:] += right
    out[..., :-1] -= right
    return out


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """The inner product of each plane of two `(B, C, H, W)`, as `(B, C, 1, 1)`."""
    return (a * b).sum((2, 3), keepdim=True)
