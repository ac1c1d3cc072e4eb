"""The convolution/deconvolution network of the STL-10 report, plain or with gated symmetric connections."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restorelab.errors import ConfigError, nearest
from restorelab.models.activation import Output, check_output, finish
from restorelab.models.initialize import STD, Init, initialize
from restorelab.models.shape import check_kernel, check_shape

Reading = Literal["encoder_decoder", "decoder", "minute", "both"]

# The factors of X_i on its way to the next convolution and to the deconvolution, each as (a, b) for a + b delta.
READINGS: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {
    "encoder_decoder": ((0, 1), (1, -1)),
    "decoder": ((1, 0), (1, -1)),
    "minute": ((1, -1), (0, 1)),
    "both": ((0, 1), (0, 1)),
}


class ConvDeconv(nn.Module):
    """Five convolutions that reduce the size by 16 and five transposed ones back, each followed by ReLU.

    Source: the STL-10 report (stl10_dsc). Shapes for 64x64x3: convolutions 64x64x64, 32x32x64, 16x16x128, 8x8x256,
    4x4x518 (printed so twice); deconvolutions 8x8x256, 16x16x128, 32x32x64, 64x64x64, 64x64x3. The report does not
    state kernel sizes. 3,202,953 parameters with 3x3 kernels.

    `gates` are the report's delta of conv1 to conv4; None is its plain variant, without gates and connections. The
    output X_i of conv_i is scaled and passed on to the next convolution, and is scaled and added to the input of the
    deconvolution of the same size. The report prints delta without an index, so `reading` selects an interpretation:

    - `encoder_decoder`: delta_i X_i is passed on and (1 - delta_i) X_i is added, as in the formulas. The outermost
      connection passes 0.9.
    - `decoder`: X_i is passed on and (1 - delta_i) X_i is added, as in the second formula alone.
    - `minute`: (1 - delta_i) X_i is passed on and delta_i X_i is added, as in the text, which says "minute amounts" for
      the outermost connection and more between the middle layers.
    - `both`: delta_i X_i is passed on and added.

    One delta for all layers, as printed, is `gates=(0.3, 0.3, 0.3, 0.3)` in each of them.

    `pixel_range=255` computes on 0 to 255 as the report does: the input is multiplied by it, the output is divided. It
    affects the gradients, and the size of biases relative to weights. The ReLU at the output can die, which `diagnose`
    detects. With `init="torch"` and no gates the output is black from the start for one seed in ten; with the truncated
    normal for none.
    """

    multiple = 16
    minimum = 16
    # contiguous / channels_last, forward and backward, batch 4 of 64x64, one busy CPU core, interleaved:
    # 1.03 times, with gates 1.02 (medians).
    channels_last = True

    def __init__(
        self,
        channels: int = 3,
        widths: Sequence[int] = (64, 64, 128, 256, 518),
        kernel: int = 3,
        gates: Sequence[float] | None = None,
        reading: Reading = "encoder_decoder",
        output: Output = "relu",
        pixel_range: Literal[1, 255] = 1,
        init: Init = "truncated_normal",
        std: float = STD,
    ) -> None:
        super().__init__()
        check_output(output)
        check_range(pixel_range)
        self.channels, self.output, self.pixel_range = channels, output, pixel_range
        self.onward, self.across = factors(gates, reading)
        self.connected = gates is not None
        self.receptive_field = 64 * (kernel // 2) + 1  # (1 + 1 + 2 + 4 + 8) radii each way, at most
        self.conv1, self.conv2, self.conv3, self.conv4, self.conv5 = convolutions(channels, widths, kernel)
        # With one pixel of output padding, the output has exactly twice the input's size for any odd kernel.
        self.deconv1, self.deconv2, self.deconv3, self.deconv4, self.deconv5 = (
            nn.ConvTranspose2d(before, after, kernel, stride, padding=kernel // 2, output_padding=stride - 1)
            for (before, after), stride in zip(pairwise([*reversed(widths), channels]), (2, 2, 2, 2, 1), strict=True)
        )
        initialize(self, init, std)

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore `degraded: (B, C, H, W)` in [0, 1]; the result has its shape, in [0, inf) for `output="relu"`.

        Raises ValueError unless height and width are multiples of 16.
        """
        encoded = self.activations(degraded)
        x = F.relu(self.deconv1(encoded[4]), inplace=True)
        up = (self.deconv2, self.deconv3, self.deconv4, self.deconv5)
        for place, (layer, own, share) in enumerate(zip(up, encoded[3::-1], self.across[::-1], strict=True)):
            x = layer(torch.add(x, own, alpha=share) if self.connected else x)
            if place < 3:
                x = F.relu(x, inplace=True)
        return finish(x / self.pixel_range, self.output)

    def activations(self, degraded: Tensor) -> list[Tensor]:
        """Return X_1 to X_5, the outputs of conv1 to conv5 after their ReLU, for `degraded: (B, C, H, W)` in [0, 1].

        Shapes for 64x64: `(B, 64, 64, 64)`, `(B, 64, 32, 32)`, `(B, 128, 16, 16)`, `(B, 256, 8, 8)`, `(B, 518, 4, 4)`;
        values in [0, inf), on the scale of `pixel_range`.
        """
        check_shape("ConvDeconv", degraded, self.channels, self.multiple, self.minimum)
        layers = (self.conv1, self.conv2, self.conv3, self.conv4, self.conv5)
        return encode(layers, degraded * self.pixel_range, self.onward)

    @torch.no_grad()
    def diagnose(self, degraded: Tensor) -> dict[str, float]:
        """Return the share of positive values after each ReLU that can die, for a batch; 0 means that it is dead.

        `conv5` is the bottleneck: if it is dead, only the connections pass anything. `output`, for `output="relu"`: if
        it is dead, every output is black and the network cannot be trained any more.
        """
        shares = {"conv5": (self.activations(degraded)[4] > 0).float().mean().item()}
        if self.output == "relu":
            shares["output"] = (self(degraded) > 0).float().mean().item()
        return shares


