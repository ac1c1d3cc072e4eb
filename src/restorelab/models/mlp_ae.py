"""Method I of the SVHN report: a fully connected autoencoder that enlarges the image."""

import torch.nn.functional as F
from torch import Tensor, nn

from restorelab.models.activation import Output, check_output, finish
from restorelab.models.initialize import Init, initialize
from restorelab.models.shape import check_fixed, smaller


class MlpAE(nn.Module):
    """256 -> 1024 -> 256 -> 1024 units with ReLU after every layer, 788,736 parameters at 32x32.

    Source: the SVHN report (svhn_poisson), Method I. The first layer enlarges the image, the other two are an
    autoencoder. In general, the layers have as many units as the input and the output have values, alternately.

    `output="relu"` is the report's; see `finish` for its dead pixels and how to avoid them. `size` is that of the
    restored image; the input is `scale` times smaller.
    """

    channels_last = False
    receptive_field = None

    def __init__(
        self,
        channels: int = 1,
        height: int = 32,
        width: int = 32,
        scale: int = 2,
        output: Output = "relu",
        init: Init = "torch",
    ) -> None:
        super().__init__()
        check_output(output)
        self.channels, self.output = channels, output
        self.size, self.scale = (height, width), scale
        self.given = smaller(height, width, scale)
        inputs, outputs = channels * self.given[0] * self.given[1], channels * height * width
        self.enlarge = nn.Linear(inputs, outputs)
        self.encoder = nn.Linear(outputs, inputs)
        self.decoder = nn.Linear(inputs, outputs)
        initialize(self, init)

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore `degraded: (B, C, height / scale, width / scale)` in [0, 1] to `(B, C, height, width)`.

        The result is in [0, inf) for `output="relu"`. Raises ValueError for any other size.
        """
        check_fixed("MlpAE", degraded, self.channels, self.given)
        x = F.relu(self.enlarge(degraded.flatten(1)), inplace=True)
        x = F.relu(self.encoder(x), inplace=True)
        return finish(self.decoder(x), self.output).view(-1, self.channels, *self.size)
