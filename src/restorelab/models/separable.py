"""Convolutions of the ordinary and of the depthwise separable variants of networks."""

from torch import nn


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, *, separable: bool = False) -> nn.Module:
    """Make an unpadded 2-d convolution with a bias, ordinary or depthwise separable.

    A separable one is a depthwise convolution without bias followed by a pointwise one with bias, without an activation
    between them, as Keras' SeparableConv2D: `inputs k^2 + inputs outputs + outputs` parameters. This includes 1x1
    convolutions, whose depthwise part is one factor per channel, as the faces report's parameter counts require.
    """
    if not separable:
        return nn.Conv2d(inputs, outputs, kernel, stride)
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, kernel, stride, groups=inputs, bias=False),
        nn.Conv2d(inputs, outputs, 1),
    )
