"""The convolutional autoencoder of the MNIST report."""

import torch.nn.functional as F
from torch import Tensor, nn

from restorelab.models.activation import unit
from restorelab.models.initialize import Init, initialize
from restorelab.models.shape import check_shape


class MnistConvAE(nn.Module):
    """Two convolutions with pooling, two transposed convolutions, and a convolution, all 3x3: 28,353 parameters.

    Source: the MNIST report (mnist_ae), Table II. Unlike Table I of the report, which prints pooling of stride 1 and
    transposed kernels of 2, these are 2 and 3: only so do its Table II and its 7x7x32 latent follow.
    Shapes for 28x28: 28x28x32, 14x14x32, 14x14x32, 7x7x32, 14x14x32, 28x28x32, 28x28xC.
    """

    multiple = 4
    minimum = 4
    receptive_field = 21
    # contiguous / channels_last, forward and backward, batch 128, two busy CPU cores, interleaved:
    # 1.6 times (median).
    channels_last = True

    def __init__(self, channels: int = 1, features: int = 32, init: Init = "glorot") -> None:
        super().__init__()
        self.channels = channels
        self.conv1 = nn.Conv2d(channels, features, 3, padding=1)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1)
        # The output has twice the input's size, as with "same" in Keras. Keras removes the last row and column of the
        # full result, PyTorch the first; as all other layers are symmetric, the two networks are mirror images.
        self.up1 = nn.ConvTranspose2d(features, features, 3, 2, padding=1, output_padding=1)
        self.up2 = nn.ConvTranspose2d(features, features, 3, 2, padding=1, output_padding=1)
        self.conv3 = nn.Conv2d(features, channels, 3, padding=1)
        initialize(self, init)

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore `degraded: (B, C, H, W)` in [0, 1]; the result has its shape and is in (0, 1).

        Raises ValueError unless height and width are multiples of 4.
        """
        check_shape("MnistConvAE", degraded, self.channels, self.multiple, self.minimum)
        x = F.max_pool2d(F.relu(self.conv1(degraded), inplace=True), 2)
        x = F.max_pool2d(F.relu(self.conv2(x), inplace=True), 2)
        x = F.relu(self.up1(x), inplace=True)
        x = F.relu(self.up2(x), inplace=True)
        return unit(self.conv3(x))
