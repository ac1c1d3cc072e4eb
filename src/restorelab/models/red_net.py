"""RED-Net as in the GoPro report: convolutions and as many transposed convolutions, with or without skips."""

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from restorelab.errors import ConfigError, nearest
from restorelab.models.activation import unit
from restorelab.models.initialize import Init, initialize
from restorelab.models.shape import check_shape

Activation = Literal["relu", "prelu"]
Sampling = Literal["stride", "pool"]


class Block(nn.Module):
    """A convolution, batch normalization, the addition of a skip, an activation, and a change of size around them."""

    def __init__(
        self, layer: nn.Module, features: int, activation: Activation, *, pool: bool = False, enlarge: bool = False
    ) -> None:
        super().__init__()
        self.layer = layer
        self.norm = nn.BatchNorm2d(features)
        self.activation = nn.ReLU(inplace=True) if activation == "relu" else nn.PReLU(features)
        self.pool, self.enlarge = pool, enlarge

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """Map `(B, C, H, W)` to `(B, features, H', W')`; `skip` has the result's shape."""
        x = self.norm(self.layer(F.interpolate(x, scale_factor=2.0, mode="nearest") if self.enlarge else x))
        x = self.activation(x if skip is None else x + skip)
        return F.max_pool2d(x, 2) if self.pool else x


class RedNet(nn.Module):
    """`depth` 3x3 convolutions, then as many transposed ones, of `features` channels, with a sigmoid at the end.

    Source: the GoPro report (gopro_rednet), after Mao et al., "Image Restoration Using Very Deep Convolutional
    Encoder-Decoder Networks with Symmetric Skip Connections", NIPS 2016. Ten and ten layers of 64 channels; each but
    the last is followed by batch normalization and ReLU (or PReLU with one slope per channel), the last by a sigmoid.
    669,443 parameters with three channels, with or without skips. Convolutions before a normalization have no bias.

    `skips` connect every second convolution to the transposed one of the same size: for ten layers conv2, 4, 6, 8 to
    deconv8, 6, 4, 2. The sum is between the normalization and the activation, as in Mao et al.: after a ReLU, the
    report's "ReLU after the sum" would have no effect. Unlike Mao et al., the input is not added to the output, which
    ends in a sigmoid.

    `strides` are the numbers of the convolutions that halve the size; the corresponding transposed ones double it. The
    report does not state them; Mao et al. use none. With (3, 5), conv1 and conv2 and their counterparts are at full
    size, where the outermost skip starts, conv3 and conv4 at half, and the others at a quarter; it takes 9.3 GMAC for a
    256x256 image, without strides 43.7. `sampling="pool"` is the report's third variant: max pooling after those
    convolutions instead of strides, and nearest-neighbor upsampling and convolutions instead of all transposed ones;
    it has as many parameters and takes 13.8 GMAC.
    """

    # contiguous / channels_last, forward and backward, one image of 64x64, one busy CPU core, interleaved:
    # 1.2 times, with skips 1.2, with pools 1.1 (medians).
    channels_last = True

    def __init__(
        self,
        channels: int = 3,
        depth: int = 10,
        features: int = 64,
        strides: Sequence[int] = (3, 5),
        sampling: Sampling = "stride",
        skips: bool = False,
        activation: Activation = "relu",
        init: Init = "torch",
    ) -> None:
        super().__init__()
        for name, given, allowed in (
            ("sampling", sampling, ("stride", "pool")),
            ("activation", activation, ("relu", "prelu")),
        ):
            if given not in allowed:
                raise ConfigError(f"model.{name}={given!r}. {nearest(given, allowed)}")
        if depth < 1 or features < 1:
            raise ConfigError(f"model.depth={depth}, model.features={features}: expected at least 1")
        if len(set(strides)) != len(strides) or not all(1 <= place <= depth for place in strides):
            raise ConfigError(
                f"model.strides={list(strides)}: expected different numbers from 1 to model.depth={depth}, or []"
            )
        self.channels, self.skips = channels, skips
        self.multiple = self.minimum = 2 ** len(strides)
        self.receptive_field = field(depth, strides, sampling)
        pooled = sampling == "pool"

        def down(place: int) -> Block:
            halves = place in strides
            inputs, stride = channels if place == 1 else features, 2 if halves and not pooled else 1
            layer = nn.Conv2d(inputs, features, 3, stride, padding=1, bias=False)
            return Block(layer, features, activation, pool=halves and pooled)

        def up(place: int, outputs: int, *, bias: bool) -> nn.Module:
            """Make the layer that corresponds to conv `place`, without what `Block` adds."""
            if pooled:
                return nn.Conv2d(features, outputs, 3, padding=1, bias=bias)
            stride = 2 if place in strides else 1
            return nn.ConvTranspose2d(features, outputs, 3, stride, 1, output_padding=stride - 1, bias=bias)

        self.convs = nn.ModuleList(down(place) for place in range(1, depth + 1))
        self.deconvs = nn.ModuleList(
            Block(up(place, features, bias=False), features, activation, enlarge=pooled and place in strides)
            for place in range(depth, 1, -1)
        )
        self.enlarge_last = pooled and 1 in strides
        self.last = up(1, channels, bias=True)
        initialize(self, init)

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore `degraded: (B, C, H, W)` in [0, 1]; the result has its shape and is in (0, 1).

        Raises ValueError unless height and width are multiples of `multiple`, a factor of 2 for each of `strides`.
        """
        check_shape("RedNet", degraded, self.channels, self.multiple, self.minimum)
        kept: dict[int, Tensor] = {}
        x = degraded
        for place, block in enumerate(self.convs, start=1):
            x = block(x)
            if self.skips and place % 2 == 0:
                kept[len(self.convs) - place] = x
        for place, block in enumerate(self.deconvs, start=1):
            x = block(x, kept.get(place))
        return unit(self.last(F.interpolate(x, scale_factor=2.0, mode="nearest") if self.enlarge_last else x))


def field(depth: int, strides: Sequence[int], sampling: Sampling) -> int:
    """Return the receptive field: the most input pixels, along a side, that an output pixel depends on.

    A layer adds one pixel, at its finer resolution, in both directions. A pooled pixel also depends on its right
    neighbor, an upsampled one on its left.
    """
    radius, size = 0, 1
    for place in range(1, depth + 1):
        radius += 2 * size  # the convolution and its counterpart
        if place in strides:
            radius += size if sampling == "pool" else 0
            size *= 2
    return 2 * radius + 1
