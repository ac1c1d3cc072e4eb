"""The median filter, a classical baseline for impulse noise."""

import torch
import torch.nn.functional as F
from torch import Tensor

from restorelab.models.shape import check_window
from restorelab.models.tunable import Grid, Number, Tunable


class Median(Tunable):
    """The median of a `kernel` x `kernel` window, each channel by itself; not trained.

    The border is reflected without repeating the edge, as in SciPy's `median_filter(mode="mirror")`; kornia's
    `median_blur` pads with zeros and darkens the border. kernel: odd; None chooses it from `grid`.
    """

    def __init__(self, kernel: int | None = 3, grid: Grid | None = None) -> None:
        super().__init__(grid, kernel=Number(kernel, least=1, odd=True))

    @property
    def receptive_field(self) -> int:
        """Side of the window, or of the largest candidate before it is chosen."""
        return int(self.settings.largest("kernel"))

    @property
    def minimum(self) -> int:
        """Pixels a side that the reflected border requires."""
        return self.receptive_field // 2 + 1

    def forward(self, degraded: Tensor) -> Tensor:
        """Filter `degraded: (B, C, H, W)`, at least `kernel // 2 + 1` pixels a side (else ValueError); shape kept."""
        check_window("a median", self.receptive_field, degraded)
        if degraded.is_meta:
            return torch.empty_like(degraded)
        kernel, (height, width) = int(self.settings["kernel"]), degraded.shape[-2:]
        padded = F.pad(degraded, (kernel // 2,) * 4, mode="reflect")
        if kernel == 3:
            rows = range(3)
            return _median_of_nine([padded[..., i : i + height, j : j + width] for i in rows for j in rows])
        windows = padded.unfold(2, kernel, 1).unfold(3, kernel, 1)
        return windows.flatten(-2).median(-1).values


def _median_of_nine(values: list[Tensor]) -> Tensor:
    """Elementwise median by minima and maxima: on a CPU 7 times as fast as `Tensor.median` (25, 188 ms, 128x100x100).

    The minimum and the maximum of six of the nine values cannot be the median: remove both, add another value, and
    repeat until one value is left.
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
