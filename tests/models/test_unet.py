"""The U-Net: its sizes against closed forms."""

import pytest
import torch
from torch import nn

from restorelab.errors import ConfigError
from restorelab.metrics.cost import macs, parameters
from restorelab.models.unet import UNet


def weights(kernel: int, given: int, features: int) -> int:
    return kernel * kernel * given * features + features


def test_parameters_and_multiply_accumulates_by_hand() -> None:
    with torch.device("meta"):
        net = UNet(3, (16, 24, 40), (1, 2, 3), noise_level=True)
    blocks = {16: 1 + 1, 24: 2 + 2, 40: 3}  # encoder and decoder
    expected = weights(3, 4, 16) + weights(3, 16, 3) + sum(n * 2 * weights(3, f, f) for f, n in blocks.items())
    expected += 2 * (weights(2, 16, 24) + weights(2, 24, 40)) - (24 - 16) - (40 - 24)  # biases of the transposed ones
    assert parameters(net) == expected
    per_pixel = (
        9 * 4 * 16 + 9 * 16 * 3 + sum(n * 2 * 9 * f * f / (1, 4, 16)[i] for i, (f, n) in enumerate(blocks.items()))
    )
    per_pixel += 2 * (16 * 24 + 24 * 40 / 4)  # a convolution of kernel and stride 2: each pixel is multiplied once
    assert macs(net, (3, 64, 64)) == per_pixel * 64 * 64


def test_the_receptive_field_is_what_gradients_reach() -> None:
    net = UNet(1, (4, 4, 4), (1, 2, 1))
    nn.init.normal_(net.tail.weight)
    image, reach = torch.rand(1, 1, 128, 128, requires_grad=True), 0
    for place in range(64, 68):  # all phases of the two strides
        (gradient,) = torch.autograd.grad(net(image)[0, 0, place, place], image)
        columns = gradient[0, 0].abs().sum(0).nonzero().flatten()
        reach = max(reach, place - int(columns.min()), int(columns.max()) - place)
    assert net.receptive_field == 2 * reach + 1


def test_training_begins_at_the_input() -> None:
    image = torch.rand(2, 3, 16, 24)
    assert torch.equal(UNet(3, (8, 8), (1, 1))(image), image)


@pytest.mark.parametrize(("widths", "blocks"), [((8, 8), (1,)), ((), ()), ((8, 0), (1, 1))])
def test_lists_that_do_not_fit(widths: tuple[int, ...], blocks: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="two lists of one length"):
        UNet(1, widths, blocks)
