"""The classifier of the STL-10 report, for the perceptual loss and for transfer from a denoiser."""

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from restorelab.errors import ConfigError
from restorelab.models.conv_deconv import Reading, check_range, convolutions, encode, factors
from restorelab.models.initialize import STD, Init, initialize
from restorelab.models.shape import check_fixed, smaller


class Classifier(nn.Module):
    """The five convolutions of `ConvDeconv`, a fully connected layer with ReLU and dropout, and class logits.

    Source: the STL-10 report (stl10_dsc), Table 2. Shapes for 64x64x3: 64x64x64, 32x32x64, 16x16x128, 8x8x256, 4x4x518,
    1024, 10; ReLU after all layers but the last. The report does not state kernel sizes and dropout. 10,099,920
    parameters with 3x3 kernels.

    conv1 to conv5 have the names and shapes of those of `ConvDeconv`, so that `transfer=RUN` initializes them from a
    denoiser. A denoiser with gates scales the output of each layer before the next, by factors that are not among its
    weights. With the same `gates`, `reading` and `pixel_range` the activations are those of the denoiser. Without
    gates, as in the report's table, they grow by about 1 / delta at each layer, 417 times in total. The report does not
    say which it used.
    """

    # contiguous / channels_last, forward and backward, batch 4 of 64x64, one busy CPU core, interleaved:
    # 1.02 times (median).
    channels_last = True
    receptive_field = None

    def __init__(
        self,
        channels: int = 3,
        height: int = 64,
        width: int = 64,
        classes: int = 10,
        widths: Sequence[int] = (64, 64, 128, 256, 518),
        kernel: int = 3,
        hidden: int = 1024,
        dropout: float = 0.5,
        gates: Sequence[float] | None = None,
        reading: Reading = "encoder_decoder",
        pixel_range: Literal[1, 255] = 1,
        init: Init = "truncated_normal",
        std: float = STD,
    ) -> None:
        super().__init__()
        check_range(pixel_range)
        if not 0 <= dropout < 1:
            raise ConfigError(f"model.dropout={dropout}: expected a share, at least 0 and below 1")
        if classes < 1 or hidden < 1:
            raise ConfigError(f"model.classes={classes}, model.hidden={hidden}: expected at least 1")
        self.channels, self.classes, self.pixel_range = channels, classes, pixel_range
        self.onward = factors(gates, reading)[0]
        self.size = smaller(height, width, 1, multiple=16)
        self.conv1, self.conv2, self.conv3, self.conv4, self.conv5 = convolutions(channels, widths, kernel)
        self.hidden = nn.Linear(widths[4] * (height // 16) * (width // 16), hidden)
        self.dropout = nn.Dropout(dropout)
        self.logits = nn.Linear(hidden, classes)
        initialize(self, init, std)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits `(B, classes)` for `image: (B, C, height, width)` in [0, 1]; the loss applies the softmax.

        Raises ValueError for any other size.
        """
        return self.logits(self.dropout(self.features(image)))

    def features(self, image: Tensor) -> Tensor:
        """Return the output of the fully connected layer and its ReLU, before dropout: `(B, hidden)` in [0, inf).

        It is differentiable with respect to the image.
        """
        return F.relu(self.hidden(self.activations(image)[4].flatten(1)), inplace=True)

    def activations(self, image: Tensor) -> list[Tensor]:
        """Return the outputs of conv1 to conv5 after their ReLU, as `ConvDeconv.activations` does."""
        check_fixed("Classifier", image, self.channels, self.size)
        layers = (self.conv1, self.conv2, self.conv3, self.conv4, self.conv5)
        return encode(layers, image * self.pixel_range, self.onward)
