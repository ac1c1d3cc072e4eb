"""FFDNet, a denoiser that takes the noise level and works at half resolution."""

from collections.abc import Mapping
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restorelab.errors import ConfigError
from restorelab.models.shape import check_shape
from restorelab.noise_level import level_map

NORMALIZATION = ("weight", "bias", "running_mean", "running_var")
"""Names of the tensors of a batch normalization."""

PAPER = {1: (64, 15), 3: (96, 12)}
"""Features and depth of the paper's gray and color networks, by channels."""


class FFDNet(nn.Module):
    """3x3 convolutions on the four half-resolution phases of the image and a map of the noise level.

    Source: Zhang et al., "FFDNet: Toward a Fast and Flexible Solution for CNN-Based Image Denoising", TIP 2018: 15
    convolutions of 64 features for gray images (485,316 parameters), 12 of 96 for color (852,108). The output is the
    image, not the noise. The module's keys are those of KAIR's `ffdnet_gray.pth` and `ffdnet_color.pth`.

    features, depth: None for the paper's, of the color network where `channels` is neither 1 nor 3. residual: the
    output is the input minus the prediction, as in the implementation of Tassano et al., "An Analysis and
    Implementation of the FFDNet Image Denoising Method", IPOL 2019; its weights load, too (`adapted`). Unlike the
    paper, a map of the noise level is given at full resolution, and its 2x2 averages are used.
    """

    takes_sigma = True
    multiple = 2
    # contiguous / channels_last, forward and backward, 64x64, one busy CPU core, interleaved: 1.13 times at batch 8
    # (median).
    channels_last = True

    def __init__(
        self, channels: int = 1, depth: int | None = None, features: int | None = None, residual: bool = False
    ) -> None:
        super().__init__()
        paper_features, paper_depth = PAPER.get(channels, PAPER[3])
        depth = paper_depth if depth is None else depth
        features = paper_features if features is None else features
        if depth < 2 or features < 1:
            raise ConfigError(f"model.depth={depth}, model.features={features}: expected at least 2 and 1")
        self.channels, self.residual = channels, residual
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
        output = F.pixel_shuffle(self.model(torch.cat([F.pixel_unshuffle(degraded, 2), level], dim=1)), 2)
        return degraded - output if self.residual else output

    def adapted(self, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Return weights of the IPOL implementation under the names of this one; other weights as they are.

        Its convolutions have no biases, all but the first and the last are normalized, which is folded into them, and
        its input begins with the noise level, once for each channel.
        """
        given = {name.rpartition("dncnn.")[2]: value for name, value in state.items() if "dncnn." in name}
        if not given:
            return state
        adapted: dict[str, Tensor] = {}
        places = sorted(int(name.split(".")[0]) for name, value in given.items() if value.ndim == 4)
        for number, place in enumerate(places):
            weight = given[f"{place}.weight"]
            bias = weight.new_zeros(len(weight))
            if f"{place + 1}.running_var" in given:
                scale, shift, mean, variance = (given[f"{place + 1}.{name}"] for name in NORMALIZATION)
                scale = scale / torch.sqrt(variance + nn.BatchNorm2d(1).eps)
                weight, bias = weight * scale.view(-1, 1, 1, 1), shift - mean * scale
            if number == 0:
                weight = torch.cat([weight[:, self.channels :], weight[:, : self.channels].sum(1, keepdim=True)], dim=1)
            adapted |= {f"model.{2 * number}.weight": weight, f"model.{2 * number}.bias": bias}
        return adapted
