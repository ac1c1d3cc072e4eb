"""FFDNet, a denoiser that takes the noise level and works at half resolution."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restorelab.errors import ConfigError
from restorelab.models.shape import check_shape
from restorelab.noise_level import level_map

PAPER = {1: (64, 15), 3: (96, 12)}
"""Features and depth of the paper's gray and colour networks, by channels."""


class FFDNet(nn.Module):
    """3x3 convolutions on the four half-resolution phases of the image and a map of the noise level.

    Source: Zhang et al., "FFDNet: Toward a Fast and Flexible Solution for CNN-Based Image Denoising", TIP 2018: 15
    convolutions of 64 features for gray images (485,316 parameters), 12 of 96 for colour (852,108). The output is the
    image, not the noise. The module's keys are those of KAIR's `ffdnet_gray.pth` and `ffdnet_color.pth`.

    features, depth: None for the paper's, of the colour network where `channels` is neither 1 nor 3. Unlike the paper,
    a map of the noise level is given at full resolution, and its 2x2 averages are used.
    """

    takes_sigma = True
    multiple = 2
    # contiguous / channels_last, forward and backward, 64x64, one busy CPU core, interleaved: 1.13 times at batch 8
    # (median).
    channels_last = True

    def __init__(self, channels: int = 1, depth: int | None = None, features: int | None = None) -> None:
        super().__init__()
        paper_features, paper_depth = PAPER.get(channels, PAPER[3])
        depth = paper_depth if depth is None else depth
        features = paper_features if features is None else features
        if depth < 2 or features < 1:
            raise ConfigError(f"model.depth={depth}, model.features={features}: expected at least 2 and 1")
        self.channels = channels
        # `depth` cells of 2x2 pixels in each direction, and one pixel more inside the output's own cell.
        self.receptive_field = 2 * (2 * depth + 1) + 1
        widths = [4 * channels + 1, *[features] * (depth - 1), 4 * channels]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(inplace=True)]
        self.model = nn.Sequential(*layers[:-1])

    def forward(self, degraded: Tensor, sigma: Tensor) -> Tensor:
        """Restore `degraded: (B, C, H, W)` in [0, 1], H and W even; the result has its shape and is not clamped.

        sigma: (B,) or (B, 1, H, W), the standard deviation of the noise in [0, 1] units.
        """
        check_shape("FFDNet", degraded, self.channels, self.multiple)
        level = F.avg_pool2d(level_map(sigma, degraded), 2)
        return F.pixel_shuffle(self.model(torch.cat([F.pixel_unshuffle(degraded, 2), level], dim=1)), 2)
