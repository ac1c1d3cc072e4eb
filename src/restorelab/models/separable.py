"""The convolution that the ordinary and the separable variants of a network differ in."""

from torch import nn


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, *, separable: bool = False) -> nn.Module:
    """Make an unpadded 2-d convolution with a bias, ordinary or depthwise separable.

    Separable means depthwise then pointwise, no bias and no activation between them and one bias at the end, as
    Keras' SeparableConv2D: `inputs k^2 + inputs outputs + outputs` parameters. A 1x1 convolution is replaced too (its
    depthwise part is one factor a channel): only so do the faces report's counts come out.
    """
    if not separable:
        return nn.Conv2d(inputs, outputs, kernel, stride)
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, kernel, stride, groups=inputs, bias=False),
        nn.Conv2d(inputs, outputs, 1),
    )
