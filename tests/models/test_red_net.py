"""RED-Net of the GoPro report: layers, where sizes change, where skips join, which variants differ in what."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from restorelab.errors import ConfigError
from restorelab.models.red_net import RedNet
from restorelab.restoring.inference import restore

VARIANTS = {
    "plain": {},
    "skip": {"skips": True},
    "pool": {"skips": True, "sampling": "pool"},
}


def small(**flags):
    torch.manual_seed(0)
    net = RedNet(features=6, **flags)
    for module in net.modules():  # statistics as after training, so that normalization is no identity
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_()
    return net.eval()


@pytest.mark.parametrize("name", VARIANTS)
def test_ten_and_ten_layers(name):
    """3x3 throughout, 64 channels, a normalization behind each but the last; no bias before one."""
    with torch.device("meta"):
        net = RedNet(**VARIANTS[name])
        image = torch.empty(2, 3, 64, 64)
        assert net(image).shape == image.shape
    convs = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    transposed = [m for m in net.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert (len(convs), len(transposed)) == ((20, 0) if name == "pool" else (10, 10))
    layers = [*(block.layer for block in [*net.convs, *net.deconvs]), net.last]
    assert [layer.kernel_size for layer in layers] == [(3, 3)] * 20
    assert [layer.in_channels for layer in layers] == [3, *[64] * 19]
    assert [layer.out_channels for layer in layers] == [*[64] * 19, 3]
    assert [layer.bias is None for layer in layers] == [True] * 19 + [False]
    assert sum(isinstance(m, nn.BatchNorm2d) for m in net.modules()) == 19
    assert sum(isinstance(m, nn.ReLU) for m in net.modules()) == 19
    by_hand = (9 * 3 * 64 + 128) + 18 * (9 * 64 * 64 + 128) + (9 * 64 * 3 + 3)
    assert sum(p.numel() for p in net.parameters()) == by_hand == 669_443


def test_prelu_has_a_slope_a_channel():
    with torch.device("meta"):
        net = RedNet(activation="prelu")
    assert sum(p.numel() for p in net.parameters()) == 669_443 + 19 * 64


@pytest.mark.parametrize("sampling", ["stride", "pool"])
def test_sizes(sampling):
    """Half behind conv3, a quarter behind conv5, and back behind their mirrors, deconv6 and deconv8."""
    sides = []
    with torch.device("meta"):
        net = RedNet(sampling=sampling, skips=True)
        for block in [*net.convs, *net.deconvs]:
            block.register_forward_hook(lambda _, args, out: sides.append(out.shape[-1]))
        net(torch.empty(1, 3, 64, 64))
    assert sides[:10] == [64, 64, 32, 32, 16, 16, 16, 16, 16, 16]
    assert sides[10:] == [16, 16, 16, 16, 16, 32, 32, 64, 64]
    strided = [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d) and m.stride == (2, 2)]
    assert len(strided) == (0 if sampling == "pool" else 4)


@pytest.mark.parametrize(
    ("flags", "giga"),
    [({}, 9.286), ({"strides": []}, 43.713), ({"sampling": "pool"}, 13.816), ({"strides": [1, 3]}, 3.681)],
)
def test_cost_at_256(flags, giga):
    """By hand, MAC of a 64-to-64 layer at full size: 9 * 64 * 64 * 256^2 = 2.416e9; 18 of them and 2 * 0.1132e9."""
    with torch.device("meta"):
        net, image = RedNet(**flags), torch.empty(1, 3, 256, 256)
    with FlopCounterMode(display=False) as counter:
        net(image)
    assert counter.get_total_flops() / 2e9 == pytest.approx(giga, abs=1e-3)


def by_hand(net, x, *, skips, pool):
    """The default network written out: conv2, 4, 6, 8 join deconv8, 6, 4, 2 behind the normalization."""
    kept = {}
    for number, block in enumerate(net.convs, start=1):
        x = F.relu(block.norm(block.layer(x)))
        if pool and number in (3, 5):
            x = F.max_pool2d(x, 2)
        kept[number] = x
    joins = {8: 2, 6: 4, 4: 6, 2: 8} if skips else {}
    for number, block in enumerate(net.deconvs, start=1):
        if pool and number in (6, 8):  # the mirrors of conv5 and conv3
            x = x.repeat_interleave(2, -1).repeat_interleave(2, -2)
        x = block.norm(block.layer(x))
        if number in joins:
            x = x + kept[joins[number]]
        x = F.relu(x)
    return torch.sigmoid(net.last(x))


@pytest.mark.parametrize("name", VARIANTS)
def test_against_the_formula(name):
    flags = VARIANTS[name]
    net, image = small(**flags), torch.rand(2, 3, 24, 32)
    expected = by_hand(net, image, skips=name != "plain", pool=name == "pool")
    assert expected.std() > 1e-3
    torch.testing.assert_close(net(image), expected)


def test_skips_change_the_output_and_add_no_weights():
    plain, skip, image = small(), small(skips=True), torch.rand(2, 3, 24, 32)
    assert plain.state_dict().keys() == skip.state_dict().keys()
    skip.load_state_dict(plain.state_dict())
    assert not torch.allclose(plain(image), skip(image), atol=1e-3)


@pytest.mark.parametrize("sampling", ["stride", "pool"])
@pytest.mark.parametrize(
    ("depth", "strides"), [(10, [1, 2]), (10, []), (5, [1, 5]), (15, [3, 6, 9]), (1, [1]), (2, [2])]
)
def test_other_depths_and_strides(depth, strides, sampling):
    net = small(depth=depth, strides=strides, sampling=sampling, skips=True)
    assert net.multiple == 2 ** len(strides)
    assert net(torch.rand(1, 3, 3 * net.multiple, 4 * net.multiple)).shape[2:] == (3 * net.multiple, 4 * net.multiple)
    if strides:
        with pytest.raises(ValueError, match=f"multiples of {net.multiple}"):
            net(torch.rand(1, 3, 16, 16 + net.multiple // 2))


@pytest.mark.parametrize("sampling", ["stride", "pool"])
@pytest.mark.parametrize(("depth", "strides"), [(10, [3, 5]), (4, [1, 3]), (4, [])])
def test_tiles_equal_the_whole(sampling, depth, strides):
    """With the default overlap, which is the receptive field's."""
    net = small(depth=depth, strides=strides, sampling=sampling, skips=True).double()
    image = torch.rand(1, 3, 30, 250).double()
    whole = restore(net, image)
    tile = net.receptive_field + 8
    torch.testing.assert_close(restore(net, image, tile=tile), whole, rtol=1e-9, atol=1e-12)
    assert whole.std() > 1e-3


def test_sigmoid_in_float32_under_autocast():
    net = small()
    with torch.no_grad():
        net.last.bias.fill_(9.0)
    with torch.autocast("cpu", torch.bfloat16):
        restored = net(torch.rand(1, 3, 16, 16))
    assert restored.dtype == torch.float32
    assert 0 < restored.min() <= restored.max() < 1


def test_gradients_reach_every_parameter():
    for flags in (*VARIANTS.values(), {"activation": "prelu", "skips": True}):
        torch.manual_seed(0)
        net = RedNet(features=6, **flags).train()
        net(torch.rand(2, 3, 16, 16)).square().mean().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in net.parameters())


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"strides": [3, 3]}, r"model.strides=\[3, 3\]: expected different numbers from 1 to model.depth=10"),
        ({"strides": [11]}, r"model.strides=\[11\]"),
        ({"depth": 0}, "model.depth=0"),
        ({"sampling": "pooling"}, "model.sampling='pooling'. Did you mean 'pool'"),
        ({"activation": "prrelu"}, "model.activation='prrelu'. Did you mean 'prelu'"),
    ],
)
def test_errors(flags, words):
    with pytest.raises(ConfigError, match=words):
        RedNet(**flags)
