"""The autoencoders of the MNIST report."""

import pytest
import torch
import torch.nn.functional as F

from restorelab.errors import ConfigError
from restorelab.models.mnist_conv_ae import MnistConvAE
from restorelab.models.mnist_mlp_ae import MnistMlpAE


def test_conv_layers():
    shapes = []
    with torch.device("meta"):
        net = MnistConvAE()
        for module in net.children():
            module.register_forward_hook(lambda _, args, out: shapes.append((args[0].shape[1:], out.shape[1:])))
        net(torch.empty(1, 1, 28, 28))
    # Inputs show the pools: the 7x7x32 latent is what the first transposed convolution gets.
    assert shapes == [
        ((1, 28, 28), (32, 28, 28)),
        ((32, 14, 14), (32, 14, 14)),
        ((32, 7, 7), (32, 14, 14)),
        ((32, 14, 14), (32, 28, 28)),
        ((32, 28, 28), (1, 28, 28)),
    ]


def test_transposed_convolution_mirrors_keras():
    """Keras' "same": the full result, 2n + 1 long, without its last row and column; ours is the mirror image."""
    torch.manual_seed(0)
    layer = MnistConvAE().up1
    x = torch.rand(1, 32, 7, 7)
    keras = F.conv_transpose2d(x.flip(-1, -2), layer.weight.flip(-1, -2), layer.bias, 2)[..., :14, :14]
    torch.testing.assert_close(layer(x), keras.flip(-1, -2))


def test_conv_output_and_sizes():
    net = MnistConvAE()
    restored = net(torch.rand(2, 1, 32, 24))
    assert restored.shape == (2, 1, 32, 24)
    assert 0 < restored.min() < restored.max() < 1
    with pytest.raises(ValueError, match=r"height 30 .* 28 and 32"):
        net(torch.rand(1, 1, 30, 28))


@pytest.mark.parametrize("output", ["sigmoid", "relu"])
def test_mlp(output):
    torch.manual_seed(0)
    net = MnistMlpAE(output=output)
    image = torch.rand(3, 1, 28, 28)
    hidden = (image.view(3, 784) @ net.encoder.weight.T + net.encoder.bias).clamp(min=0)
    last = hidden @ net.decoder.weight.T + net.decoder.bias
    expected = 1 / (1 + (-last).exp()) if output == "sigmoid" else last.clamp(min=0)
    torch.testing.assert_close(net(image), expected.view(3, 1, 28, 28))


def test_mlp_takes_one_size():
    with pytest.raises(ValueError, match=r"only images \(B, 1, 28, 28\), got \(1, 1, 32, 32\)"):
        MnistMlpAE()(torch.rand(1, 1, 32, 32))
    assert MnistMlpAE(channels=3, height=8, width=12)(torch.rand(2, 3, 8, 12)).shape == (2, 3, 8, 12)
    with pytest.raises(ConfigError, match=r"model.output='tanh'"):
        MnistMlpAE(output="tanh")  # type: ignore[arg-type]
