"""DnCNN, a plain residual denoiser."""

from torch import Tensor, nn

from restorelab.errors import ConfigError
from restorelab.models.shape import check_shape


class DnCNN(nn.Module):
    """`depth` 3x3 convolutions of `features` channels that predict the noise; the output is input minus prediction.

    Source: Zhang et al., "Beyond a Gaussian Denoiser", TIP 2017: 17 layers, 64 features, batch normalization in all
    but the first and the last layer. Convolutions before a normalization have no bias, all others have one: 556,097
    parameters with one channel.

    With `batch_norm=False` the module's keys are those of KAIR's released networks (normalization folded into the
    convolutions), which `net.load_state_dict(torch.load("dncnn_25.pth", weights_only=True))` loads.
    """

    # contiguous / channels_last, forward and backward, 64x64, two busy CPU cores, interleaved: 1.2 times at batch 16;
    # 7 layers of 32 features without normalization, batch 32: 1.07 (medians).
    channels_last = True

    def __init__(
        self, channels: int = 1, depth: int = 17, features: int = 64, batch_norm: bool = True, residual: bool = True
    ) -> None:
        super().__init__()
        if depth < 2 or features < 1:
            raise ConfigError(f"model.depth={depth}, model.features={features}: expected at least 2 and 1")
        self.channels = channels
        self.residual = residual
        self.receptive_field = 2 * depth + 1
        layers: list[nn.Module] = [nn.Conv2d(channels, features, 3, padding=1), nn.ReLU(inplace=True)]
        for _ in range(depth - 2):
            layers.append(nn.Conv2d(features, features, 3, padding=1, bias=not batch_norm))
            if batch_norm:
                layers.append(nn.BatchNorm2d(features))
            layers.append(nn.ReLU(inplace=True))
        layers.append(nn.Conv2d(features, channels, 3, padding=1))
        self.model = nn.Sequential(*layers)

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore `degraded: (B, C, H, W)` in [0, 1], any size; the result has its shape and is not clamped."""
        check_shape("DnCNN", degraded, self.channels)
        return degraded - self.model(degraded) if self.residual else self.model(degraded)
