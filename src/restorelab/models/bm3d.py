"""BM3D: the strongest classical denoiser, and the usual yardstick of learned ones."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from restorelab.errors import ConfigError
from restorelab.models.per_image import each_image
from restorelab.models.tunable import Grid, Number, Tunable

OPPONENT = np.array([[1 / 3, 1 / 3, 1 / 3], [1 / 2, 0, -1 / 2], [1 / 4, -1 / 2, 1 / 4]], dtype=np.float32)
"""RGB to the opponent colour space: luma, red against blue, green against both; one a row."""

FLAT = 1e-4
"""Range of a colour direction below which `bm3d_rgb`, which divides by it, gives NaN."""


class BM3D(Tunable):
    """Block matching and 3D filtering (Dabov et al., TIP 2007), by its authors' package `bm3d`. Nothing to train.

    RGB is filtered in the opponent colour space, matched on its luma; channels one by one where there are not three, or
    where a colour direction is constant (a gray picture stored as RGB). The package uses threads of its own and adds
    up in any order: results repeat to 1e-6, not bit for bit. About a second for 100x100. Its licence allows
    non-commercial use only.

    sigma: standard deviation of the noise that the method is told, 8-bit units; None is chosen from `grid`.

    Raises ConfigError where the package is not installed.
    """

    minimum = 16
    """Pixels a side. The package takes 8, and sometimes crashes on it."""

    def __init__(self, sigma: float | None = None, grid: Grid | None = None) -> None:
        super().__init__(grid, sigma=Number(sigma, least=0.01))
        _package()

    def forward(self, degraded: Tensor) -> Tensor:
        """Denoise `degraded: (B, C, H, W)`, at least 16 pixels a side (else ValueError); on the CPU, one at a time."""
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
