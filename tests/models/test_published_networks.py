"""Networks from papers: printed parameter counts, multiply-accumulates, and the authors' names and shapes of weights.

The digests and published_names.txt were made from the authors' definitions, named in the latter. With equal weights,
the outputs of all networks at their published sizes were compared with those of the same definitions, and of spandrel
0.4.2 (DRUNet, NAFNet, SCUNet, SwinIR, SPAN), on 2026-11-28: the largest difference was 1.6e-6, for outputs of about 1
(SPAN with random weights: 2.3e-5 of 56). test_against_spandrel.py repeats the latter at small sizes.
"""

import hashlib

import pytest
import torch
from published import TINY, listed, names
from torch import nn

from restorelab.errors import ConfigError
from restorelab.metrics import cost
from restorelab.models import weights
from restorelab.models.drunet import DRUNet
from restorelab.models.edsr import EDSR
from restorelab.models.ffdnet import FFDNet
from restorelab.models.ircnn import IRCNN
from restorelab.models.nafnet import NAFNet
from restorelab.models.restormer import Restormer
from restorelab.models.scunet import SCUNet
from restorelab.models.span import SPAN
from restorelab.models.swinir import SwinIR
from restorelab.noise_level import probe

SIDD = {"encoder": (2, 2, 4, 8), "middle": 12, "decoder": (2, 2, 2, 2)}

PUBLISHED = {
    # Class, its values; parameters; billions of multiply-accumulates at 256x256; digest of names and shapes.
    "ircnn": (IRCNN, {}, 185_857, 12.2, "168cf1ff2f273a26"),
    "ffdnet": (FFDNet, {}, 485_316, 7.9, "94f25082de046a5b"),
    "ffdnet color": (FFDNet, {"channels": 3}, 852_108, 13.9, "55e24c7763f959f4"),
    "drunet": (DRUNet, {}, 32_638_656, 138.6, "d8d00cafd5b3a14a"),
    "drunet color": (DRUNet, {"channels": 3}, 32_640_960, 138.8, "16468330aafd4e09"),
    "nafnet w32": (NAFNet, {}, 17_111_907, 16.0, "994329d675822f24"),
    "nafnet w64": (NAFNet, {"width": 64}, 67_888_835, 63.1, "47bb0914fe48d343"),
    "nafnet SIDD w32": (NAFNet, SIDD, 29_159_715, 16.0, "964226f8ef55ed68"),
    "restormer": (Restormer, {}, 26_111_668, 154.9, "30e6a013ef8b14cc"),
    "restormer with biases": (Restormer, {"norm_bias": True}, 26_126_644, 154.9, "05c876ff3db06749"),
    "scunet": (SCUNet, {}, 17_946_072, 78.7, "b63357705ad1b603"),
    "swinir": (SwinIR, {}, 11_497_681, 799.9, "a5f2fd10567fe8ea"),
    "swinir color": (SwinIR, {"channels": 3}, 11_504_163, 800.3, "49fa9f56194673d9"),
    "edsr x2": (EDSR, {}, 1_369_859, 90.0, "06b9f384391676bf"),
    "edsr x3": (EDSR, {"scale": 3}, 1_554_499, 102.6, "b4a3196ebb9b1cb1"),
    "edsr x4": (EDSR, {"scale": 4}, 1_517_571, 130.0, "340271e9fafc3770"),
    "span x2, 48 features": (SPAN, {"features": 48}, 1_824_900, None, "8a8451b380eaa4a8"),
    "span x4": (SPAN, {"scale": 4}, 634_048, 9.8, "0b66c21120a5f4e7"),
}
"""Printed: IRCNN 0.19 M, FFDNet 0.49 and 0.85 M, DRUNet 32.64 M, NAFNet 17.11, 67.89 and 29.16 M, Restormer 26.1 M,
SCUNet 17.9 M, SwinIR 11.5 M, EDSR 1.37 M (x2), SPAN 0.151 M (below, merged). Multiply-accumulates are the counter's."""


