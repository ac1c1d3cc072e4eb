"""The network of the STL-10 report: its table of layers, its gates by hand, its readings."""

import pytest
import torch
import torch.nn.functional as F

from restorelab.errors import ConfigError
from restorelab.models.conv_deconv import READINGS, ConvDeconv, factors
from restorelab.restoring.inference import restore

GATES = (0.1, 0.2, 0.3, 0.4)
# The report's Table 1, (channels, side) for 64x64x3, and the parameters of kernels of 3x3.
LAYERS = {
    "conv1": (64, 64, 9 * 3 * 64 + 64), "conv2": (64, 32, 9 * 64 * 64 + 64), "conv3": (128, 16, 9 * 64 * 128 + 128),
    "conv4": (256, 8, 9 * 128 * 256 + 256), "conv5": (518, 4, 9 * 256 * 518 + 518),
    "deconv1": (256, 8, 9 * 518 * 256 + 256), "deconv2": (128, 16, 9 * 256 * 128 + 128),
    "deconv3": (64, 32, 9 * 128 * 64 + 64), "deconv4": (64, 64, 9 * 64 * 64 + 64), "deconv5": (3, 64, 9 * 64 * 3 + 3),
}  # fmt: skip


def small(**flags):
    """Few channels, and large weights, so that a wrong factor shows."""
    torch.manual_seed(0)
    return ConvDeconv(widths=(4, 5, 6, 7, 8), init="glorot", **flags)


@pytest.mark.parametrize("gates", [None, GATES])
def test_layers(gates):
    seen = {}
    with torch.device("meta"):
        net = ConvDeconv(gates=gates)
        for name, module in net.named_children():
            count = sum(p.numel() for p in module.parameters())
            module.register_forward_hook(
                lambda _, args, out, n=name, c=count: seen.update({n: (out.shape[1], out.shape[2], c)})
            )
        image = torch.empty(2, 3, 64, 64)
        assert net(image).shape == image.shape
        activations = [tuple(x.shape[1:]) for x in net.activations(image)]
    assert seen == LAYERS
    assert activations == [(c, side, side) for c, side, _ in list(LAYERS.values())[:5]]
    assert sum(p.numel() for p in net.parameters()) == 3_202_953


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("size", [(16, 16), (48, 80)])
def test_any_multiple_of_16(kernel, size):
    net = small(kernel=kernel, gates=GATES)
    assert net(torch.rand(1, 3, *size)).shape == (1, 3, *size)
    with pytest.raises(ValueError, match=r"multiples of 16 .* height 40 .* 32 and 48"):
        net(torch.rand(1, 3, 40, 64))


def by_hand(net, x, onward, across):
    """X_i = ReLU(conv_i(onward_{i-1} X_{i-1})), then ReLU(deconv(X' + across_i X_i)), written out."""
    x1 = F.relu(net.conv1(x))
    x2 = F.relu(net.conv2(onward[0] * x1))
    x3 = F.relu(net.conv3(onward[1] * x2))
    x4 = F.relu(net.conv4(onward[2] * x3))
    x5 = F.relu(net.conv5(onward[3] * x4))
    y = F.relu(net.deconv1(x5))
    y = F.relu(net.deconv2(y + across[3] * x4))
    y = F.relu(net.deconv3(y + across[2] * x3))
    y = F.relu(net.deconv4(y + across[1] * x2))
    return F.relu(net.deconv5(y + across[0] * x1))


@pytest.mark.parametrize(
    ("reading", "onward", "across"),
    [
        ("encoder_decoder", GATES, (0.9, 0.8, 0.7, 0.6)),  # the formulas
        ("decoder", (1, 1, 1, 1), (0.9, 0.8, 0.7, 0.6)),
        ("minute", (0.9, 0.8, 0.7, 0.6), GATES),  # the text
        ("both", GATES, GATES),
    ],
)
def test_gates(reading, onward, across):
    net, image = small(gates=GATES, reading=reading), torch.rand(2, 3, 32, 48)
    expected = by_hand(net, image, onward, across)
    assert 0 < (expected > 0).float().mean() < 1
    torch.testing.assert_close(net(image), expected)
    assert factors(GATES, reading) == (pytest.approx(onward), pytest.approx(across))


