"""EDSR, a residual network for super-resolution."""

from torch import Tensor, nn

from restorelab.errors import ConfigError, nearest
from restorelab.models.div2k_mean import div2k_mean
from restorelab.models.shape import check_shape

SCALES = {2: [2], 3: [3], 4: [2, 2]}
"""The factors of the pixel shuffles of each scale."""


class EDSR(nn.Module):
    """Residual blocks without normalization at low resolution, then pixel shuffles.

    Source: Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", CVPRW 2017: the baseline
    has 16 blocks of 64 features, 1,369,859 parameters for x2 with three channels; the large network has 32 of 256 and
    res_scale=0.1. It computes on 0 to 255, with the mean of DIV2K subtracted. The module's keys are those of BasicSR's
    `EDSR_M*.pth` and `EDSR_L*.pth`.

    scale: 2, 3 or 4, how many times smaller the input is. Unlike the paper, channels may be other than RGB.
    """

    # contiguous / channels_last, forward and backward, 32x32, one busy CPU core, interleaved: 1.12 times at batch 4
    # (median).
    channels_last = True
    mean: Tensor

    def __init__(
        self, channels: int = 3, scale: int = 2, features: int = 64, blocks: int = 16, res_scale: float = 1.0
    ) -> None:
        super().__init__()
        if scale not in SCALES:
            raise ConfigError(f"model.scale={scale}. {nearest(str(scale), [str(known) for known in SCALES])}")
        if features < 1 or blocks < 1:
            raise ConfigError(f"model.features={features}, model.blocks={blocks}: expected at least 1 of each")
        self.channels, self.scale = channels, scale
        self.receptive_field = 2 * (2 * blocks + 4) + 1  # of input pixels; the last convolutions see parts of one
        self.register_buffer("mean", div2k_mean(channels), persistent=False)
        self.conv_first = nn.Conv2d(channels, features, 3, padding=1)
        self.body = nn.Sequential(*[Residual(features, res_scale) for _ in range(blocks)])
        self.conv_after_body = nn.Conv2d(features, features, 3, padding=1)
        enlarge: list[nn.Module] = []
        for factor in SCALES[scale]:
            enlarge += [nn.Conv2d(features, factor**2 * features, 3, padding=1), nn.PixelShuffle(factor)]
        self.upsample = nn.Sequential(*enlarge)
        self.conv_last = nn.Conv2d(features, channels, 3, padding=1)

    def forward(self, degraded: Tensor) -> Tensor:
        """Enlarge `degraded: (B, C, h, w)` in [0, 1] to `(B, C, scale h, scale w)`, which is not clamped."""
        check_shape("EDSR", degraded, self.channels)
        x = self.conv_first((degraded - self.mean) * 255)
        x = x + self.conv_after_body(self.body(x))
        return self.conv_last(self.upsample(x)) / 255 + self.mean


class Residual(nn.Module):
    """x + res_scale * conv(relu(conv(x))), 3x3 with biases."""

    def __init__(self, features: int, res_scale: float) -> None:
        super().__init__()
        self.res_scale = res_scale
        self.conv1 = nn.Conv2d(features, features, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of `x: (B, features, H, W)`."""
        return x + self.res_scale * self.conv2(self.relu(self.conv1(x)))
