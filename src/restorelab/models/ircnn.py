"""IRCNN, a short denoiser of dilated convolutions."""

from torch import Tensor, nn

from restorelab.errors import ConfigError
from restorelab.models.shape import check_shape

DILATIONS = (1, 2, 3, 4, 3, 2, 1)


class IRCNN(nn.Module):
    """Seven 3x3 convolutions with dilations 1, 2, 3, 4, 3, 2, 1 that predict the noise; ReLU between them.

    Source: Zhang et al., "Learning Deep CNN Denoiser Prior for Image Restoration", CVPR 2017. 185,857 parameters with
    one channel. Unlike the paper, there is no batch normalization: as in KAIR's released networks, it is folded into
    the convolutions, and the module's keys are theirs.

    KAIR's `ircnn_gray.pth` and `ircnn_color.pth` hold 25 networks under the keys "0" to "24", one for each noise level
    2, 4, ..., 50; level sigma has the key `ceil(sigma / 2) - 1`. Save one of them to load it by `ckpt=`:
    `torch.save(torch.load("ircnn_gray.pth", weights_only=True)["12"], "ircnn_gray_25.pth")`.
    """

    receptive_field = 1 + 2 * sum(DILATIONS)
    # contiguous / channels_last, forward and backward, 64x64, one busy CPU core, interleaved: 1.17 times at batch 8
    # (median).
    channels_last = True

    def __init__(self, channels: int = 1, features: int = 64) -> None:
        super().__init__()
        if features < 1:
            raise ConfigError(f"model.features={features}: expected at least 1")
        self.channels = channels
        widths = [channels, *[features] * (len(DILATIONS) - 1), channels]
        layers: list[nn.Module] = []
        for before, after, dilation in zip(widths, widths[1:], DILATIONS, strict=False):
            layers += [nn.Conv2d(before, after, 3, padding=dilation, dilation=dilation), nn.ReLU(inplace=True)]
        self.model = nn.Sequential(*layers[:-1])

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore `degraded: (B, C, H, W)` in [0, 1], any size; the result has its shape and is not clamped."""
        check_shape("IRCNN", degraded, self.channels)
        return degraded - self.model(degraded)
