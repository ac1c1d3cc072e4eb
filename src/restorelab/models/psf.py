"""What the classical deconvolutions are told of the blur, and how they treat the border.

The degradation's blurs mirror the border without repeating the edge. An image mirrored to twice its size, less 2, is
periodic, and on it such a blur is exactly a circular convolution (for a point spread function that is the same in both
directions): a product of Fourier transforms, without the frame that zero padding leaves.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from restorelab.degradations.blur import Blur, Gaussian
from restorelab.degradations.rng import TorchDraws
from restorelab.errors import ConfigError
from restorelab.models.tunable import Number, Settings


def sigma_of(psf: Blur | None, sigma: float | None) -> Number:
    """The parameter `sigma` beside `psf`, which replaces it. Raises ConfigError for both, and for a blur that is drawn.

    A blur whose strength is [low, high] has another point spread function for each image: nobody can be told it.
    """
    if psf is None:
        return Number(sigma, least=0)
    if sigma is not None:
        raise ConfigError(f"model.sigma={sigma:g} beside model.psf: the blur is either Gaussian of sigma or the psf")
    drawn = [name for name, value in vars(psf).items() if isinstance(value, tuple | list)]
    if drawn:
        shown = ", ".join(f"{name}={list(getattr(psf, name))}" for name in drawn)
        raise ConfigError(f"model.psf: {shown} is drawn for each image; give the one value that the images have")
    return Number(0, least=0)


def point_spread(psf: Blur | None, settings: Settings) -> Tensor:
    """The point spread function, `(k, k)` float64 with k odd, that `psf`, or else a Gaussian of `sigma`, makes."""
    blur = Gaussian(settings["sigma"]) if psf is None else psf
    reach = blur.reach
    point = torch.zeros(1, 1, 4 * reach + 3, 4 * reach + 3, dtype=torch.float64)  # no mirror image comes near
    point[..., 2 * reach + 1, 2 * reach + 1] = 1
    spread, _ = blur(point, TorchDraws())
    return spread[0, 0, reach + 1 : 3 * reach + 2, reach + 1 : 3 * reach + 2]


def mirrored(image: Tensor) -> Tensor:
    """Mirror `(B, C, H, W)` to `(B, C, 2 H - 2, 2 W - 2)`, of which it is the top left. ValueError below 2 pixels."""
    height, width = image.shape[-2:]
    if min(height, width) < 2:
        raise ValueError(f"deconvolution needs images of at least 2x2 pixels, got {height}x{width}")
    return F.pad(image, (0, width - 2, 0, height - 2), mode="reflect")


def transfer(kernel: Tensor, like: Tensor) -> Tensor:
    """The half-plane Fourier transform of `kernel: (k, k)`, centred, for images of the size, type and device of `like`.

    A kernel larger than the image is wrapped around, as the circular convolution would.
    """
    height, width = like.shape[-2:]
    places = torch.arange(kernel.shape[0]) - kernel.shape[0] // 2
    spread = torch.zeros(height, width, dtype=torch.float64)
    spread.index_put_((places[:, None] % height, places[None, :] % width), kernel, accumulate=True)
    return torch.fft.rfft2(spread.to(like))


def convolve(image: Tensor, response: Tensor) -> Tensor:
    """Convolve `(B, C, H, W)`, periodic, with what `transfer` gave."""
    return torch.fft.irfft2(torch.fft.rfft2(image) * response, s=image.shape[-2:])
