"""The point spread function and the border treatment of the classical deconvolutions.

The degradation's blurs reflect the border without repeating the edge. An image reflected to twice its size less 2 is
periodic, and such a blur of it is exactly a circular convolution (for a symmetric point spread function): a product of
Fourier transforms, without the artifacts at the border that zero padding causes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from restorelab.degradations.blur import Blur, Gaussian
from restorelab.degradations.rng import TorchDraws
from restorelab.degradations.strength import Levels
from restorelab.errors import ConfigError
from restorelab.models.tunable import Number, Settings


def sigma_of(psf: Blur | None, sigma: float | None) -> Number:
    """Return the parameter `sigma`, which `psf` replaces. Raises ConfigError for both, and for a blur that is drawn.

    A blur whose strength is a range or levels has no single point spread function.
    """
    if psf is None:
        return Number(sigma, least=0)
    if sigma is not None:
        raise ConfigError(f"model.sigma={sigma:g} beside model.psf: expected only one of them")
    values = {name: value.values if isinstance(value, Levels) else value for name, value in vars(psf).items()}
    drawn = {name: value for name, value in values.items() if isinstance(value, tuple | list)}
    if drawn:
        shown = ", ".join(f"{name}={list(value)}" for name, value in drawn.items())
        raise ConfigError(f"model.psf: {shown} is drawn for each image; expected a single value")
    return Number(0, least=0)


def point_spread(psf: Blur | None, settings: Settings) -> Tensor:
    """Return the point spread function of `psf`, or else of a Gaussian of `sigma`: `(k, k)` float64 with k odd."""
    blur = Gaussian(settings["sigma"]) if psf is None else psf
    reach = blur.reach
    point = torch.zeros(1, 1, 4 * reach + 3, 4 * reach + 3, dtype=torch.float64)  # beyond the reach of reflections
    point[..., 2 * reach + 1, 2 * reach + 1] = 1
    spread, _ = blur(point, TorchDraws())
    return spread[0, 0, reach + 1 : 3 * reach + 2, reach + 1 : 3 * reach + 2]


def mirrored(image: Tensor) -> Tensor:
    """Reflect `(B, C, H, W)` to `(B, C, 2 H - 2, 2 W - 2)`, the image at the top left. ValueError below 2 pixels."""
    height, width = image.shape[-2:]
    if min(height, width) < 2:
        raise ValueError(f"deconvolution needs images of at least 2x2 pixels, got {height}x{width}")
    return F.pad(image, (0, width - 2, 0, height - 2), mode="reflect")


def transfer(kernel: Tensor, like: Tensor) -> Tensor:
    """Return the half-plane Fourier transform of a centered `kernel: (k, k)`, of the size, dtype and device of `like`.

    A kernel larger than the image is wrapped around, as in the circular convolution.
    """
    height, width = like.shape[-2:]
    places = torch.arange(kernel.shape[0]) - kernel.shape[0] // 2
    spread = torch.zeros(height, width, dtype=torch.float64)
    spread.index_put_((places[:, None] % height, places[None, :] % width), kernel, accumulate=True)
    return torch.fft.rfft2(spread.to(like))


def convolve(image: Tensor, response: Tensor) -> Tensor:
    """Convolve a periodic `(B, C, H, W)` with the kernel whose `transfer` is `response`."""
    return torch.fft.irfft2(torch.fft.rfft2(image) * response, s=image.shape[-2:])
