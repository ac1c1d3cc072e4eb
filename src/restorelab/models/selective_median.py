"""The selective median: the classical row beside impulse noise."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restorelab.models.shape import check_window
from restorelab.models.tunable import Number


class SelectiveMedian(nn.Module):
    """Replace the values at exactly 0 and 1, and only those, by the median of the others nearby. Nothing to train.

    Each channel by itself. A window grows from 3x3 by 2 pixels until it holds a value between 0 and 1, up to `largest`
    (pixels, odd); where it never does, the picture itself is black or white there, and the plain median of the largest
    window stands in. The border is mirrored. Of an even number of values the median is the mean of the middle two,
    which is worth 0.9 dB over taking the lower one (40 faces, 30 % impulses).
    """

    fit = False
    channels_last = False

    def __init__(self, largest: int = 7) -> None:
        super().__init__()
        self.largest = int(Number(largest, least=3, odd=True).check("model.largest", largest))
        self.minimum = self.largest // 2 + 1
        self.receptive_field = self.largest

    def forward(self, degraded: Tensor) -> Tensor:
        """Repair `degraded: (B, C, H, W)`, at least `largest // 2 + 1` pixels a side (else ValueError)."""
        check_window("a selective median", self.largest, degraded)
        return torch.empty_like(degraded) if degraded.is_meta else fill(degraded, self.largest)[0]


def fill(degraded: Tensor, largest: int) -> tuple[Tensor, Tensor]:
    """Repair `(B, C, H, W)`: the image, and, boolean, where no value between 0 and 1 lay in reach but one was missing.

    See `SelectiveMedian`. The values between 0 and 1, and those outside [0, 1], keep their bits.
    """
    struck = (degraded == 0) | (degraded == 1)
    filled, todo = degraded.clone(), struck
    for kernel in range(3, largest + 1, 2):
        if not todo.any():
            return filled, todo
        windows = _windows(torch.where(struck, torch.inf, degraded), kernel, todo).sort(dim=-1).values
        count = windows.isfinite().sum(dim=-1, keepdim=True)
        middle = torch.cat([(count - 1).clamp(min=0) // 2, count // 2], dim=-1)
        found = count[:, 0] > 0
        values = windows.gather(-1, middle.clamp(max=kernel**2 - 1)).mean(dim=-1)
        filled[todo] = torch.where(found, values, filled[todo])
        todo = todo.masked_scatter(todo, ~found)
    if todo.any():
        filled[todo] = _windows(degraded, largest, todo).median(dim=-1).values
    return filled, todo


def _windows(image: Tensor, kernel: int, chosen: Tensor) -> Tensor:
    """The `kernel` x `kernel` windows around the chosen values, mirrored at the border: `(N, kernel^2)`."""
    padded = F.pad(image, (kernel // 2,) * 4, mode="reflect")
    return padded.unfold(2, kernel, 1).unfold(3, kernel, 1)[chosen].flatten(1)
