"""DRUNet, a residual U-Net that takes the noise level."""

import torch
from torch import Tensor, nn

from restorelab.errors import ConfigError
from restorelab.models import checkpointing as checkpoints
from restorelab.models.shape import check_shape
from restorelab.noise_level import level_map


class DRUNet(nn.Module):
    """U-Net of four scales with `blocks` residual blocks at each, without biases; skips are added.

    Source: Zhang et al., "Plug-and-Play Image Restoration with Deep Denoiser Prior", TPAMI 2022: 64, 128, 256 and 512
    features, four blocks, 2x2 convolutions of stride 2 down and transposed ones up. 32,638,656 parameters with one
    channel. Without biases the network is homogeneous: scaling image and noise level scales the output. The module's
    keys are those of KAIR's `drunet_gray.pth` and `drunet_color.pth`.

    checkpointing: recompute the activations of each block in the backward pass to save memory.
    """

    takes_sigma = True
    multiple = 8
    # contiguous / channels_last, forward and backward, 64x64, one busy CPU core, interleaved: 1.00 times at batch 1
    # (median).
    channels_last = True

    def __init__(
        self,
        channels: int = 1,
        widths: tuple[int, int, int, int] | list[int] = (64, 128, 256, 512),
        blocks: int = 4,
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        if len(widths) != 4 or min(widths) < 1 or blocks < 1:
            msg = f"model.widths={list(widths)}, model.blocks={blocks}: expected four widths, and at least 1 of each"
            raise ConfigError(msg)
        self.channels, self.checkpointing = channels, checkpointing
        # 2 blocks convolutions at 1, 1/2, 1/4, 1/8, 1/4, 1/2 and 1, head and tail, and 7 pixels inside a cell of 8x8.
        self.receptive_field = 2 * (44 * blocks + 2 + 7) + 1
        first, second, third, last = widths
        self.m_head = nn.Conv2d(channels + 1, first, 3, padding=1, bias=False)
        self.m_down1 = _down(first, second, blocks)
        self.m_down2 = _down(second, third, blocks)
        self.m_down3 = _down(third, last, blocks)
        self.m_body = nn.Sequential(*[Residual(last) for _ in range(blocks)])
        self.m_up3 = _up(last, third, blocks)
        self.m_up2 = _up(third, second, blocks)
        self.m_up1 = _up(second, first, blocks)
        self.m_tail = nn.Conv2d(first, channels, 3, padding=1, bias=False)

    def forward(self, degraded: Tensor, sigma: Tensor) -> Tensor:
        """Restore `degraded: (B, C, H, W)` in [0, 1]; the result has its shape and is not clamped.

        sigma: (B,) or (B, 1, H, W), the standard deviation of the noise in [0, 1] units. Raises ValueError unless H and
        W are multiples of 8.
        """
        check_shape("DRUNet", degraded, self.channels, self.multiple)
        full = self.m_head(torch.cat([degraded, level_map(sigma, degraded)], dim=1))
        half = checkpoints.run(self.m_down1, full, self.checkpointing)
        quarter = checkpoints.run(self.m_down2, half, self.checkpointing)
        eighth = checkpoints.run(self.m_down3, quarter, self.checkpointing)
        x = checkpoints.run(self.m_body, eighth, self.checkpointing)
        x = checkpoints.run(self.m_up3, x + eighth, self.checkpointing)
        x = checkpoints.run(self.m_up2, x + quarter, self.checkpointing)
        x = checkpoints.run(self.m_up1, x + half, self.checkpointing)
        return self.m_tail(x + full)


class Residual(nn.Module):
    """x + conv(relu(conv(x))), 3x3 without biases."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.res = nn.Sequential(
            nn.Conv2d(features, features, 3, padding=1, bias=False),
            nn.ReLU(inplace=True),
            nn.Conv2d(features, features, 3, padding=1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of `x: (B, features, H, W)`."""
        return x + self.res(x)


def _down(before: int, after: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(*[Residual(before) for _ in range(blocks)], nn.Conv2d(before, after, 2, 2, bias=False))


def _up(before: int, after: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(nn.ConvTranspose2d(before, after, 2, 2, bias=False), *[Residual(after) for _ in range(blocks)])
