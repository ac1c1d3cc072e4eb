"""Richardson-Lucy deconvolution, a classical baseline for blur with photon noise."""

import torch
from torch import Tensor

from restorelab.degradations.blur import Blur
from restorelab.models.psf import convolve, mirrored, point_spread, sigma_of, transfer
from restorelab.models.tunable import Grid, Number, Tunable

DARK = 1e-4
"""The least divisor, a fortieth of an 8-bit step; smaller values of float32 transforms are rounding errors."""


class RichardsonLucy(Tunable):
    """Expectation maximization for `degraded ~ Poisson(psf * x)`, stopped early to limit the noise; not trained.

    It is the algorithm of scikit-image's `restoration.richardson_lucy` (Richardson, 1972; Lucy, 1974), on the reflected
    image and for a whole batch. It starts from gray, so the first step blurs, and later ones sharpen.

    Args:
        psf: a blur of known strength; None for a Gaussian of `sigma`.
        sigma: in pixels; 0 is no blur and returns the image; None chooses it from `grid`.
        iterations: number of iterations; None chooses it from `grid`.
        grid: candidates of sigma and iterations.

    """

    minimum = 2

    def __init__(
        self,
        psf: Blur | None = None,
        sigma: float | None = None,
        iterations: int | None = None,
        grid: Grid | None = None,
    ) -> None:
        super().__init__(grid, sigma=sigma_of(psf, sigma), iterations=Number(iterations, least=1, whole=True))
        self.psf = psf

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore `degraded: (B, C, H, W)`, at least 2 pixels a side (else ValueError); values below 0 count as 0."""
        if degraded.is_meta:
            return torch.empty_like(degraded)
        image = mirrored((degraded.float() if degraded.dtype.itemsize < 4 else degraded).clamp(min=0))
        blur = transfer(point_spread(self.psf, self.settings), image)
        sharp = torch.full_like(image, 0.5)
        for _ in range(int(self.settings["iterations"])):
            ratio = image / convolve(sharp, blur).clamp(min=DARK)
            sharp = sharp * convolve(ratio, blur.conj()).clamp(min=0)
        height, width = degraded.shape[-2:]
        return sharp[..., :height, :width].to(degraded.dtype).contiguous()
