"""SCUNet, a U-Net whose blocks are half convolutions, half attention in windows."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from restorelab.errors import ConfigError
from restorelab.models import checkpointing as checkpoints
from restorelab.models.shape import check_shape
from restorelab.models.window_attention import (
    attend,
    from_windows,
    hidden_after_shift,
    relative_positions,
    shift,
    to_windows,
)

HEAD, WINDOW = 32, 8
"""Channels of a head, and pixels along a window's side."""


class SCUNet(nn.Module):
    """Four scales; each block splits its channels between two 3x3 convolutions and a Swin transformer block.

    Source: Zhang et al., "Practical Blind Denoising via Swin-Conv-UNet and Data Synthesis", Machine Intelligence
    Research 2023: width 64, four blocks a scale, heads of 32 channels, windows of 8x8, shifted in every second block.
    17.9 million parameters. The module's keys are those of KAIR's `scunet_*.pth`.

    width: channels at full resolution, a multiple of 64. blocks: at full, half, quarter and eighth resolution down, and
    three numbers up. checkpointing: recompute the activations of each block in the backward pass to save memory.
    """

    multiple = 64
    receptive_field = None  # windows chain over more than a thousand pixels
    # contiguous / channels_last, forward and backward, 64x64, one busy CPU core, interleaved: 1.04 times at batch 1
    # (median).
    channels_last = True

    def __init__(
        self,
        channels: int = 3,
        width: int = 64,
        blocks: Sequence[int] = (4, 4, 4, 4, 4, 4, 4),
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        if width < 1 or width % (2 * HEAD):
            near = max(round(width / (2 * HEAD)), 1) * 2 * HEAD
            raise ConfigError(f"model.width={width}: expected a multiple of {2 * HEAD}, such as {near}")
        if len(blocks) != 7:
            raise ConfigError(f"model.blocks={list(blocks)}: expected seven numbers, three down, one, three up")
        self.channels, self.checkpointing = channels, checkpointing

        def stage(place: int, wide: int) -> list[nn.Module]:
            return [Block(wide, shifted=bool(number % 2)) for number in range(blocks[place])]

        def down(wide: int) -> nn.Module:
            return nn.Conv2d(wide, 2 * wide, 2, 2, bias=False)

        def up(wide: int) -> nn.Module:
            return nn.ConvTranspose2d(2 * wide, wide, 2, 2, bias=False)

        self.m_head = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1, bias=False))
        self.m_down1 = nn.Sequential(*stage(0, width), down(width))
        self.m_down2 = nn.Sequential(*stage(1, 2 * width), down(2 * width))
        self.m_down3 = nn.Sequential(*stage(2, 4 * width), down(4 * width))
        self.m_body = nn.Sequential(*stage(3, 8 * width))
        self.m_up3 = nn.Sequential(up(4 * width), *stage(4, 4 * width))
        self.m_up2 = nn.Sequential(up(2 * width), *stage(5, 2 * width))
        self.m_up1 = nn.Sequential(up(width), *stage(6, width))
        self.m_tail = nn.Sequential(nn.Conv2d(width, channels, 3, padding=1, bias=False))

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore `degraded: (B, C, H, W)` in [0, 1]; the result has its shape and is not clamped.

        Raises ValueError unless H and W are multiples of 64, the windows' side at an eighth of the resolution.
        """
        check_shape("SCUNet", degraded, self.channels, self.multiple)
        full = self.m_head(degraded)
        half = checkpoints.run(self.m_down1, full, self.checkpointing)
        quarter = checkpoints.run(self.m_down2, half, self.checkpointing)
        eighth = checkpoints.run(self.m_down3, quarter, self.checkpointing)
        x = checkpoints.run(self.m_body, eighth, self.checkpointing)
        x = checkpoints.run(self.m_up3, x + eighth, self.checkpointing)
        x = checkpoints.run(self.m_up2, x + quarter, self.checkpointing)
        x = checkpoints.run(self.m_up1, x + half, self.checkpointing)
        return self.m_tail(x + full)


class Block(nn.Module):
    """A convolutional and a transformer block, each on half of the channels, between 1x1 convolutions."""

    def __init__(self, width: int, *, shifted: bool) -> None:
        super().__init__()
        half = width // 2
        self.trans_block = TransformerBlock(half, shifted=shifted)
        self.conv1_1 = nn.Conv2d(width, width, 1)
        self.conv1_2 = nn.Conv2d(width, width, 1)
        self.conv_block = nn.Sequential(
            nn.Conv2d(half, half, 3, padding=1, bias=False),
            nn.ReLU(inplace=True),
            nn.Conv2d(half, half, 3, padding=1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of `x: (B, width, H, W)`."""
        convolved, attended = self.conv1_1(x).chunk(2, dim=1)
        convolved = convolved + self.conv_block(convolved)
        attended = self.trans_block(attended.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return x + self.conv1_2(torch.cat([convolved, attended], dim=1))


class TransformerBlock(nn.Module):
    """Attention in windows and a perceptron of each pixel, each behind a layer normalization and added to its input."""

    def __init__(self, width: int, *, shifted: bool) -> None:
        super().__init__()
        self.ln1 = nn.LayerNorm(width)
        self.msa = WindowAttention(width, shifted=shifted)
        self.ln2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of `x: (B, H, W, width)`."""
        x = x + self.msa(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class WindowAttention(nn.Module):
    """Attention in windows of 8x8, with a bias for each relative position and head.

    Three linear layers of the input give query, key and value, in this order and by heads.
    """

    position: Tensor

    def __init__(self, width: int, *, shifted: bool) -> None:
        super().__init__()
        self.heads = width // HEAD
        self.shift = WINDOW // 2 if shifted else 0
        self.embedding_layer = nn.Linear(width, 3 * width)
        self.relative_position_params = nn.Parameter(torch.zeros(self.heads, 2 * WINDOW - 1, 2 * WINDOW - 1))
        self.linear = nn.Linear(width, width)
        nn.init.trunc_normal_(self.relative_position_params, std=0.02)
        self.register_buffer("position", relative_positions(WINDOW), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of `x: (B, H, W, width)`."""
        _, height, width, _ = x.shape
        hidden = None
        if self.shift:
            x = shift(x, self.shift)
            hidden = hidden_after_shift(height, width, WINDOW, self.shift, x.device)
        # (B, windows, N, 3 heads HEAD) to three of (B, heads, windows, N, HEAD)
        parts = self.embedding_layer(to_windows(x, WINDOW)).unflatten(-1, (3, self.heads, HEAD))
        query, key, value = parts.permute(3, 0, 4, 1, 2, 5).unbind(0)
        attended = attend(query, key, value, self.relative_position_params.flatten(1)[:, self.position], hidden)
        x = from_windows(self.linear(attended.permute(0, 2, 3, 1, 4).flatten(3)), WINDOW, height, width)
        return shift(x, -self.shift) if self.shift else x
