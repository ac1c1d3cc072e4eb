"""The black image: what a network with a dead output gives."""

from torch import Tensor, nn

from restorelab.models.tunable import Number


class Black(nn.Module):
    """0 everywhere. Nothing to train. scale: the factor of the degradation's downsampling."""

    fit = False
    channels_last = False

    def __init__(self, scale: int = 1) -> None:
        super().__init__()
        self.scale = int(Number(scale, least=1, whole=True).check("model.scale", scale))

    def forward(self, degraded: Tensor) -> Tensor:
        """Give `(B, C, scale h, scale w)` for `degraded: (B, C, h, w)`."""
        height, width = degraded.shape[-2:]
        return degraded.new_zeros(*degraded.shape[:2], self.scale * height, self.scale * width)
