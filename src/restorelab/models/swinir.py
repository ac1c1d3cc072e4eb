"""SwinIR, residual groups of Swin transformer blocks at full resolution."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from restorelab.errors import ConfigError
from restorelab.models import checkpointing as checkpoints
from restorelab.models.div2k_mean import div2k_mean
from restorelab.models.shape import check_shape
from restorelab.models.window_attention import (
    attend,
    from_windows,
    hidden_after_shift,
    relative_positions,
    shift,
    to_windows,
)


class SwinIR(nn.Module):
    """A convolution, residual groups of Swin transformer blocks, and a convolution, added to the input.

    Source: Liang et al., "SwinIR: Image Restoration Using Swin Transformer", ICCVW 2021. The denoising network has six
    groups of six blocks, 180 channels, six heads, windows of 8x8 that are shifted in every second block, and
    perceptrons of twice the channels: 11.5 million parameters. The module's keys are those of the authors' checkpoints
    for denoising, except for buffers (`derived`) that follow from the sizes.

    depths: blocks of each group. heads: of all blocks, dividing `width`. drop_path: probability, increasing linearly
    to this value at the last block, that training leaves out a block's branch for an image. checkpointing: recompute
    the activations of each block in the backward pass to save memory.
    """

    derived = ("attn_mask", "relative_position_index")
    """Last parts of names in the authors' checkpoints that the network computes itself."""

    receptive_field = None  # windows chain over several hundred pixels
    # contiguous / channels_last, forward and backward, 32x32, one busy CPU core, interleaved: 0.93 times at batch 1
    # (median).
    channels_last = False
    mean: Tensor

    def __init__(
        self,
        channels: int = 1,
        width: int = 180,
        depths: Sequence[int] = (6, 6, 6, 6, 6, 6),
        heads: int = 6,
        window: int = 8,
        mlp_ratio: float = 2.0,
        drop_path: float = 0.1,
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            raise ConfigError(f"model.width={width}, model.heads={heads}: expected a width that the heads divide")
        if not depths or window < 2 or window % 2:
            msg = f"model.depths={list(depths)}, model.window={window}: expected one group or more, and an even side"
            raise ConfigError(msg)
        if not 0 <= drop_path < 1:
            raise ConfigError(f"model.drop_path={drop_path}: expected a probability, at least 0 and below 1")
        self.channels, self.multiple, self.checkpointing = channels, window, checkpointing
        mean = div2k_mean(channels) if channels == 3 else torch.zeros(1, channels, 1, 1)
        self.register_buffer("mean", mean, persistent=False)
        drops = iter(torch.linspace(0, drop_path, sum(depths), device="cpu").tolist())
        self.conv_first = nn.Conv2d(channels, width, 3, padding=1)
        self.patch_embed = nn.ModuleDict({"norm": nn.LayerNorm(width)})
        self.layers = nn.ModuleList()
        for depth in depths:
            blocks = [
                Block(width, heads, window, int(mlp_ratio * width), next(drops), shifted=bool(number % 2))
                for number in range(depth)
            ]
            self.layers.append(Group(blocks, width))
        self.norm = nn.LayerNorm(width)
        self.conv_after_body = nn.Conv2d(width, width, 3, padding=1)
        self.conv_last = nn.Conv2d(width, channels, 3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore `degraded: (B, C, H, W)` in [0, 1]; the result has its shape and is not clamped.

        Raises ValueError unless H and W are multiples of the windows' side.
        """
        check_shape("SwinIR", degraded, self.channels, self.multiple)
        first = self.conv_first(degraded - self.mean)
        x = self.patch_embed["norm"](first.permute(0, 2, 3, 1))
        for layer in self.layers:
            x = layer(x, self.checkpointing)
        x = self.conv_after_body(self.norm(x).permute(0, 3, 1, 2)) + first
        return degraded + self.conv_last(x)


class Group(nn.Module):
    """Blocks and a convolution, added to their input."""

    def __init__(self, blocks: Sequence[nn.Module], width: int) -> None:
        super().__init__()
        self.residual_group = nn.ModuleDict({"blocks": nn.ModuleList(blocks)})
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor, checkpointing: bool) -> Tensor:
        """Return a tensor of the shape of `x: (B, H, W, width)`."""
        attended = checkpoints.run(self.residual_group["blocks"].children(), x, checkpointing)
        return x + self.conv(attended.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class Block(nn.Module):
    """Attention in windows and a perceptron of each pixel, each behind a layer normalization and added to its input."""

    def __init__(self, width: int, heads: int, window: int, hidden: int, drop: float, *, shifted: bool) -> None:
        super().__init__()
        self.drop = drop
        self.norm1 = nn.LayerNorm(width)
        self.attn = WindowAttention(width, heads, window, window // 2 if shifted else 0)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, hidden), "fc2": nn.Linear(hidden, width)})

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of `x: (B, H, W, width)`."""
        x = x + self._dropped(self.attn(self.norm1(x)))
        return x + self._dropped(self.mlp["fc2"](nn.functional.gelu(self.mlp["fc1"](self.norm2(x)))))

    def _dropped(self, branch: Tensor) -> Tensor:
        """In training, leave the branch out for some images and enlarge it for the others, by the same mean."""
        if not self.training or self.drop == 0:
            return branch
        kept = branch.new_empty(len(branch), 1, 1, 1).bernoulli_(1 - self.drop)
        return branch * kept / (1 - self.drop)


class WindowAttention(nn.Module):
    """Attention in windows, shifted by `shift` pixels, with a bias for each relative position and head."""

    position: Tensor

    def __init__(self, width: int, heads: int, window: int, shift: int) -> None:
        super().__init__()
        self.heads, self.window, self.shift = heads, window, shift
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.register_buffer("position", relative_positions(window), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of `x: (B, H, W, width)`."""
        _, height, width, _ = x.shape
        hidden = None
        if self.shift:
            x = shift(x, self.shift)
            hidden = hidden_after_shift(height, width, self.window, self.shift, x.device)
        # (B, windows, N, 3 heads d) to three of (B, heads, windows, N, d)
        parts = self.qkv(to_windows(x, self.window)).unflatten(-1, (3, self.heads, -1))
        query, key, value = parts.permute(3, 0, 4, 1, 2, 5).unbind(0)
        bias = self.relative_position_bias_table[self.position].permute(2, 0, 1)
        attended = attend(query, key, value, bias, hidden).permute(0, 2, 3, 1, 4).flatten(3)
        x = from_windows(self.proj(attended), self.window, height, width)
        return shift(x, -self.shift) if self.shift else x
