"""The noise level as a second input of a network.

A network that takes it has the attribute `takes_sigma = True` and is called `net(degraded, sigma)`. `sigma` is the
standard deviation of the Gaussian noise in [0, 1] units (a strength in 8-bit units divided by 255): (B,), or a map
(B, 1, h, w) for noise that is not the same everywhere. In training it is the level that was drawn, in an evaluation
the one that is known, and in use one that is given or estimated.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

BOX = ("top", "left", "height", "width")
"""The parameters of a noise on a box: its first row and column, height and width, in pixels."""


def takes_sigma(net: Any) -> bool:
    """Return whether a network is called with the noise level."""
    return bool(getattr(net, "takes_sigma", False))


def call(net: Callable[..., Tensor], degraded: Tensor, sigma: Tensor | None) -> Tensor:
    """Call a network with the noise level if it takes one, and without otherwise.

    Raises:
        ValueError: for a network that takes the noise level where that is not known.
    """
    if not takes_sigma(net):
        return net(degraded)
    if sigma is None:
        msg = (
            f"{type(net).__name__} takes the noise level, which is not known here: give sigma, (B,) or (B, 1, h, w) in "
            "[0, 1] units"
        )
        raise ValueError(msg)
    return net(degraded, sigma.to(degraded))


def probe(net: Callable[..., Tensor], degraded: Tensor) -> Tensor:
    """Call a network to learn about shapes or costs, with a noise level of 0 if it takes one."""
    return call(net, degraded, degraded.new_zeros(len(degraded)))


def level_map(sigma: Tensor, degraded: Tensor) -> Tensor:
    """Return the noise level as a map (B, 1, h, w) in the dtype and on the device of `degraded: (B, C, h, w)`.

    sigma: (B,) or (B, 1, h, w).

    Raises:
        ValueError: for any other shape.
    """
    batch, _, height, width = degraded.shape
    if sigma.shape not in ((batch,), (batch, 1, height, width)):
        raise ValueError(
            f"sigma has the shape {tuple(sigma.shape)}; for images {tuple(degraded.shape)} it is ({batch},) or "
            f"({batch}, 1, {height}, {width})"
        )
    return sigma.to(degraded).view(batch, 1, *(sigma.shape[2:] or (1, 1))).expand(-1, 1, height, width)


def noise_level(parameters: Mapping[str, Tensor], degraded: Tensor) -> Tensor | None:
    """Return the noise level of degraded images (B, C, h, w) from the parameters that their noise drew.

    parameters: `{name: (B,)}`; `sigma` in 8-bit units, and `top`, `left`, `height` and `width` in pixels for noise
    inside a box. The result is in [0, 1] units: (B,), or for boxes a map (B, 1, h, w) that is 0 outside of them; None
    without a `sigma`.
    """
    if "sigma" not in parameters:
        return None
    sigma = parameters["sigma"].to(degraded) / 255
    if "top" not in parameters:
        return sigma
    top, left, height, width = (parameters[name].to(degraded).view(-1, 1, 1, 1) for name in BOX)
    rows = torch.arange(degraded.shape[-2], device=degraded.device).view(-1, 1)
    columns = torch.arange(degraded.shape[-1], device=degraded.device)
    outside = (rows < top) | (rows >= top + height) | (columns < left) | (columns >= left + width)
    return torch.where(outside, 0, sigma.view(-1, 1, 1, 1))  # NaN, for an image without a box, is never outside