def test_without_gates_nothing_goes_across():
    plain, image = small(), torch.rand(2, 3, 32, 32)
    expected = by_hand(plain, image, (1, 1, 1, 1), (0, 0, 0, 0))
    torch.testing.assert_close(plain(image), expected)
    for reading in READINGS:  # without gates there is nothing to read differently
        assert torch.equal(small(reading=reading)(image), plain(image))
    # Gates of 1 pass all on and nothing across: the plain network, from the same weights.
    open_gates = small(gates=(1, 1, 1, 1))
    assert open_gates.state_dict().keys() == plain.state_dict().keys()
    torch.testing.assert_close(open_gates(image), expected)
    results = [small(gates=GATES, reading=reading)(image) for reading in READINGS]
    assert all(not torch.allclose(a, b) for i, a in enumerate([plain(image), *results]) for b in results[i:])


def test_activations_are_what_the_network_computes():
    net, image = small(gates=GATES), torch.rand(2, 3, 32, 32)
    one, two, *_ = net.activations(image)
    torch.testing.assert_close(one, F.relu(net.conv1(image)))
    torch.testing.assert_close(two, F.relu(net.conv2(0.1 * one)))


@pytest.mark.parametrize("output", ["relu", "sigmoid", "softplus", "linear"])
def test_pixel_range(output):
    """255 computes with 255 times the input and divides the output: the same but for the biases."""
    image = torch.rand(2, 3, 32, 32)
    one, other = small(output=output), small(output=output, pixel_range=255)
    torch.testing.assert_close(one(image), other(image))  # biases start at 0
    torch.testing.assert_close(other.activations(image)[0], 255 * one.activations(image)[0], rtol=1e-5, atol=1e-4)
    with torch.no_grad():
        for net in (one, other):
            net.deconv5.bias.fill_(0.5)
    given = {"relu": torch.relu, "sigmoid": torch.sigmoid, "softplus": F.softplus, "linear": lambda x: x}[output]
    linear = small(output="linear")(image)
    torch.testing.assert_close(other(image), given(linear + 0.5 / 255))
    torch.testing.assert_close(one(image), given(linear + 0.5))


@pytest.mark.parametrize("gates", [None, GATES])
def test_the_default_start_is_alive(gates):
    image = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for seed in range(3):
        torch.manual_seed(seed)
        shares = ConvDeconv(gates=gates).diagnose(image)
        assert set(shares) == {"conv5", "output"}
        assert min(shares.values()) > 0


def test_diagnose_sees_a_dead_output_and_a_dead_middle():
    image = torch.rand(2, 3, 32, 32)
    for name, part in (("deconv5", "output"), ("conv5", "conv5")):
        net = small(gates=GATES)
        with torch.no_grad():
            net.get_submodule(name).bias.fill_(-1e3)
        shares = net.diagnose(image)
        assert [key for key, share in shares.items() if share == 0] == [part]
        if part == "output":
            net(image).sum().backward()
            assert not any(p.grad is not None and p.grad.any() for p in net.parameters())  # nothing revives it
    assert set(small(output="softplus").diagnose(image)) == {"conv5"}


@pytest.mark.parametrize(("kernel", "tile"), [(3, 96), (5, 160)])
def test_tiles_equal_the_whole(kernel, tile):
    net, image = small(kernel=kernel, gates=GATES).double(), torch.rand(1, 3, 70, 210).double()
    whole = restore(net, image)
    torch.testing.assert_close(restore(net, image, tile=tile), whole, rtol=1e-9, atol=1e-12)
    assert whole.std() > 1e-3


def test_autocast():
    net, image = small(gates=GATES), torch.rand(2, 3, 32, 32)
    with torch.autocast("cpu", torch.bfloat16):
        restored = net(image)
    assert restored.dtype == torch.float32
    torch.testing.assert_close(restored, net(image), atol=0.05, rtol=0.1)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"gates": (0.1, 0.2)}, r"model.gates=\[0.1, 0.2\]: expected four numbers"),
        ({"gates": (0.1, 0.2, 0.3, 4)}, r"model.gates=\[0.1, 0.2, 0.3, 4\]: expected four numbers in \[0, 1\]"),
        ({"reading": "encoder"}, "model.reading='encoder'. Did you mean 'decoder'|Did you mean 'encoder_decoder'"),
        ({"widths": (64, 64)}, r"model.widths=\[64, 64\]: expected five"),
        ({"pixel_range": 256}, "model.pixel_range=256: expected 1, or 255"),
        ({"kernel": 2}, "model.kernel=2"),
        ({"output": "tanh"}, "model.output='tanh'"),
        ({"init": "normal"}, "model.init='normal'"),
    ],
)
def test_errors(flags, words):
    with pytest.raises(ConfigError, match=words):
        ConvDeconv(**flags)
    if "gates" not in flags:
        return
    with pytest.raises(ValueError, match=r"model.channels=3"):
        ConvDeconv()(torch.rand(1, 1, 32, 32))
