"""The mean color of DIV2K, which networks subtract from their input."""

import torch
from torch import Tensor

DIV2K_MEAN = (0.4488, 0.4371, 0.4040)
"""Red, green and blue in [0, 1], of DIV2K's training images (Lim et al., "EDSR", CVPRW 2017, and its successors)."""


def div2k_mean(channels: int) -> Tensor:
    """Return the mean as (1, C, 1, 1): of each color for three channels, otherwise the average of the three."""
    values = DIV2K_MEAN if channels == 3 else [sum(DIV2K_MEAN) / 3] * channels
    return torch.tensor(values).view(1, -1, 1, 1)
