"""The autoencoders of the faces report: sizes layer by layer, where the skips join, which sizes come back."""

import pytest
import torch
import torch.nn.functional as F

from restorelab.errors import ConfigError
from restorelab.models.ae import AE
from restorelab.models.dual_ae import DualAE

# channels, side: the report's layer table for 100x100.
FIRST = {
    "conv1": (50, 98), "conv2": (35, 48), "conv3": (25, 23),
    "up1": (25, 47), "up2": (25, 95), "up3": (1, 100),
}  # fmt: skip
SECOND = {
    "conv4": (25, 98), "conv5": (25, 96), "conv6": (50, 47),
    "up4": (50, 95), "up5": (25, 97), "up6": (1, 100),
}  # fmt: skip
SKIPS = {"skip_a": (25, 98), "skip_b": (25, 48), "skip_c": (50, 23), "skip_c_up": (1, 47)}

# One layer's parameters: the report's table.
ORDINARY = {
    "conv1": 500, "conv2": 15_785, "conv3": 7_900, "up1": 5_650, "up2": 5_650, "up3": 901,
    "conv4": 250, "conv5": 5_650, "conv6": 11_300, "up4": 22_550, "up5": 11_275, "up6": 401,
    "skip_a": 1_275, "skip_b": 900, "skip_c": 1_300, "skip_c_up": 201,
}  # fmt: skip
SEPARABLE = ORDINARY | {
    "conv1": 109, "conv2": 2_235, "conv3": 1_215, "conv4": 59, "conv5": 875, "conv6": 1_525,
    "skip_a": 1_325, "skip_b": 935, "skip_c": 1_325,
}  # fmt: skip


def record(net, image):
    """What goes into and comes out of every layer, `{name: (input, output)}`."""
    seen = {}
    for name, module in net.named_children():
        module.register_forward_hook(lambda _, args, out, name=name: seen.update({name: (args[0], out)}))
    net(image)
    return seen


@pytest.mark.parametrize("separable", [False, True])
@pytest.mark.parametrize(
    ("make", "table"),
    [
        (AE, FIRST),
        (DualAE, FIRST | SECOND),
        (lambda **flags: DualAE(skips=True, **flags), FIRST | SECOND | SKIPS),
    ],
    ids=["ae", "dual_ae", "dual_ae_skip"],
)
def test_layers(make, table, separable):
    with torch.device("meta"):
        net = make(separable=separable)
        seen = record(net, torch.empty(1, 1, 100, 100))
    assert {name: (out.shape[1], out.shape[2]) for name, (_, out) in seen.items()} == table
    counts = {name: sum(p.numel() for p in module.parameters()) for name, module in net.named_children()}
    assert counts == {name: (SEPARABLE if separable else ORDINARY)[name] for name in table}


def test_skips_join_behind_the_relu_and_nothing_follows_the_sum():
    torch.manual_seed(0)
    net = DualAE(skips=True)
    with torch.no_grad():
        seen = record(net, torch.rand(2, 1, 32, 32))
        # ReLU works in place, so what a hook kept is already rectified; relu() makes the test independent of that.
        a, b, c = (seen[name][1].relu() for name in ("skip_a", "skip_b", "skip_c_up"))
        torch.testing.assert_close(seen["conv5"][0], seen["conv4"][1].relu() + a)
        b = b.repeat_interleave(2, -1).repeat_interleave(2, -2)
        torch.testing.assert_close(seen["conv6"][0], seen["conv5"][1].relu() + b)
        torch.testing.assert_close(seen["up4"][0], seen["conv6"][1].relu() + c.expand(-1, 50, -1, -1))
        middle = seen["skip_c"][1].relu().repeat_interleave(2, -1).repeat_interleave(2, -2)
        torch.testing.assert_close(seen["skip_c_up"][0], middle)
    sources = [(seen["skip_a"], "conv1"), (seen["skip_b"], "conv2"), (seen["skip_c"], "conv3")]
    for (given, _), source in sources:
        torch.testing.assert_close(given, seen[source][1].relu())


def test_silent_skips_leave_the_dual_autoencoder():
    torch.manual_seed(0)
    net, plain = DualAE(skips=True), DualAE()
    plain.load_state_dict({name: value for name, value in net.state_dict().items() if not name.startswith("skip")})
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if name.startswith("skip"):
                parameter.zero_()
        image = torch.rand(2, 1, 32, 32)
        torch.testing.assert_close(net(image), plain(image))
        assert not torch.allclose(DualAE(skips=True)(image), plain(image))


