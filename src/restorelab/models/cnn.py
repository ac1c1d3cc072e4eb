"""Method II of the SVHN report: a fully connected layer that enlarges the image, then convolutions at constant size."""

import torch.nn.functional as F
from torch import Tensor, nn

from restorelab.models.activation import Output, check_output, finish
from restorelab.models.initialize import Init, initialize
from restorelab.models.shape import check_fixed, check_kernel, smaller


class CNN(nn.Module):
    """Fully connected 256 -> 1024, reshaped to 32x32x1, convolutions to 64, 32, 1 channels; ReLU after every layer.

    Source: the SVHN report (svhn_poisson), Method II. Unlike the report, the fully connected layer has 1024 units; its
    1028 cannot be reshaped to 32x32. The report does not state kernel sizes. 282,561 parameters with 3x3 kernels.

    `output="relu"` is the report's; see `finish` for its dead pixels and how to avoid them. `size` is that of the
    restored image; the input is `scale` times smaller.
    """

    # contiguous / channels_last, forward and backward, batch 32 of 32x32, one busy CPU core, interleaved:
    # 1.2 times (median).
    channels_last = True
    receptive_field = None

    def __init__(
        self,
        channels: int = 1,
        height: int = 32,
        width: int = 32,
        scale: int = 2,
        kernel: int = 3,
        output: Output = "relu",
        init: Init = "torch",
    ) -> None:
        super().__init__()
        check_output(output)
        check_kernel(kernel)
        self.channels, self.output = channels, output
        self.size, self.scale = (height, width), scale
        self.given = smaller(height, width, scale)
        self.enlarge = nn.Linear(channels * self.given[0] * self.given[1], channels * height * width)
        self.conv1 = nn.Conv2d(channels, 64, kernel, padding=kernel // 2)
        self.conv2 = nn.Conv2d(64, 32, kernel, padding=kernel // 2)
        self.conv3 = nn.Conv2d(32, channels, kernel, padding=kernel // 2)
        initialize(self, init)

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore `degraded: (B, C, height / scale, width / scale)` in [0, 1] to `(B, C, height, width)`.

        The result is in [0, inf) for `output="relu"`. Raises ValueError for any other size.
        """
        check_fixed("CNN", degraded, self.channels, self.given)
        x = F.relu(self.enlarge(degraded.flatten(1)), inplace=True).view(-1, self.channels, *self.size)
        x = F.relu(self.conv1(x), inplace=True)
        x = F.relu(self.conv2(x), inplace=True)
        return finish(self.conv3(x), self.output)
