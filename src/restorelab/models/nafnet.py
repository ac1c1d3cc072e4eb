"""NAFNet, a U-Net without nonlinear activation functions."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from restorelab.errors import ConfigError
from restorelab.models import checkpointing as checkpoints
from restorelab.models.channel_norm import channel_norm
from restorelab.models.local_mean import local_mean
from restorelab.models.shape import check_shape


class NAFNet(nn.Module):
    """U-Net of blocks whose only nonlinearities are products of features and layer normalization.

    Source: Chen et al., "Simple Baselines for Image Restoration", ECCV 2022. The GoPro networks have (1, 1, 1, 28)
    blocks down, 1 in the middle and (1, 1, 1, 1) up: 17.11 million parameters at width 32, 67.89 at 64. Those of SIDD
    have (2, 2, 4, 8), 12 and (2, 2, 2, 2). The output is the input plus the prediction. The module's keys are those of
    the authors' checkpoints.

    tlc: side in pixels of the images that the network was trained on; in evaluation mode, channel attention then uses
    local means over windows of 1.5 times that side instead of means over the whole image. Source: Chu et al.,
    "Improving Image Restoration by Revisiting Global Information Aggregation" (TLC), ECCV 2022; the authors evaluate
    their GoPro networks with tlc=256. None: global means, as in training. checkpointing: recompute the activations of
    each block in the backward pass to save memory.
    """

    receptive_field = None  # channel attention sees the whole image
    # contiguous / channels_last, forward and backward, 64x64, one busy CPU core, interleaved: 1.15 times at batch 2;
    # six blocks of width 16, batch 8: 1.25 (medians).
    channels_last = True

    def __init__(
        self,
        channels: int = 3,
        width: int = 32,
        encoder: Sequence[int] = (1, 1, 1, 28),
        middle: int = 1,
        decoder: Sequence[int] = (1, 1, 1, 1),
        tlc: int | None = None,
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        if len(encoder) != len(decoder) or not encoder or width < 1:
            msg = f"model.encoder={list(encoder)}, model.decoder={list(decoder)}, model.width={width}: expected as many"
            raise ConfigError(f"{msg} numbers of blocks down as up, and a width of at least 1")
        if tlc is not None and tlc < 1:
            raise ConfigError(f"model.tlc={tlc}: expected null, or the side of the training images in pixels")
        self.channels, self.tlc, self.checkpointing = channels, tlc, checkpointing
        self.multiple = 2 ** len(encoder)
        self.intro = nn.Conv2d(channels, width, 3, padding=1)
        self.ending = nn.Conv2d(width, channels, 3, padding=1)
        levels = [2**level for level in range(len(encoder) + 1)]  # by how much the resolution is smaller
        windows = [None if tlc is None else max(tlc * 3 // 2 // level, 1) for level in levels]
        widths = [width * level for level in levels]
        self.encoders = nn.ModuleList(map(_stage, encoder, widths, windows))
        self.downs = nn.ModuleList(nn.Conv2d(wide, 2 * wide, 2, 2) for wide in widths[:-1])
        self.middle_blks = _stage(middle, widths[-1], windows[-1])
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv2d(wide, 2 * wide, 1, bias=False), nn.PixelShuffle(2)) for wide in widths[:0:-1]
        )
        self.decoders = nn.ModuleList(map(_stage, decoder, widths[-2::-1], windows[-2::-1]))

    @property
    def protocol_note(self) -> str | None:
        """What a report adds to the protocol: with `tlc`, that the attention uses local means; None without."""
        side = None if self.tlc is None else self.tlc * 3 // 2
        return (
            None if side is None else f"local means over {side}x{side} pixels in the network's channel attention (TLC)"
        )

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore `degraded: (B, C, H, W)` in [0, 1]; the result has its shape and is not clamped.

        Raises ValueError unless H and W are multiples of 2 to the number of stages.
        """
        check_shape("NAFNet", degraded, self.channels, self.multiple)
        x = self.intro(degraded)
        skips = []
        for stage, down in zip(self.encoders, self.downs, strict=True):
            x = checkpoints.run(stage.children(), x, self.checkpointing)
            skips.append(x)
            x = down(x)
        x = checkpoints.run(self.middle_blks, x, self.checkpointing)
        for stage, up, skip in zip(self.decoders, self.ups, reversed(skips), strict=True):
            x = checkpoints.run(stage.children(), up(x) + skip, self.checkpointing)
        return degraded + self.ending(x)


def _stage(blocks: int, width: int, window: int | None) -> nn.Sequential:
    return nn.Sequential(*[Block(width, window) for _ in range(blocks)])


class Block(nn.Module):
    """A depthwise convolution with channel attention and a feed-forward part, each gated and added to the input.

    window: side of the windows of the local means in evaluation mode; None for the mean over the whole image.
    """

    def __init__(self, width: int, window: int | None) -> None:
        super().__init__()
        self.window = window
        self.norm1, self.norm2 = ChannelNorm(width), ChannelNorm(width)
        self.conv1 = nn.Conv2d(width, 2 * width, 1)
        self.conv2 = nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width)
        self.sca = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(width, width, 1))
        self.conv3 = nn.Conv2d(width, width, 1)
        self.conv4 = nn.Conv2d(width, 2 * width, 1)
        self.conv5 = nn.Conv2d(width, width, 1)
        self.beta = nn.Parameter(torch.zeros(1, width, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of `x: (B, width, H, W)`."""
        gated = _gate(self.conv2(self.conv1(self.norm1(x))))
        if self.window is None or self.training:
            attention = self.sca(gated)
        else:
            attention = self.sca[1](local_mean(gated, self.window))
        x = x + self.beta * self.conv3(gated * attention)
        return x + self.gamma * self.conv5(_gate(self.conv4(self.norm2(x))))


def _gate(x: Tensor) -> Tensor:
    left, right = x.chunk(2, dim=1)
    return left * right


class ChannelNorm(nn.Module):
    """Layer normalization over the channels of each pixel, with epsilon 1e-6."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of `x: (B, width, H, W)`."""
        return channel_norm(x, self.weight, self.bias, 1e-6)