def test_stages():
    torch.manual_seed(0)
    net = DualAE()
    image = torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        first, restored = net.stages(image)
        assert torch.equal(restored, net(image))
    assert first.shape == image.shape
    assert first.min() >= 0
    assert 0 < restored.min() < restored.max() < 1
    # The first stage is the single autoencoder but for its last activation.
    single = AE()
    single.load_state_dict({name: value for name, value in net.state_dict().items() if name in single.state_dict()})
    logit = torch.logit(single(image).detach().double()).float()
    torch.testing.assert_close(first, F.relu(logit), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("make", [AE, DualAE, lambda: DualAE(skips=True)], ids=["ae", "dual_ae", "dual_ae_skip"])
def test_sizes_that_come_back(make):
    """The declared sizes are exactly those which the layers, unchecked, bring back to themselves."""
    with torch.device("meta"):
        net = make()
        allowed = {side for side in range(5, 133) if side % net.multiple == 0 and side >= net.minimum}
        for side in range(5, 133):
            image = torch.empty(1, 1, side, side)
            if side in allowed:
                assert net(image).shape == image.shape
            else:
                with pytest.raises(ValueError, match="multiples of 4 and at least 12"):
                    net(image)


@pytest.mark.parametrize("make", [AE, DualAE, lambda: DualAE(skips=True)], ids=["ae", "dual_ae", "dual_ae_skip"])
def test_no_other_size_would_have_come_back(make, monkeypatch):
    for module in ("ae", "dual_ae"):
        monkeypatch.setattr(f"restorelab.models.{module}.check_shape", lambda *_: None)
    back = set()
    with torch.device("meta"):
        net = make()
        for side in range(5, 133):
            try:
                back |= {side} if net(torch.empty(1, 1, side, side)).shape[-1] == side else set()
            except RuntimeError:
                continue
    assert back == set(range(12, 133, 4))


def test_errors_name_the_nearest_sizes():
    with pytest.raises(ValueError, match=r"width 98 .* 96 and 100"):
        AE()(torch.rand(1, 1, 100, 98))
    with pytest.raises(ValueError, match=r"height 9 .* are 12"):
        AE()(torch.rand(1, 1, 9, 100))
    with pytest.raises(ValueError, match=r"model.channels=1"):
        DualAE()(torch.rand(1, 3, 100, 100))
    with pytest.raises(ConfigError, match=r"Did you mean 'glorot'"):
        AE(init="gloro")  # type: ignore[arg-type]


@pytest.mark.parametrize(("bias", "share"), [(-100.0, 0.0), (100.0, 1.0)])
def test_diagnose_sees_a_dead_branch(bias, share):
    torch.manual_seed(0)
    net = DualAE(skips=True)
    image = torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        net.skip_c_up.bias.fill_(bias)
    assert net.diagnose(image)["skip_c"] == share
    with torch.no_grad():
        net.up3.bias.fill_(bias)
    assert net.diagnose(image)["first"] == share
    assert set(DualAE().diagnose(image)) == {"first"}


def test_glorot_has_the_spread_of_keras():
    """Uniform in +-sqrt(6 / (fan_in + fan_out)): its standard deviation is sqrt(2 / (fan_in + fan_out))."""
    torch.manual_seed(0)
    net = DualAE(init="glorot", separable=True)
    for name, fans in {"up4": 9 * (50 + 50), "conv5.1": 25 + 25, "conv6.0": 9 * (25 + 1)}.items():
        weight = net.get_submodule(name).weight
        # The squares of n uniform numbers: relative standard error of their mean sqrt(4 / (5 n)).
        assert abs(weight.square().mean().item() * fans / 2 - 1) < 4 * (0.8 / weight.numel()) ** 0.5
    assert all(not p.any() for name, p in net.named_parameters() if name.endswith("bias"))


def test_output_keeps_float32_under_autocast():
    """In bfloat16 a pixel above 0.998 would be exactly 1 and lose its gradient under BCE."""
    net = AE()
    with torch.no_grad():
        net.up3.bias.fill_(9.0)
    with torch.autocast("cpu", torch.bfloat16):
        restored = net(torch.rand(1, 1, 12, 12))
    assert restored.dtype == torch.float32
    assert restored.max() < 1


def test_default_start_is_alive():
    """PyTorch's own initial weights leave a one-channel ReLU dead for a third of the seeds, Keras' for none of 30."""
    image = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    for separable in (False, True):
        for seed in range(6):
            torch.manual_seed(seed)
            assert min(DualAE(skips=True, separable=separable).diagnose(image).values()) > 0
