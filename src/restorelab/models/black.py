"""Baseline: a black image, the output of a network whose last layer is dead."""

from torch import Tensor, nn

from restorelab.models.tunable import Number


class Black(nn.Module):
    """0 everywhere; not trained. scale: the factor of the degradation's downsampling."""

    fit = False
    channels_last = False

    def __init__(self, scale: int = 1) -> None:
        super().__init__()
        self.scale = int(Number(scale, least=1, whole=True).check("model.scale", scale))

    def forward(self, degraded: Tensor) -> Tensor:
        """Return `(B, C, scale h, scale w)` for `degraded: (B, C, h, w)`."""
        height, width = degraded.shape[-2:]
        return degraded.new_zeros(*degraded.shape[:2], self.scale * height, self.scale * width)
