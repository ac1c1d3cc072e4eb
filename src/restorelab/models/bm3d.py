"""BM3D, the strongest classical denoiser and the usual baseline of learned ones."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from restorelab.errors import ConfigError
from restorelab.models.per_image import each_image
from restorelab.models.tunable import Grid, Number, Tunable

OPPONENT = np.array([[1 / 3, 1 / 3, 1 / 3], [1 / 2, 0, -1 / 2], [1 / 4, -1 / 2, 1 / 4]], dtype=np.float32)
"""RGB to the opponent color space, one component per row: luma, red against blue, green against both."""

FLAT = 1e-4
"""`bm3d_rgb` divides by the range of each color component, and gives NaN for ranges below this."""


class BM3D(Tunable):
    """Block matching and 3D filtering (Dabov et al., TIP 2007), by its authors' package `bm3d`; not trained.

    RGB is filtered in the opponent color space, with blocks matched on its luma. Channels are filtered one by one if
    their number is not three, or if a color component is constant (a gray image stored as RGB). The package sums in
    threads in any order: results are reproducible to 1e-6, not bit for bit. It takes about a second for 100x100. Its
    license allows non-commercial use only.

    sigma: assumed standard deviation of the noise, in 8-bit units, at least 0.01; None chooses it from `grid`.

    Raises ConfigError if the package is not installed.
    """

    minimum = 16
    """Pixels a side. The package accepts 8, but sometimes crashes with it."""

    def __init__(self, sigma: float | None = None, grid: Grid | None = None) -> None:
        super().__init__(grid, sigma=Number(sigma, least=0.01))
        _package()

    def forward(self, degraded: Tensor) -> Tensor:
        """Denoise `degraded: (B, C, H, W)`, at least 16 pixels a side (else ValueError), on the CPU, one by one."""
        if min(degraded.shape[-2:]) < self.minimum:
            height, width = degraded.shape[-2:]
            raise ValueError(f"BM3D needs images of at least {self.minimum} pixels a side, got {height}x{width}")
        if degraded.is_meta:
            return torch.empty_like(degraded)
        package, sigma = _package(), self.settings["sigma"] / 255

        def work(image: Any) -> Any:
            if image.shape[-1] == 3 and np.ptp(image @ OPPONENT.T, axis=(0, 1)).min() > FLAT:
                return package.bm3d_rgb(image, sigma)
            return np.stack([package.bm3d(image[..., i], sigma) for i in range(image.shape[-1])], axis=-1)

        return each_image(degraded, work)


def _package() -> Any:
    try:
        import bm3d
    except ImportError as error:
        msg = "model=bm3d needs the package bm3d: pip install 'restorelab[classical]'"
        raise ConfigError(f"{msg} ({error})") from error
    return bm3d