def convolutions(channels: int, widths: Sequence[int], kernel: int) -> list[nn.Conv2d]:
    """Make conv1 to conv5 for images of `channels`; all but the first halve the size. Raises ConfigError."""
    check_kernel(kernel)
    if len(widths) != 5 or min(widths) < 1:
        raise ConfigError(
            f"model.widths={list(widths)}: expected five numbers of channels, such as [64, 64, 128, 256, 518]"
        )
    return [
        nn.Conv2d(before, after, kernel, stride, padding=kernel // 2)
        for (before, after), stride in zip(pairwise([channels, *widths]), (1, 2, 2, 2, 2), strict=True)
    ]


def encode(layers: Sequence[nn.Module], image: Tensor, onward: Sequence[float]) -> list[Tensor]:
    """Return X_i = ReLU(conv_i(onward_{i-1} X_{i-1})) for all layers; X_0 is the image, which is not scaled."""
    outputs: list[Tensor] = []
    x = image
    for layer, share in zip(layers, (1.0, *onward), strict=True):
        x = F.relu(layer(x if share == 1 else x * share), inplace=True)
        outputs.append(x)
    return outputs


def factors(gates: Sequence[float] | None, reading: Reading) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the factors of X_1 to X_4 on their way to the next layer, and in the connections; see `ConvDeconv`.

    Without gates these are 1 and 0. Raises ConfigError for gates that are not four numbers in [0, 1], and for an
    unknown reading.
    """
    if reading not in READINGS:
        raise ConfigError(f"model.reading={reading!r}. {nearest(reading, READINGS)}")
    if gates is None:
        return (1.0,) * 4, (0.0,) * 4
    if len(gates) != 4 or not all(0 <= gate <= 1 for gate in gates):
        raise ConfigError(
            f"model.gates={list(gates)}: expected four numbers in [0, 1], such as [0.1, 0.2, 0.3, 0.4], or null"
        )
    (a, b), (c, d) = READINGS[reading]
    return tuple(a + b * gate for gate in gates), tuple(c + d * gate for gate in gates)


def check_range(pixel_range: int) -> None:
    """Raise ConfigError for a range of intensities other than 1 and 255."""
    if pixel_range not in (1, 255):
        raise ConfigError(f"model.pixel_range={pixel_range}: expected 1, or 255 to compute on 8-bit values")
