"""The three networks of the SVHN report: shapes and parameters layer by layer, what they compute, what they refuse."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from restorelab.errors import ConfigError
from restorelab.models.activation import OUTPUTS
from restorelab.models.cnn import CNN
from restorelab.models.cnn_ae import CnnAE
from restorelab.models.mlp_ae import MlpAE
from restorelab.restoring.inference import restore

NETS = [MlpAE, CNN, CnnAE]
LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def walk(net, channels=1):
    """`{layer: (shape of what it gives, its parameters)}`, in order, for a 16x16 input."""
    seen = {}
    for name, module in net.named_modules():
        if isinstance(module, LAYERS):
            count = sum(p.numel() for p in module.parameters())
            module.register_forward_hook(lambda _, args, out, n=name, c=count: seen.update({n: (out.shape[1:], c)}))
    net(torch.rand(2, channels, 16, 16))
    return {name: (tuple(shape), count) for name, (shape, count) in seen.items()}


def test_mlp_ae_layers():
    assert walk(MlpAE()) == {
        "enlarge": ((1024,), 256 * 1024 + 1024),
        "encoder": ((256,), 1024 * 256 + 256),
        "decoder": ((1024,), 256 * 1024 + 1024),
    }
    assert sum(p.numel() for p in MlpAE().parameters()) == 788_736  # the report's


def test_cnn_layers():
    assert walk(CNN()) == {
        "enlarge": ((1024,), 256 * 1024 + 1024),
        "conv1": ((64, 32, 32), 9 * 1 * 64 + 64),
        "conv2": ((32, 32, 32), 9 * 64 * 32 + 32),
        "conv3": ((1, 32, 32), 9 * 32 * 1 + 1),
    }


ENCODER = {
    "enlarge": ((1024,), 256 * 1024 + 1024),
    "conv1": ((64, 32, 32), 9 * 1 * 64 + 64),
    "conv2": ((32, 16, 16), 9 * 64 * 32 + 32),
    "conv3": ((16, 8, 8), 9 * 32 * 16 + 16),
}


@pytest.mark.parametrize(
    ("decoder", "back"),
    [
        ((8,), {"up.0": ((8, 16, 16), 9 * 16 * 8 + 8), "up.1": ((1, 32, 32), 9 * 8 + 1)}),
        ((32,), {"up.0": ((32, 16, 16), 9 * 16 * 32 + 32), "up.1": ((1, 32, 32), 9 * 32 + 1)}),
        (
            (32, 64),
            {
                "up.0": ((32, 16, 16), 9 * 16 * 32 + 32),
                "up.1": ((64, 32, 32), 9 * 32 * 64 + 64),
                "up.2": ((1, 32, 32), 9 * 64 + 1),
            },
        ),
    ],
)
def test_cnn_ae_layers(decoder, back):
    assert walk(CnnAE(decoder=decoder)) == ENCODER | back


@pytest.mark.parametrize("make", NETS)
@pytest.mark.parametrize("kernel", [3, 5])
def test_other_kernels_channels_and_sizes_keep_the_output(make, kernel):
    flags = {} if make is MlpAE else {"kernel": kernel}
    net = make(channels=3, height=24, width=40, scale=2, **flags)
    assert net(torch.rand(2, 3, 12, 20)).shape == (2, 3, 24, 40)
    assert make(height=16, width=16, scale=1, **flags)(torch.rand(2, 1, 16, 16)).shape == (2, 1, 16, 16)


def by_hand(net, image):
    """Every layer followed by ReLU, the last one too."""
    x = image.flatten(1)
    for name, module in net.named_modules():
        if isinstance(module, LAYERS):
            x = F.relu(module(x))
            if name == "enlarge" and not isinstance(net, MlpAE):
                x = x.view(-1, 1, 32, 32)
    return x.view(-1, 1, 32, 32)


@pytest.mark.parametrize("make", NETS)
def test_relu_follows_every_layer(make):
    torch.manual_seed(0)
    net, image = make(), torch.rand(4, 1, 16, 16)
    last = [module for module in net.modules() if isinstance(module, LAYERS)][-1]
    with torch.no_grad():
        net.output = "linear"
        last.bias -= net(image).median()
        net.output = "relu"
    expected = by_hand(net, image)
    assert 0 < (expected == 0).float().mean() < 1  # both sides of the last ReLU are seen
    torch.testing.assert_close(net(image), expected)


@pytest.mark.parametrize("make", NETS)
@pytest.mark.parametrize("output", OUTPUTS)
def test_output_activations(make, output):
    """A pixel that the output ReLU holds at 0 for every image is alive, and learns, under the others."""
    torch.manual_seed(0)
    net, image = make(output=output), torch.rand(4, 1, 16, 16)
    last = [module for module in net.modules() if isinstance(module, LAYERS)][-1]
    with torch.no_grad():
        last.weight.mul_(0.01)
        last.bias.fill_(-1)
    restored = net(image)
    expected = {"relu": 0.0, "sigmoid": 1 / (1 + torch.e), "softplus": 0.3133, "linear": -1.0}[output]
    torch.testing.assert_close(restored.detach(), torch.full((4, 1, 32, 32), expected), atol=0.02, rtol=0)
    F.mse_loss(restored, torch.ones_like(restored)).backward()
    assert bool(last.bias.grad.any()) == (output != "relu")


@pytest.mark.parametrize("make", NETS)
def test_the_output_is_float32_under_autocast(make):
    with torch.autocast("cpu", torch.bfloat16):
        assert make()(torch.rand(2, 1, 16, 16)).dtype == torch.float32


@pytest.mark.parametrize("make", NETS)
def test_one_size_only(make):
    """`size` is that of the restored image, and `restore` takes images `scale` times smaller."""
    net = make()
    assert (net.size, net.scale) == ((32, 32), 2)
    assert restore(net, torch.rand(2, 1, 16, 16)).shape == (2, 1, 32, 32)
    name = make.__name__
    with pytest.raises(ValueError, match=rf"{name} takes only images \(B, 1, 16, 16\), got \(1, 1, 32, 32\)"):
        net(torch.rand(1, 1, 32, 32))
    with pytest.raises(ValueError, match=rf"{name} takes only images of 16x16 .* gives 32x32, got 32x32"):
        restore(net, torch.rand(1, 1, 32, 32))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MlpAE(output="relus"), "model.output='relus'. Did you mean 'relu'"),
        (lambda: MlpAE(scale=0), "model.scale=0"),
        (lambda: MlpAE(height=33), "model.height=33: expected a multiple of 2, such as 32"),
        (lambda: CnnAE(width=30), "model.width=30: expected a multiple of 4, such as 32"),
        (lambda: CNN(kernel=4), "model.kernel=4: expected an odd number"),
        (lambda: CnnAE(decoder=()), r"model.decoder=\[\]"),
        (lambda: CNN(init="glorrot"), "model.init='glorrot'. Did you mean 'glorot'"),
    ],
)
def test_errors(make, words):
    with pytest.raises(ConfigError, match=words):
        make()
