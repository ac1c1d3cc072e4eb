"""SPAN, a fast network for super-resolution with attention that has no parameters."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restorelab.errors import ConfigError, nearest
from restorelab.models.div2k_mean import div2k_mean
from restorelab.models.shape import check_shape

SCALES = (2, 3, 4)


class SPAN(nn.Module):
    """Six blocks whose output is weighted by a symmetric function of itself, then one pixel shuffle.

    Source: Wan et al., "Swift Parameter-free Attention Network for Efficient Super-Resolution", CVPRW 2024, which has
    48 or 52 features, and the winner of the NTIRE 2024 challenge on efficient super-resolution with 28: 150,688
    parameters for x4. Each convolution is trained as a sum of a 1x1 convolution and a chain of 1x1, 3x3 and 1x1, and is
    merged into one 3x3 convolution in evaluation mode; the published counts are of merged networks. It computes on 0 to
    255, with the mean of DIV2K subtracted. The module's keys are those of the authors' checkpoints, except for the
    merged convolutions (`derived`).

    scale: 2, 3 or 4, how many times smaller the input is. Unlike the paper, channels may be other than RGB.
    """

    derived = ("eval_conv.weight", "eval_conv.bias")
    """Last parts of names in the authors' checkpoints that the network computes itself."""

    receptive_field = 43
    # contiguous / channels_last, forward and backward, 32x32, one busy CPU core, interleaved: 1.21 times at batch 8
    # (median).
    channels_last = True
    mean: Tensor

    def __init__(self, channels: int = 3, scale: int = 2, features: int = 28) -> None:
        super().__init__()
        if scale not in SCALES:
            raise ConfigError(f"model.scale={scale}. {nearest(str(scale), [str(known) for known in SCALES])}")
        if features < 1:
            raise ConfigError(f"model.features={features}: expected at least 1")
        self.channels, self.scale = channels, scale
        self.register_buffer("mean", div2k_mean(channels), persistent=False)
        self.conv_1 = Merged(channels, features)
        self.block_1, self.block_2, self.block_3 = Block(features), Block(features), Block(features)
        self.block_4, self.block_5, self.block_6 = Block(features), Block(features), Block(features)
        self.conv_cat = nn.Conv2d(4 * features, features, 1)
        self.conv_2 = Merged(features, features)
        self.upsampler = nn.Sequential(nn.Conv2d(features, scale**2 * channels, 3, padding=1), nn.PixelShuffle(scale))

    def forward(self, degraded: Tensor) -> Tensor:
        """Enlarge `degraded: (B, C, h, w)` in [0, 1] to `(B, C, scale h, scale w)`, which is not clamped."""
        check_shape("SPAN", degraded, self.channels)
        first = self.conv_1((degraded - self.mean) * 255)
        after_first, _ = self.block_1(first)
        x = after_first
        for block in (self.block_2, self.block_3, self.block_4, self.block_5):
            x, _ = block(x)
        x, inside_last = self.block_6(x)
        return self.upsampler(self.conv_cat(torch.cat([first, self.conv_2(x), after_first, inside_last], dim=1)))


class Block(nn.Module):
    """Three convolutions; their result plus the input is multiplied by sigmoid(result) - 1/2."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.c1_r, self.c2_r, self.c3_r = (Merged(features, features) for _ in range(3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the output for `x: (B, features, h, w)`, and the first convolution's after its activation."""
        inside = F.silu(self.c1_r(x))
        result = self.c3_r(F.silu(self.c2_r(inside)))
        return (result + x) * (result.sigmoid() - 0.5), inside


class Merged(nn.Module):
    """A 3x3 convolution, trained as 1x1, 3x3 and 1x1 with twice the channels between, plus a 1x1 convolution.

    Entering the evaluation mode, and loading weights, computes the merged weights, which are not parameters.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.sk = nn.Conv2d(before, after, 1)
        self.conv = nn.Sequential(
            nn.Conv2d(before, 2 * before, 1), nn.Conv2d(2 * before, 2 * after, 3), nn.Conv2d(2 * after, after, 1)
        )
        self.register_buffer("weight", torch.zeros(after, before, 3, 3), persistent=False)
        self.register_buffer("bias", torch.zeros(after), persistent=False)
        self.register_load_state_dict_post_hook(lambda *_: self._merge())  # type: ignore[no-untyped-call]

    def train(self, mode: bool = True) -> "Merged":
        """Change the mode, as any module does; the evaluation mode computes the merged weights."""
        super().train(mode)
        if not mode:
            self._merge()
        return self

    @torch.no_grad()
    def _merge(self) -> None:
        first, first_bias, middle, middle_bias, last, last_bias = self.conv.parameters()
        direct, direct_bias = self.sk.parameters()
        weight = torch.einsum("om,mnhw,ni->oihw", last[..., 0, 0], middle, first[..., 0, 0])
        weight[..., 1, 1] += direct[..., 0, 0]
        self.weight.copy_(weight)
        inner = middle_bias + middle.sum(dim=(2, 3)) @ first_bias
        self.bias.copy_(last_bias + last[..., 0, 0] @ inner + direct_bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, after, h, w) for `x: (B, before, h, w)`, which is padded by zeros."""
        if not self.training:
            return F.conv2d(x, self.weight, self.bias, padding=1)
        return self.conv(F.pad(x, (1, 1, 1, 1))) + self.sk(x)
