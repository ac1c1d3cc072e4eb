"""Layer normalization over the channels of each pixel."""

import torch
import torch.nn.functional as F
from torch import Tensor


def channel_norm(x: Tensor, weight: Tensor, bias: Tensor | None, eps: float) -> Tensor:
    """Normalize `x: (B, C, H, W)` over C at each pixel, times `weight: (C,)`, plus `bias: (C,)`.

    The variance is that over C channels (not C - 1). The result has the shape of `x`, in channels_last layout.
    """
    return F.layer_norm(x.permute(0, 2, 3, 1), weight.shape, weight, bias, eps).permute(0, 3, 1, 2)


def channel_scale(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Divide `x: (B, C, H, W)` by its standard deviation over C at each pixel, times `weight: (C,)`.

    The mean is not subtracted; the variance is that over C channels (not C - 1).
    """
    deviation = torch.sqrt(x.var(1, keepdim=True, correction=0) + eps)
    return x / deviation * weight.view(1, -1, 1, 1)
