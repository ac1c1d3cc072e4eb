"""Method III of the SVHN report: a fully connected layer that enlarges the image, then a convolutional autoencoder."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from restorelab.errors import ConfigError
from restorelab.models.activation import Output, check_output, finish
from restorelab.models.initialize import Init, initialize
from restorelab.models.shape import check_fixed, check_kernel, smaller


class CnnAE(nn.Module):
    """Fully connected 256 -> 1024, convolutions down to 8x8x16, transposed ones back; ReLU after every layer.

    Source: the SVHN report (svhn_poisson), Method III. Shapes for 32x32: 32x32x1 after the fully connected layer;
    32x32x64, 16x16x32 and 8x8x16 after a convolution and two of stride 2 ("by half in all directions"); 16x16x8 and
    32x32x1 after two transposed convolutions of stride 2. Of the latter the report says only that they increase the
    size "while reducing the number of channels". `decoder` gives the channels before the last layer: (8,) continues to
    halve them, (32,) mirrors the encoder, and (32, 64) mirrors all of it and ends with a transposed convolution of
    stride 1. The report does not state kernel sizes. 288,129 parameters with 3x3 kernels.

    `output="relu"` is the report's; see `finish` for its dead pixels and how to avoid them. `size` is that of the
    restored image; the input is `scale` times smaller.
    """

    # contiguous / channels_last, forward and backward, batch 32 of 32x32, one busy CPU core, interleaved:
    # 1.25 times (median).
    channels_last = True
    receptive_field = None

    def __init__(
        self,
        channels: int = 1,
        height: int = 32,
        width: int = 32,
        scale: int = 2,
        kernel: int = 3,
        decoder: Sequence[int] = (8,),
        output: Output = "relu",
        init: Init = "torch",
    ) -> None:
        super().__init__()
        check_output(output)
        check_kernel(kernel)
        if not decoder or min(decoder) < 1:
            raise ConfigError(
                f"model.decoder={list(decoder)}: expected the channels of one or more layers, such as [8]"
            )
        self.channels, self.output = channels, output
        self.size, self.scale = (height, width), scale
        self.given = smaller(height, width, scale, multiple=4)
        self.enlarge = nn.Linear(channels * self.given[0] * self.given[1], channels * height * width)
        self.conv1 = nn.Conv2d(channels, 64, kernel, padding=kernel // 2)
        self.conv2 = nn.Conv2d(64, 32, kernel, 2, padding=kernel // 2)
        self.conv3 = nn.Conv2d(32, 16, kernel, 2, padding=kernel // 2)
        widths = [16, *decoder, channels]
        strides = [2, 2] + [1] * (len(decoder) - 1)
        # A transposed convolution of stride 2 gives exactly twice its input's size with one pixel of output padding.
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(before, after, kernel, stride, padding=kernel // 2, output_padding=stride - 1)
            for before, after, stride in zip(widths, widths[1:], strides, strict=False)
        )
        initialize(self, init)

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore `degraded: (B, C, height / scale, width / scale)` in [0, 1] to `(B, C, height, width)`.

        The result is in [0, inf) for `output="relu"`. Raises ValueError for any other size.
        """
        check_fixed("CnnAE", degraded, self.channels, self.given)
        x = F.relu(self.enlarge(degraded.flatten(1)), inplace=True).view(-1, self.channels, *self.size)
        for layer in (self.conv1, self.conv2, self.conv3, *self.up[:-1]):
            x = F.relu(layer(x), inplace=True)
        return finish(self.up[-1](x), self.output)
