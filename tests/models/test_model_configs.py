"""Every file of conf/model builds, with the parameter count its report prints, and keeps the images' shape."""

from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from restorelab.noise_level import probe


def merged(before: int, after: int) -> int:
    return after * (before + 1) + 2 * before * (before + 1) + 2 * after * (18 * before + 1) + after * (2 * after + 1)


COUNTS = {
    # Reports' tables; at one channel.
    "ae": 36_386,
    "ae_sep": 15_760,
    "dual_ae": 87_812,
    "dual_ae_sep": 52_445,
    "dual_ae_skip": 91_488,
    "dual_ae_skip_sep": 56_231,
    "mnist_mlp_ae": 101_200,
    "mnist_conv_ae": 28_353,
    # Layer by layer: 3x3 weights, biases of the first and last layer, two numbers a normalised channel.
    "dncnn": 640 + 15 * (64 * 64 * 9 + 2 * 64) + 577,
    "dncnn_small": 320 + 3 * (32 * 32 * 9 + 32) + 289,
    # Layer by layer in tests/models; the report's own number for the first.
    "mlp_ae": 788_736,
    "cnn": 282_561,
    "cnn_ae": 288_129,
    # 3,202,953 and 10,099,920 at three channels: conv1 and the last deconvolution have fewer at one.
    "conv_deconv": 3_202_953 - 2 * 9 * 64 - (2 * 9 * 64 + 2),
    "conv_deconv_gated": 3_202_953 - 2 * 9 * 64 - (2 * 9 * 64 + 2),
    "classifier": 10_099_920 - 2 * 9 * 64,
    # 3x3 weights, two numbers a normalised channel, biases of the last layer; skips and pools have none.
    "red_net": (9 * 64 + 128) + 18 * (9 * 64 * 64 + 128) + (9 * 64 + 1),
    "red_net_skip": (9 * 64 + 128) + 18 * (9 * 64 * 64 + 128) + (9 * 64 + 1),
    "red_net_pool": (9 * 64 + 128) + 18 * (9 * 64 * 64 + 128) + (9 * 64 + 1),
    # Printed, or by the authors' definitions, in test_published_networks.py; here at one channel, too.
    "ircnn": 185_857,
    "ffdnet": 485_316,
    "drunet": 32_638_656,
    "nafnet_w32": 17_111_907 - 2 * 2 * 9 * 32 - 2,
    "nafnet_w64": 67_888_835 - 2 * 2 * 9 * 64 - 2,
    "restormer": 26_111_668 - 2 * 9 * (48 + 96),
    "scunet": 17_946_072 - 2 * 2 * 9 * 64,
    "swinir": 11_497_681,
    "edsr": 1_369_859 - 2 * 2 * 9 * 64 - 2,
    # Of a merged convolution: 1x1, and 1x1, 3x3, 1x1 of twice the channels. 20 of them, a 1x1 and the shuffled one.
    "span": merged(1, 28) + 19 * merged(28, 28) + (4 * 28 * 28 + 28) + (9 * 28 * 4 + 4),
    "identity": 0,
    "median": 0,
    "selective_median": 0,
    "inpaint": 0,
    "tv": 0,
    "nlm": 0,
    "bm3d": 0,
    "wiener": 0,
    "richardson_lucy": 0,
    "bicubic": 0,
    "mean_color": 0,
    "black": 0,
}
FILES = sorted((Path(__file__).resolve().parents[2] / "conf" / "model").glob("*.yaml"))


def build(path: Path, channels: int) -> torch.nn.Module:
    config = OmegaConf.create({"data": {"channels": channels, "size": [64, 64]}, "model": OmegaConf.load(path)})
    with torch.device("meta"):
        return instantiate(config.model)


def test_every_config_has_a_count():
    assert {path.stem for path in FILES} >= set(COUNTS)


LARGE = ("drunet", "nafnet_w32", "nafnet_w64", "restormer", "scunet", "swinir")
"""Networks that take a second; test_published_networks.py counts them, and test_every_config.py runs their configs."""


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[pytest.mark.slow] if path.stem in LARGE else [], id=path.stem)
        for path in FILES
        if path.stem in COUNTS
    ],
)
def test_parameters_and_shape(path):
    net = build(path, 1)
    assert sum(parameter.numel() for parameter in net.parameters()) == COUNTS[path.stem]
    assert getattr(net, "fit", True) == (COUNTS[path.stem] > 0)
    for channels in (1, 3):
        net = build(path, channels)
        fits = 112 % getattr(net, "multiple", 1) == 0
        height, width = getattr(net, "size", None) or ((96, 112) if fits else (64, 128))  # of what the network gives
        scale = getattr(net, "scale", 1)
        image = torch.empty(2, channels, height // scale, width // scale, device="meta")
        gives = (2, net.classes) if hasattr(net, "classes") else (2, channels, height, width)
        assert probe(net, image).shape == gives