VARIANTS = ("drunet color", "nafnet w64", "nafnet SIDD w32", "restormer with biases", "swinir color")
"""Other sizes and options of networks that are in the list besides."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in VARIANTS else []) for name in PUBLISHED]
)
def test_parameters_costs_names_and_shapes(name):
    make, values, parameters, macs, digest = PUBLISHED[name]
    with torch.device("meta"):
        net = make(**values)
    assert cost.parameters(net) == parameters
    assert hashlib.sha256("\n".join(listed(net)).encode()).hexdigest()[:16] == digest
    if macs is not None:
        assert cost.macs(net, (net.channels, 256, 256)) == pytest.approx(macs * 1e9, abs=0.05e9)


@pytest.mark.parametrize("name", TINY)
def test_names_and_shapes_line_by_line(name):
    assert listed(TINY[name]()) == names()[name]


def test_a_merged_span_has_the_parameters_that_are_printed():
    net = SPAN(scale=4)
    merged = [*net.upsampler.parameters(), *net.conv_cat.parameters()]
    merged += [buffer for name, buffer in net.named_buffers() if name.endswith((".weight", ".bias"))]
    assert sum(tensor.numel() for tensor in merged) == 150_688


def test_macs_of_window_attention_by_hand():
    with torch.device("meta"):
        net = SwinIR(1, 12, (2, 1), 3)
    block = 4 * 12 * 12 + 2 * 64 * 12 + 2 * 12 * 24  # projections; products with 64 keys and 64 values; perceptron
    assert cost.macs(net, (1, 16, 24)) == 16 * 24 * (2 * 9 * 12 + 3 * block + 3 * 9 * 12 * 12)


def test_macs_of_channel_attention_by_hand():
    with torch.device("meta"):
        net = Restormer(1, 8, (1, 0, 0, 0), 0, (2, 2, 2, 2))

    def block(width):
        hidden = int(2.66 * width)
        return 4 * width**2 + 9 * 3 * width + 2 * width**2 / 2 + 3 * hidden * width + 9 * 2 * hidden

    resizing = 9 * (8 * 4 + 16 * 8 / 4 + 32 * 16 / 16 + 64 * 128 / 64 + 32 * 64 / 16 + 16 * 32 / 4)
    resizing += 64 * 32 / 16 + 32 * 16 / 4
    assert cost.macs(net, (1, 16, 16)) == 256 * (9 * 8 + 9 * 16 + block(8) + block(16) + resizing)


@pytest.mark.parametrize("name", ["drunet", "nafnet", "restormer", "scunet", "swinir"])
def test_checkpointing_changes_neither_output_nor_gradients(name):
    torch.manual_seed(0)
    plain, saving = TINY[name](), TINY[name](checkpointing=True)
    randomize(plain)
    saving.load_state_dict(plain.state_dict())
    image = torch.rand(1, plain.channels, plain.multiple, plain.multiple)
    results = []
    for net in (plain, saving):
        torch.manual_seed(1)  # of SwinIR's dropped branches
        output = probe(net.train(), image)
        results.append([output, *torch.autograd.grad(output.square().sum(), list(net.parameters()))])
    for ours, saved in zip(*results, strict=True):
        torch.testing.assert_close(saved, ours)


@pytest.mark.parametrize("name", TINY)
def test_the_authors_names_load_with_what_is_derived(name, tmp_path):
    net, fresh = TINY[name](), TINY[name]()
    derived = {f"some.layer.{last}": torch.ones(3) for last in getattr(net, "derived", ())}
    torch.save({"params": net.state_dict() | derived}, tmp_path / "weights.pth")
    weights.load_into(fresh, tmp_path / "weights.pth")
    assert all(torch.equal(value, fresh.state_dict()[key]) for key, value in net.state_dict().items())


@pytest.mark.parametrize("name", ["ircnn", "ffdnet", "drunet", "edsr", "span"])
def test_the_receptive_field_is_what_gradients_reach(name):
    net = {"edsr": lambda: EDSR(1, 4, 4, 2), "span": lambda: SPAN(1, 3, 4)}.get(name, TINY[name])().double().eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(0.01)
        net.eval()
    scale, side = getattr(net, "scale", 1), 16 + 2 * (net.receptive_field // 16 + 1) * 8
    image = torch.rand(1, 1, 16, side, dtype=torch.float64, requires_grad=True)
    reach, middle = 0, side // 16 * 8
    for place in range(middle, middle + 8):  # all phases of the strides
        for part in range(scale):
            output = probe(net, image)[0, 0, 8, scale * place + part]
            (gradient,) = torch.autograd.grad(output, image)
            columns = gradient[0, 0].abs().sum(0).nonzero().flatten()
            reach = max(reach, place - int(columns.min()), int(columns.max()) - place)
    assert net.receptive_field == 2 * reach + 1


def test_the_noise_level_of_ffdnet_and_drunet_is_a_number_or_a_map():
    for name in ("ffdnet", "drunet"):
        torch.manual_seed(0)
        net, image, sigma = TINY[name](), torch.rand(2, 1, 16, 24), torch.tensor([0.1, 0.3])
        output = net(image, sigma)
        torch.testing.assert_close(net(image, sigma.view(-1, 1, 1, 1).expand(-1, 1, 16, 24)), output)
        assert (net(image, 2 * sigma) - output).abs().max() > 1e-4
        with pytest.raises(ValueError, match=r"sigma has the shape \(3,\)"):
            net(image, torch.zeros(3))


@pytest.mark.parametrize("channels", [1, 3])
def test_weights_of_the_ipol_implementation_of_ffdnet_load(channels, tmp_path):
    """Against its description: the level first, once a channel; normalization; the noise is predicted."""
    torch.manual_seed(0)
    widths = [5 * channels, 6, 6, 6, 4 * channels]
    layers: list[nn.Module] = []
    for number in range(4):
        layers.append(nn.Conv2d(widths[number], widths[number + 1], 3, padding=1, bias=False))
        layers += [nn.BatchNorm2d(6)] * (number in (1, 2)) + [nn.ReLU()] * (number < 3)
    theirs = nn.ModuleDict({"intermediate_dncnn": nn.ModuleDict({"itermediate_dncnn": nn.Sequential(*layers)})})
    for layer in layers:
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.normal_(layer.bias)
            nn.init.normal_(layer.running_mean)
            nn.init.uniform_(layer.running_var, 0.5, 2)
    torch.save({f"module.{name}": value for name, value in theirs.state_dict().items()}, tmp_path / "weights.pth")
    image, sigma = torch.rand(2, channels, 8, 6), torch.tensor([0.1, 0.3])
    levels = sigma.view(-1, 1, 1, 1).expand(-1, channels, 4, 3)
    predicted = nn.Sequential(*layers).eval()(torch.cat([levels, nn.functional.pixel_unshuffle(image, 2)], 1))
    ours = FFDNet(channels, 4, 6, residual=True)
    weights.load_into(ours, tmp_path / "weights.pth")
    torch.testing.assert_close(ours(image, sigma), image - nn.functional.pixel_shuffle(predicted, 2))


def test_drunet_is_homogeneous():
    torch.manual_seed(0)
    net, image, sigma = TINY["drunet"](), torch.rand(2, 1, 16, 24), torch.tensor([0.1, 0.3])
    torch.testing.assert_close(net(3 * image, 3 * sigma), 3 * net(image, sigma))


def test_span_is_the_same_in_training_and_evaluation():
    torch.manual_seed(0)
    net, image = SPAN(3, 2, 8), torch.rand(1, 3, 9, 7)
    trained = net(image)
    torch.testing.assert_close(net.eval()(image), trained, rtol=1e-4, atol=1e-4)
    other = SPAN(3, 2, 8)
    net.load_state_dict(other.state_dict())  # in evaluation mode, too
    torch.testing.assert_close(net(image), other(image), rtol=1e-4, atol=1e-4)


def test_swinir_drops_branches_in_training_only():
    torch.manual_seed(0)
    net, still = SwinIR(1, 6, (2,), 1, drop_path=0.5), SwinIR(1, 6, (2,), 1, drop_path=0)
    still.load_state_dict(net.state_dict())
    image = torch.rand(1, 1, 8, 8).expand(64, 1, 8, 8)
    assert torch.equal(net.eval()(image), still(image))
    block = net.layers[0].residual_group["blocks"][1].train()
    kept = block._dropped(torch.ones(4096, 1, 1, 1))
    assert set(kept.flatten().tolist()) == {0.0, 2.0}
    assert kept.mean().item() == pytest.approx(1, abs=5 / 4096**0.5)  # 5 standard errors: each is 0 or 2


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: EDSR(scale=5), "model.scale=5"),
        (lambda: SPAN(scale=1), "model.scale=1"),
        (lambda: SCUNet(width=96), "such as 128"),
        (lambda: SwinIR(width=100, heads=6), "model.heads=6"),
        (lambda: Restormer(width=10, heads=(3, 1, 1, 1)), "model.width=10"),
        (lambda: Restormer(heads=(1, 0, 4, 8)), r"model.heads=\[1, 0, 4, 8\]"),
        (lambda: NAFNet(encoder=(1,), decoder=(1, 1)), "model.encoder"),
        (lambda: NAFNet(tlc=0), "model.tlc=0"),
        (lambda: FFDNet(depth=1), "model.depth=1"),
        (lambda: DRUNet(widths=(1, 2)), "model.widths"),
    ],
)
def test_bad_values(make, words):
    with torch.device("meta"), pytest.raises(ConfigError, match=words):
        make()


def randomize(net: nn.Module) -> None:
    """Change all weights a little, so that none that starts at 0 or 1 hides a mistake."""
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn(parameter.shape), alpha=0.05)
