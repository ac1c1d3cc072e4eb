"""The classifier of the STL-10 report: its layers, its features, and convolutions that come from a denoiser."""

import pytest
import torch
import torch.nn.functional as F

from restorelab.errors import ConfigError
from restorelab.models.classifier import Classifier
from restorelab.models.conv_deconv import ConvDeconv
from restorelab.models.weights import transfer

GATES = (0.1, 0.2, 0.3, 0.4)
WIDTHS = (4, 5, 6, 7, 8)


def small(**flags):
    torch.manual_seed(1)
    return Classifier(height=32, width=32, widths=WIDTHS, hidden=12, init="glorot", **flags)


def test_layers():
    seen = {}
    with torch.device("meta"):
        net = Classifier()
        for name, module in net.named_children():
            count = sum(p.numel() for p in module.parameters())
            module.register_forward_hook(
                lambda _, args, out, n=name, c=count: seen.update({n: (tuple(out.shape[1:]), c)})
            )
        image = torch.empty(2, 3, 64, 64)
        assert net(image).shape == (2, 10)
        assert net.features(image).shape == (2, 1024)
    seen.pop("dropout")
    assert seen == {
        "conv1": ((64, 64, 64), 9 * 3 * 64 + 64),
        "conv2": ((64, 32, 32), 9 * 64 * 64 + 64),
        "conv3": ((128, 16, 16), 9 * 64 * 128 + 128),
        "conv4": ((256, 8, 8), 9 * 128 * 256 + 256),
        "conv5": ((518, 4, 4), 9 * 256 * 518 + 518),
        "hidden": ((1024,), 518 * 16 * 1024 + 1024),
        "logits": ((10,), 1024 * 10 + 10),
    }
    assert sum(p.numel() for p in net.parameters()) == 10_099_920
    assert (net.classes, net.size) == (10, (64, 64))


def test_what_it_computes():
    net, image = small().eval(), torch.rand(2, 3, 32, 32)
    x = image
    for layer in (net.conv1, net.conv2, net.conv3, net.conv4, net.conv5):
        x = F.relu(layer(x))
    features = F.relu(net.hidden(x.flatten(1)))
    assert 0 < (features == 0).float().mean() < 1
    torch.testing.assert_close(net.features(image), features)
    torch.testing.assert_close(net(image), net.logits(features))
    torch.testing.assert_close(net.activations(image)[4], x)


def test_dropout_acts_in_training_and_behind_the_features():
    net, image = small(dropout=0.5), torch.rand(2, 3, 32, 32)
    assert torch.equal(net.features(image), net.features(image))
    assert not torch.equal(net(image), net(image))
    net.eval()
    assert torch.equal(net(image), net(image))


def test_features_pass_gradients_to_the_image():
    """The perceptual loss needs them."""
    image = torch.rand(1, 3, 32, 32, requires_grad=True)
    net = small().requires_grad_(False)
    (gradient,) = torch.autograd.grad(net.features(image).sum(), image)
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("gates", [None, GATES])
def test_a_denoiser_starts_its_convolutions(gates, tmp_path):
    torch.manual_seed(0)
    denoiser = ConvDeconv(widths=WIDTHS, init="glorot", gates=gates)
    for parameter in denoiser.parameters():
        parameter.data += 0.01  # biases too, as after training
    torch.save(denoiser.state_dict(), tmp_path / "denoiser.pt")
    net, image = small(gates=gates), torch.rand(2, 3, 32, 32)
    before = net.state_dict()["hidden.weight"].clone()
    assert not torch.allclose(net.activations(image)[4], denoiser.activations(image)[4])
    loaded = transfer(net, tmp_path / "denoiser.pt")
    assert loaded == [f"conv{i}.{part}" for i in range(1, 6) for part in ("weight", "bias")]
    for own, its in zip(net.activations(image), denoiser.activations(image), strict=True):
        torch.testing.assert_close(own, its)
    assert torch.equal(net.state_dict()["hidden.weight"], before)


def test_a_denoiser_of_other_shapes_is_refused(tmp_path):
    torch.save(ConvDeconv(channels=1, widths=WIDTHS).state_dict(), tmp_path / "gray.pt")
    net = small()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with pytest.raises(ConfigError, match=r"conv1.weight is \(4, 1, 3, 3\), not \(4, 3, 3, 3\)"):
        transfer(net, tmp_path / "gray.pt")
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"height": 60}, "model.height=60: expected a multiple of 16, such as 64"),
        ({"dropout": 1.0}, "model.dropout=1.0"),
        ({"classes": 0}, "model.classes=0"),
        ({"gates": (0.1,)}, "model.gates"),
        ({"pixel_range": 2}, "model.pixel_range=2"),
    ],
)
def test_errors(flags, words):
    with pytest.raises(ConfigError, match=words):
        Classifier(**flags)


def test_one_size_only():
    with pytest.raises(ValueError, match=r"Classifier takes only images \(B, 3, 32, 32\)"):
        small()(torch.rand(1, 3, 64, 64))
