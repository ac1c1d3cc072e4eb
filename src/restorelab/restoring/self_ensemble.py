"""Self-ensemble: the mean of a network's outputs for the eight flips and turns of its input.

Source: Timofte, Rothe and Van Gool, "Seven ways to improve example-based single image super resolution", CVPR 2016.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def averaged(network: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return a function of images (B, C, h, w) that returns the mean over the eight symmetries of the square.

    They are restored one after another, which takes no more memory than one. The function also takes a noise level,
    (B,) or a map (B, 1, h, w), and passes it to the network; a map is rotated and flipped like the images.
    """

    def ensemble(images: Tensor, sigma: Tensor | None = None) -> Tensor:
        total: Tensor | None = None
        for turns in range(4):
            for flipped in (False, True):
                given = [images] if sigma is None else [images, sigma]
                turned = [torch.rot90(one, turns, (-2, -1)) if one.ndim == 4 else one for one in given]
                output = network(*(one.flip(-1) if flipped and one.ndim == 4 else one for one in turned))
                back = torch.rot90(output.flip(-1) if flipped else output, -turns, (-2, -1))
                total = back.clone() if total is None else total.add_(back)
        assert total is not None
        return total / 8

    return ensemble
