"""Baseline: the degraded image itself."""

from torch import Tensor, nn

from restorelab.errors import ConfigError
from restorelab.metrics.protocol import enlarge


class Identity(nn.Module):
    """Return the input, enlarged by bicubic interpolation if the degradation downsamples by `scale`; not trained."""

    fit = False
    channels_last = False

    def __init__(self, scale: int = 1) -> None:
        super().__init__()
        if scale < 1:
            raise ConfigError(f"model.scale={scale}: expected a whole number, at least 1")
        self.scale = scale
        self.receptive_field = 1 if scale == 1 else 5

    def forward(self, degraded: Tensor) -> Tensor:
        """Return `degraded: (B, C, h, w)` as `(B, C, scale h, scale w)`; the same tensor at scale 1."""
        height, width = degraded.shape[-2:]
        return enlarge(degraded, (self.scale * height, self.scale * width))
