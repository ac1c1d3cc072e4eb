"""The single autoencoder of the faces report."""

import torch.nn.functional as F
from torch import Tensor, nn

from restorelab.models.activation import unit
from restorelab.models.initialize import Init, initialize
from restorelab.models.separable import convolution
from restorelab.models.shape import check_shape


class AE(nn.Module):
    """Three unpadded convolutions down and three transposed convolutions up, with ReLU between and sigmoid at the end.

    Source: the faces report (faces_dual_ae): its layer shapes and its table of trainable parameters, 36,386 (ordinary)
    and 15,760 (separable) with one channel. `separable` replaces the three convolutions, but not the transposed ones,
    by depthwise separable convolutions.

    Shapes for 100x100: 98x98x50, 48x48x35, 23x23x25, 47x47x25, 95x95x25, 100x100xC. The output has the size of the
    input if height and width are multiples of 4 and at least 12.
    """

    multiple = 4
    minimum = 12
    receptive_field = 23
    # contiguous / channels_last, forward and backward, batch 128 of 100x100, two busy CPU cores, interleaved:
    # 2.3 to 2.8 times, separable 2.7 to 3.1 (medians of two runs).
    channels_last = True

    def __init__(self, channels: int = 1, separable: bool = False, init: Init = "glorot") -> None:
        super().__init__()
        self.channels = channels
        self.conv1 = convolution(channels, 50, 3, separable=separable)
        self.conv2 = convolution(50, 35, 3, 2, separable=separable)
        self.conv3 = convolution(35, 25, 3, 2, separable=separable)
        self.up1 = nn.ConvTranspose2d(25, 25, 3, 2)
        self.up2 = nn.ConvTranspose2d(25, 25, 3, 2)
        self.up3 = nn.ConvTranspose2d(25, channels, 6)
        initialize(self, init)

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore `degraded: (B, C, H, W)` in [0, 1]; the result has its shape and is in (0, 1).

        Raises ValueError for a size that the output would not have.
        """
        check_shape("AE", degraded, self.channels, self.multiple, self.minimum)
        x = F.relu(self.conv1(degraded), inplace=True)
        x = F.relu(self.conv2(x), inplace=True)
        x = F.relu(self.conv3(x), inplace=True)
        x = F.relu(self.up1(x), inplace=True)
        x = F.relu(self.up2(x), inplace=True)
        return unit(self.up3(x))
