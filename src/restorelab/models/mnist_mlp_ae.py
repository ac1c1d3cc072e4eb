"""The fully connected autoencoder of the MNIST report."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from restorelab.errors import ConfigError, nearest
from restorelab.models.activation import unit
from restorelab.models.initialize import Init, initialize
from restorelab.models.shape import check_fixed


class MnistMlpAE(nn.Module):
    """784 -> `hidden` with ReLU -> 784 with sigmoid or ReLU: 101,200 parameters at 28x28 and 64 hidden units.

    Source: the MNIST report (mnist_ae), Table II. `output="relu"` is equation 3 of the report; with a BCE of clamped
    probabilities, training then oscillates between 0.206 and 0.245, which explains the 0.2305 that it prints.
    """

    channels_last = False
    receptive_field = None

    def __init__(
        self,
        channels: int = 1,
        height: int = 28,
        width: int = 28,
        hidden: int = 64,
        output: Literal["sigmoid", "relu"] = "sigmoid",
        init: Init = "glorot",
    ) -> None:
        super().__init__()
        if output not in ("sigmoid", "relu"):
            raise ConfigError(f"model.output={output!r}. {nearest(output, ['sigmoid', 'relu'])}")
        self.channels = channels
        self.size = (height, width)
        self.output = output
        self.encoder = nn.Linear(channels * height * width, hidden)
        self.decoder = nn.Linear(hidden, channels * height * width)
        initialize(self, init)

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore `degraded: (B, C, height, width)` in [0, 1]; the result has its shape, in (0, 1) or in [0, inf).

        Raises ValueError for any other size.
        """
        check_fixed("MnistMlpAE", degraded, self.channels, self.size)
        x = self.decoder(F.relu(self.encoder(degraded.flatten(1)), inplace=True))
        return (unit(x) if self.output == "sigmoid" else F.relu(x)).view(-1, self.channels, *self.size)
