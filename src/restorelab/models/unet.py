"""A residual U-Net of any depth and width."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from restorelab.errors import ConfigError
from restorelab.models.shape import check_shape
from restorelab.noise_level import level_map


class UNet(nn.Module):
    """U-Net of residual blocks that predicts the difference between its input and the clean image.

    Source: the encoder and decoder of Ronneberger et al. (2015), with the residual blocks, the strided convolutions and
    the added (not concatenated) skip connections of DRUNet (Zhang et al., "Plug-and-Play Image Restoration with Deep
    Denoiser Prior", TPAMI 2022): a block is 3x3 convolution, ReLU, 3x3 convolution, added to its input; no
    normalization. Convolutions with kernel and stride 2 go down one scale, and transposed ones go up.

    widths: features at each scale, from full resolution down. blocks: residual blocks at each scale, once in the
    encoder and once in the decoder; at the last scale once. noise_level: takes the noise level as a further channel of
    its input, as FFDNet and DRUNet do; see `noise_level.py`.

    Raises ConfigError for widths and blocks of different lengths, and for numbers below 1.
    """

    # contiguous / channels_last, forward and backward, batch 8 of 64x64, one busy CPU core, interleaved, CPU time:
    # 1.14 times (median).
    channels_last = True

    def __init__(
        self,
        channels: int = 1,
        widths: Sequence[int] = (32, 64, 128, 256),
        blocks: Sequence[int] = (1, 1, 1, 2),
        *,
        noise_level: bool = False,
    ) -> None:
        super().__init__()
        if len(widths) != len(blocks) or not widths or min(*widths, *blocks) < 1:
            raise ConfigError(
                f"model.widths={list(widths)}, model.blocks={list(blocks)}: expected two lists of one length, of whole "
                "numbers, at least 1"
            )
        self.channels, self.takes_sigma = channels, noise_level
        self.multiple = self.minimum = 2 ** (len(widths) - 1)
        self.receptive_field = _receptive_field(blocks)
        steps = list(pairwise(widths))
        self.head = nn.Conv2d(channels + noise_level, widths[0], 3, padding=1)
        self.encoder = nn.ModuleList([_blocks(*scale) for scale in zip(widths, blocks, strict=True)][:-1])
        self.down = nn.ModuleList([nn.Conv2d(fine, coarse, 2, 2) for fine, coarse in steps])
        self.middle = _blocks(widths[-1], blocks[-1])
        self.up = nn.ModuleList([nn.ConvTranspose2d(coarse, fine, 2, 2) for fine, coarse in steps])
        self.decoder = nn.ModuleList([_blocks(*scale) for scale in zip(widths, blocks, strict=True)][:-1])
        self.tail = nn.Conv2d(widths[0], channels, 3, padding=1)
        for parameter in self.tail.parameters():  # training begins at the input itself
            nn.init.zeros_(parameter)

    def forward(self, degraded: Tensor, sigma: Tensor | None = None) -> Tensor:
        """Restore `degraded: (B, C, H, W)` in [0, 1]; the result has its shape and is not clamped.

        sigma: (B,) or (B, 1, H, W) in [0, 1] units, only with `noise_level`. Raises ValueError unless height and width
        are multiples of `multiple`, and where sigma is missing.
        """
        check_shape("UNet", degraded, self.channels, self.multiple, self.minimum)
        features = self.head(self._with_level(degraded, sigma))
        skips = []
        for blocks, down in zip(self.encoder, self.down, strict=True):
            features = blocks(features)
            skips.append(features)
            features = down(features)
        features = self.middle(features)
        for up, blocks, skip in zip(reversed(self.up), reversed(self.decoder), reversed(skips), strict=True):
            features = blocks(up(features) + skip)
        return degraded + self.tail(features)

    def _with_level(self, degraded: Tensor, sigma: Tensor | None) -> Tensor:
        if not self.takes_sigma:
            return degraded
        if sigma is None:
            raise ValueError("UNet with noise_level=true takes sigma, (B,) or (B, 1, H, W) in [0, 1] units")
        return torch.cat([degraded, level_map(sigma, degraded)], dim=1)


class Residual(nn.Module):
    """Two 3x3 convolutions with a ReLU between them, added to their input."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(features, features, 3, padding=1)
        self.second = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Return a tensor of the shape of `features: (B, features, H, W)`."""
        return features + self.second(torch.relu(self.first(features)))


def _blocks(features: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(Residual(features) for _ in range(count)))


def _receptive_field(blocks: Sequence[int]) -> int:
    """Return the side of the square of input pixels that an output pixel depends on, at most.

    A 3x3 convolution at scale s reaches 2^s pixels further to each side, and a change of scale at most 2^s - 1.
    """
    last = len(blocks) - 1
    reach = 2  # head and tail
    reach += sum((2 if scale < last else 1) * 2 * count * 2**scale for scale, count in enumerate(blocks))
    return 2 * (reach + 2**last - 1) + 1
