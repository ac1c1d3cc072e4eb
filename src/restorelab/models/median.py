"""The median filter: the classical row beside impulse noise."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restorelab.errors import ConfigError


class Median(nn.Module):
    """The median of a `kernel` x `kernel` window, each channel by itself. Nothing to train.

    The border is reflected without repeating the edge, as SciPy's `median_filter(mode="mirror")`; kornia's
    `median_blur` pads with zeros and darkens the border.
    """

    fit = False
    channels_last = False

    def __init__(self, kernel: int = 3) -> None:
        super().__init__()
        if kernel < 1 or kernel % 2 == 0:
            raise ConfigError(f"model.kernel={kernel}: an odd number, at least 1")
        self.kernel = kernel
        self.minimum = kernel // 2 + 1
        self.receptive_field = kernel

    def forward(self, degraded: Tensor) -> Tensor:
        """Filter `degraded: (B, C, H, W)`, at least `kernel // 2 + 1` pixels a side (else ValueError); shape kept."""
        border, (height, width) = self.kernel // 2, degraded.shape[-2:]
        if min(height, width) < self.minimum:
            raise ValueError(
                f"a median of {self.kernel}x{self.kernel} needs {self.minimum} pixels, got {height}x{width}"
            )
        padded = F.pad(degraded, (border,) * 4, mode="reflect")
        if self.kernel == 3:
            rows = range(3)
            return _median_of_nine([padded[..., i : i + height, j : j + width] for i in rows for j in rows])
        windows = padded.unfold(2, self.kernel, 1).unfold(3, self.kernel, 1)
        return windows.flatten(-2).median(-1).values


def _median_of_nine(values: list[Tensor]) -> Tensor:
    """Elementwise median by minima and maxima: 7 times as fast as `Tensor.median` on a CPU (25 to 188 ms, 128x100x100).

    Of k values with k - 1 others still to come or already discarded evenly, neither the least nor the greatest can be
    the median: start with six of the nine, drop both ends, take in one more, three times over.
    """
    kept, waiting = values[:6], values[6:]
    while len(kept) > 1:
        for i in range(1, len(kept)):
            kept[0], kept[i] = torch.minimum(kept[0], kept[i]), torch.maximum(kept[0], kept[i])
        for i in range(1, len(kept) - 1):
            kept[i], kept[-1] = torch.minimum(kept[i], kept[-1]), torch.maximum(kept[i], kept[-1])
        kept = kept[1:-1] + waiting[:1]
        waiting = waiting[1:]
    return kept[0]
