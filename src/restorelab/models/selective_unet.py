"""A small U-Net that treats pixels at 0 and 1, which may be impulses, differently from the others."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restorelab.models.shape import check_shape

RADII = (4, 2, 1)
"""Radii of the windows of 9x9, 5x5 and 3x3 pixels from which a marked pixel is filled."""


class SelectiveUNet(nn.Module):
    """U-Net of three scales: pixels that may be impulses are first filled from their neighbors, others are corrected.

    Source: this project, for one network under all four noises of the faces report within the cost of its
    `dual_ae_skip` (91,488 parameters; 317.3 million multiply-accumulates for 100x100). It combines the U-Net of
    Ronneberger et al. (2015), the prediction of the difference to the input as in DnCNN, normalized convolution
    (Knutsson and Westin, 1993) to fill pixels, and one gate per image from pooled features as in squeeze-and-excitation
    (2018).

    Let x be the input, m = 1 for values of exactly 0 or 1 (or beyond) and 0 for others, f the average of the unmarked
    neighbors, and b = f where m = 1, else x. The network computes r and a from (b, x - b, m), and g in (0, 1) from
    features of the whole image:

        restored = b + g r (1 - m) + a m

    Under impulse noise, where unmarked pixels are clean, g = 0 keeps them unchanged. Under the other noises, marked
    pixels, which are only dark or bright, are restored like the others.

    widths: features at full, half and quarter resolution. 86,579 parameters with one channel and the default widths.
    """

    multiple = 4
    minimum = 4
    # contiguous / channels_last, forward and backward, batch 32 of 48x48, one busy CPU core, interleaved, CPU time:
    # 1.49 times (median).
    channels_last = True
    receptive_field = None  # the gate sees the whole image

    def __init__(self, channels: int = 1, widths: tuple[int, int, int] | list[int] = (24, 40, 48)) -> None:
        super().__init__()
        full, half, quarter = widths
        self.channels = channels
        self.enter = nn.Conv2d(3 * channels, full, 3, padding=1)
        self.full_in = nn.Conv2d(full, full, 3, padding=1)
        self.down1 = nn.Conv2d(full, half, 2, 2)
        self.half_in = nn.Conv2d(half, half, 3, padding=1)
        self.down2 = nn.Conv2d(half, quarter, 2, 2)
        self.middle = nn.Conv2d(quarter, quarter, 3, padding=1)
        self.gate = nn.Linear(quarter, 1)
        self.tune = nn.Linear(quarter, half)
        self.up1 = nn.Conv2d(quarter, 4 * half, 1)
        self.half_out = nn.Conv2d(half, half, 3, padding=1)
        self.up2 = nn.Conv2d(half, 4 * full, 1)
        self.full_out = nn.Conv2d(full, full, 3, padding=1)
        self.leave = nn.Conv2d(full, 2 * channels, 3, padding=1)
        for parameter in (*self.leave.parameters(), *self.tune.parameters()):
            nn.init.zeros_(parameter)
        for radius in RADII:  # as buffers they are on the device; making them at each call would wait for it
            self.register_buffer(f"window_{radius}", binomial(2 * radius), persistent=False)

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore `degraded: (B, C, H, W)` in [0, 1]; the result has its shape and is not clamped.

        Raises ValueError unless height and width are multiples of 4.
        """
        check_shape("SelectiveUNet", degraded, self.channels, self.multiple, self.minimum)
        marked = ((degraded <= 0) | (degraded >= 1)).to(degraded.dtype)
        windows = [self.get_buffer(f"window_{radius}") for radius in RADII]
        base = torch.lerp(degraded, refill(degraded, marked, windows), marked)
        first = F.relu(self.enter(torch.cat([base, degraded - base, marked], dim=1)))
        full = first + F.relu(self.full_in(first))
        half = F.relu(self.down1(full))
        half = half + F.relu(self.half_in(half))
        quarter = F.relu(self.down2(half))
        quarter = quarter + F.relu(self.middle(quarter))
        pooled = quarter.mean(dim=(2, 3))
        gate = self.gate(pooled).sigmoid()[..., None, None]
        half = half + F.pixel_shuffle(self.up1(quarter), 2)
        half = half * (1 + self.tune(pooled)[..., None, None])
        half = half + F.relu(self.half_out(half))
        full = full + F.pixel_shuffle(self.up2(half), 2)
        full = full + F.relu(self.full_out(full))
        unmarked_change, marked_change = self.leave(full).chunk(2, dim=1)
        return base + gate * unmarked_change * (1 - marked) + marked_change * marked


def refill(image: Tensor, marked: Tensor, windows: Sequence[Tensor]) -> Tensor:
    """Return the weighted average of the unmarked neighbors of each pixel, from the smallest window that has any.

    image, marked: (B, C, H, W), marked 1 or 0. windows: weights along a side of each window, the widest first. A pixel
    is 0.5 if even the widest window has no unmarked pixel. The result has the shape of `image`.
    """
    kept = 1 - marked
    filled = torch.full_like(image, 0.5)
    for weights in windows:
        total = _blur(image * kept, weights)
        count = _blur(kept, weights)
        # A sum below the weight of a corner, the smallest weight, means that there is no unmarked pixel.
        filled = torch.where(count > 1e-3 / 4 ** (len(weights) // 2), total / count.clamp(min=1e-6), filled)
    return filled


def binomial(order: int) -> Tensor:
    """Return row `order` of Pascal's triangle, divided by its sum: (order + 1,)."""
    return torch.tensor([math.comb(order, k) / 2**order for k in range(order + 1)])


def _blur(image: Tensor, weights: Tensor) -> Tensor:
    """Correlate each channel with the outer product of `weights` (odd length) with itself; zeros outside the image."""
    channels, reach = image.shape[1], len(weights) // 2
    across = weights.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
    down = weights.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    image = F.conv2d(image, across, padding=(0, reach), groups=channels)
    return F.conv2d(image, down, padding=(reach, 0), groups=channels)
