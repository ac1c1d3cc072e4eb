"""Self-attention inside square windows of an image, on a fixed or on a shifted grid, as in the Swin transformer.

Source: Liu et al., "Swin Transformer", ICCV 2021. Images are (B, H, W, C), H and W multiples of the window's side.
"""

import torch
from torch import Tensor


def to_windows(x: Tensor, side: int) -> Tensor:
    """Cut `x: (B, H, W, C)` into windows: (B, H W / side^2, side^2, C), row by row."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height // side, side, width // side, side, channels).transpose(2, 3)
    return x.reshape(batch, -1, side * side, channels)


def from_windows(windows: Tensor, side: int, height: int, width: int) -> Tensor:
    """Join windows (B, H W / side^2, side^2, C) into (B, height, width, C); undoes `to_windows`."""
    batch, _, _, channels = windows.shape
    x = windows.reshape(batch, height // side, width // side, side, side, channels).transpose(2, 3)
    return x.reshape(batch, height, width, channels)


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor, hidden: Tensor | None) -> Tensor:
    """Scaled dot-product attention in each window.

    query, key, value: (B, heads, windows, N, d). bias: (heads, N, N), by relative position. hidden: (windows, N, N),
    true where the second pixel must not be seen by the first; None for all visible. Returns the shape of `value`.
    """
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1) + bias.unsqueeze(1)
    if hidden is not None:
        scores = scores.masked_fill(hidden, -torch.inf)
    return scores.softmax(dim=-1) @ value


def shift(x: Tensor, by: int) -> Tensor:
    """Move an image `(B, H, W, C)` up and left by a number of pixels, cyclically."""
    return torch.roll(x, (-by, -by), dims=(1, 2))


def hidden_after_shift(height: int, width: int, side: int, by: int, device: torch.device) -> Tensor:
    """Return which pixels of each window of an image shifted by `by` were no neighbors before: (windows, N, N) bool.

    The last `by` rows and columns come from the other side of the image.
    """
    rows = (torch.arange(height, device=device) >= height - by).view(-1, 1)
    columns = (torch.arange(width, device=device) >= width - by).view(1, -1)
    region = (2 * rows + columns)[None, :, :, None]
    region = to_windows(region, side)[0, :, :, 0]
    return region.unsqueeze(1) != region.unsqueeze(2)


def relative_positions(side: int) -> Tensor:
    """Return, for pixels p and q of a window, the index of p - q among all (2 side - 1)^2 differences: (N, N) int64."""
    axis = torch.arange(side)
    difference = axis.view(-1, 1) - axis + side - 1
    rows = difference.repeat_interleave(side, 0).repeat_interleave(side, 1)
    return rows * (2 * side - 1) + difference.repeat(side, side)
