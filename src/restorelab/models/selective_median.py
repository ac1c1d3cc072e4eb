"""The selective median, a classical baseline for impulse noise."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restorelab.models.shape import check_window
from restorelab.models.tunable import Number


class SelectiveMedian(nn.Module):
    """Replace the values at exactly 0 and 1, and only those, by the median of the others nearby; not trained.

    Each channel is processed by itself. A window grows from 3x3 by 2 pixels until it holds a value between 0 and 1, up
    to `largest` pixels (odd). If it never does, the image itself is black or white there, and the plain median of the
    largest window is used. The border is reflected. The median of an even number of values is the mean of the middle
    two, which gains 0.9 dB over the lower one (40 faces, 30 % impulses).
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
    """Repair `(B, C, H, W)` as `SelectiveMedian` does; return it, and a mask of values for which no window was usable.

    Values other than 0 and 1 are not changed.
    """
    struck = (degraded == 0) | (degraded == 1)
    filled, todo = degraded.clone(), struck
    for kernel in range(3, largest + 1, 2):
        if not todo.any():
            return filled, todo
        windows = _windows(torch.where(struck, torch.inf, degraded), kernel, todo).sort(dim=-1).values
        count = windows.isfinite().sum(dim=-1, keepdim=True)
        middle = torch.cat([(count - 1).clamp(min=0) // 2, count // 2], dim=-1)
        usable = count[:, 0] > 0
        values = windows.gather(-1, middle.clamp(max=kernel**2 - 1)).mean(dim=-1)
        filled[todo] = torch.where(usable, values, filled[todo])
        todo = todo.masked_scatter(todo, ~usable)
    if todo.any():
        filled[todo] = _windows(degraded, largest, todo).median(dim=-1).values
    return filled, todo


def _windows(image: Tensor, kernel: int, chosen: Tensor) -> Tensor:
    """Return the `kernel` x `kernel` windows around the chosen values, reflected at the border: `(N, kernel^2)`."""
    padded = F.pad(image, (kernel // 2,) * 4, mode="reflect")
    return padded.unfold(2, kernel, 1).unfold(3, kernel, 1)[chosen].flatten(1)
