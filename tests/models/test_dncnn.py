"""DnCNN, with KAIR's released weights as the oracle of both the network and the protocol."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from restorelab.degradations.rng import PhiloxDraws
from restorelab.errors import ConfigError
from restorelab.metrics.protocol import Protocol
from restorelab.models.dncnn import DnCNN
from restorelab.restoring.inference import restore


@pytest.fixture(scope="module")
def kair(shared):
    net = DnCNN(batch_norm=False)
    net.load_state_dict(torch.load(shared / "data" / "weights" / "kair_dncnn_25.pth", weights_only=True))
    return net


def calibrate(net, files):
    """Mean PSNR of `files` with noise of sigma 25, not clipped before the network."""
    values = []
    for path in files:
        clean = torch.from_numpy(np.array(Image.open(path).convert("L"))).float()[None, None] / 255
        noisy = clean + PhiloxDraws("calibration", path.name).normal(clean.shape, clean) * 25 / 255
        values.append(Protocol().measure(restore(net, noisy), clean)["psnr"])
    return torch.cat(values).mean().item()


def test_kair_on_two_images(kair, shared):
    """House and peppers of set12, published for DnCNN-S: 33.06 and 30.87 dB; the noise moves one by about 0.03 dB."""
    files = [shared / "data" / "set12" / name for name in ("02.png", "03.png")]
    assert calibrate(kair, files) == pytest.approx((33.06 + 30.87) / 2, abs=4 * 0.03 / 2**0.5)


@pytest.mark.slow
@pytest.mark.parametrize(("folder", "published"), [("set12", 30.42), ("bsd68_gray", 29.24)])
def test_kair_calibration(kair, shared, folder, published):
    """The noise moves one image by about 0.03 dB; the printed value is rounded to 0.005. Pooling would lose 0.67 dB."""
    files = sorted((shared / "data" / folder).glob("*.png"))
    assert calibrate(kair, files) == pytest.approx(published, abs=4 * 0.03 / len(files) ** 0.5 + 0.005)


def test_bias_only_where_no_normalization_follows():
    for normalised in (True, False):
        layers = list(DnCNN(depth=5, features=8, batch_norm=normalised).model)
        for layer, following in zip(layers, [*layers[1:], None], strict=True):
            if isinstance(layer, nn.Conv2d):
                assert (layer.bias is None) == isinstance(following, nn.BatchNorm2d)
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in DnCNN(depth=5, features=8).model) == 3


def test_residual_subtracts():
    torch.manual_seed(0)
    net, direct = DnCNN(3, 4, 8), DnCNN(3, 4, 8, residual=False)
    direct.load_state_dict(net.state_dict())
    image = torch.rand(2, 3, 9, 13)
    torch.testing.assert_close(net.eval()(image), image - direct.eval()(image))


def test_bad_values():
    with pytest.raises(ConfigError, match=r"model.depth=1"):
        DnCNN(depth=1)
    with pytest.raises(ValueError, match=r"model.channels=1"):
        DnCNN(depth=3, features=4)(torch.rand(1, 3, 8, 8))
