"""Restormer, a U-Net of transformer blocks whose attention is between channels."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restorelab.errors import ConfigError
from restorelab.models import checkpointing as checkpoints
from restorelab.models.channel_norm import channel_norm, channel_scale
from restorelab.models.shape import check_shape

EPS = 1e-5


class Restormer(nn.Module):
    """Four scales of transformer blocks; attention between channels, so that its cost is linear in the pixels.

    Source: Zamir et al., "Restormer: Efficient Transformer for High-Resolution Image Restoration", CVPR 2022: width 48,
    (4, 6, 6, 8) blocks down, the same without the last up, 4 for refinement, (1, 2, 4, 8) heads, expansion 2.66. The
    output is the input plus the prediction. 26.1 million parameters. The module's keys are those of the authors'
    checkpoints.

    norm_bias: layer normalization with mean and bias, as the authors' networks against rain and motion blur; without,
    as their denoisers. checkpointing: recompute the activations of each block in the backward pass to save memory.
    """

    multiple = 8
    receptive_field = None  # attention between channels sees the whole image
    # contiguous / channels_last, forward and backward, 64x64, one busy CPU core, interleaved: 0.97 times at batch 1
    # (median).
    channels_last = False

    def __init__(
        self,
        channels: int = 3,
        width: int = 48,
        blocks: Sequence[int] = (4, 6, 6, 8),
        refinement: int = 4,
        heads: Sequence[int] = (1, 2, 4, 8),
        expansion: float = 2.66,
        norm_bias: bool = False,
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        if len(blocks) != 4 or len(heads) != 4:
            msg = f"model.blocks={list(blocks)}, model.heads={list(heads)}: expected four numbers each, one a scale"
            raise ConfigError(msg)
        if min(heads) < 1 or any(width * 2**level % count for level, count in enumerate(heads)):
            msg = f"model.width={width}, model.heads={list(heads)}: expected numbers of heads, at least 1, that divide"
            raise ConfigError(f"{msg} the width at each scale, width x (1, 2, 4, 8)")
        self.channels, self.checkpointing = channels, checkpointing

        def stage(count: int, level: int, wide: int) -> nn.Sequential:
            return nn.Sequential(*[Block(wide, heads[level], expansion, norm_bias) for _ in range(count)])

        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(channels, width, 3, padding=1, bias=False)})
        self.encoder_level1 = stage(blocks[0], 0, width)
        self.down1_2 = _down(width)
        self.encoder_level2 = stage(blocks[1], 1, 2 * width)
        self.down2_3 = _down(2 * width)
        self.encoder_level3 = stage(blocks[2], 2, 4 * width)
        self.down3_4 = _down(4 * width)
        self.latent = stage(blocks[3], 3, 8 * width)
        self.up4_3 = _up(8 * width)
        self.reduce_chan_level3 = nn.Conv2d(8 * width, 4 * width, 1, bias=False)
        self.decoder_level3 = stage(blocks[2], 2, 4 * width)
        self.up3_2 = _up(4 * width)
        self.reduce_chan_level2 = nn.Conv2d(4 * width, 2 * width, 1, bias=False)
        self.decoder_level2 = stage(blocks[1], 1, 2 * width)
        self.up2_1 = _up(2 * width)
        self.decoder_level1 = stage(blocks[0], 0, 2 * width)  # of twice the width: its input is not reduced
        self.refinement = stage(refinement, 0, 2 * width)
        self.output = nn.Conv2d(2 * width, channels, 3, padding=1, bias=False)

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore `degraded: (B, C, H, W)` in [0, 1]; the result has its shape and is not clamped.

        Raises ValueError unless H and W are multiples of 8.
        """
        check_shape("Restormer", degraded, self.channels, self.multiple)
        save = self.checkpointing
        full = checkpoints.run(self.encoder_level1, self.patch_embed["proj"](degraded), save)
        half = checkpoints.run(self.encoder_level2, self.down1_2["body"](full), save)
        quarter = checkpoints.run(self.encoder_level3, self.down2_3["body"](half), save)
        x = checkpoints.run(self.latent, self.down3_4["body"](quarter), save)
        x = self.reduce_chan_level3(torch.cat([self.up4_3["body"](x), quarter], dim=1))
        x = checkpoints.run(self.decoder_level3, x, save)
        x = self.reduce_chan_level2(torch.cat([self.up3_2["body"](x), half], dim=1))
        x = checkpoints.run(self.decoder_level2, x, save)
        x = checkpoints.run(self.decoder_level1, torch.cat([self.up2_1["body"](x), full], dim=1), save)
        return degraded + self.output(checkpoints.run(self.refinement, x, save))


def _down(width: int) -> nn.ModuleDict:
    convolution = nn.Conv2d(width, width // 2, 3, padding=1, bias=False)
    return nn.ModuleDict({"body": nn.Sequential(convolution, nn.PixelUnshuffle(2))})


def _up(width: int) -> nn.ModuleDict:
    convolution = nn.Conv2d(width, 2 * width, 3, padding=1, bias=False)
    return nn.ModuleDict({"body": nn.Sequential(convolution, nn.PixelShuffle(2))})


class Block(nn.Module):
    """Channel attention and a gated feed-forward part, each behind a normalization and added to its input."""

    def __init__(self, width: int, heads: int, expansion: float, norm_bias: bool) -> None:
        super().__init__()
        self.norm1 = nn.ModuleDict({"body": Norm(width, norm_bias)})
        self.attn = ChannelAttention(width, heads)
        self.norm2 = nn.ModuleDict({"body": Norm(width, norm_bias)})
        self.ffn = FeedForward(width, int(width * expansion))

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of `x: (B, width, H, W)`."""
        x = x + self.attn(self.norm1["body"](x))
        return x + self.ffn(self.norm2["body"](x))


class Norm(nn.Module):
    """Layer normalization over the channels of each pixel; without a bias the mean is not subtracted either."""

    def __init__(self, width: int, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of `x: (B, width, H, W)`."""
        return channel_scale(x, self.weight, EPS) if self.bias is None else channel_norm(x, self.weight, self.bias, EPS)


class ChannelAttention(nn.Module):
    """Attention between the channels of each head, by the cosine of their values over all pixels."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = nn.Conv2d(width, 3 * width, 1, bias=False)
        self.qkv_dwconv = nn.Conv2d(3 * width, 3 * width, 3, padding=1, groups=3 * width, bias=False)
        self.project_out = nn.Conv2d(width, width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of `x: (B, width, H, W)`."""
        batch, width, height, across = x.shape
        parts = self.qkv_dwconv(self.qkv(x)).reshape(batch, 3, self.heads, width // self.heads, height * across)
        query, key, value = parts.unbind(1)  # (B, heads, width / heads, pixels)
        cosine = F.normalize(query, dim=-1) @ F.normalize(key, dim=-1).transpose(-2, -1)
        attended = (cosine * self.temperature).softmax(dim=-1) @ value
        return self.project_out(attended.reshape(batch, width, height, across))


class FeedForward(nn.Module):
    """A depthwise convolution whose one half, through GELU, gates the other."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.project_in = nn.Conv2d(width, 2 * hidden, 1, bias=False)
        self.dwconv = nn.Conv2d(2 * hidden, 2 * hidden, 3, padding=1, groups=2 * hidden, bias=False)
        self.project_out = nn.Conv2d(hidden, width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of `x: (B, width, H, W)`."""
        gate, value = self.dwconv(self.project_in(x)).chunk(2, dim=1)
        return self.project_out(F.gelu(gate) * value)
