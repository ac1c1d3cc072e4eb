"""LPIPS and DISTS beside those of torchmetrics, on networks with random weights, which torchvision's would replace."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchmetrics.functional.image import dists as their_dists
from torchmetrics.functional.image import lpips as their_lpips

from restorelab.config import build
from restorelab.errors import ConfigError
from restorelab.metrics.dists import DISTS
from restorelab.metrics.features import Features, alexnet, vgg16
from restorelab.metrics.lpips import LPIPS


def saved(net: Features, folder: Path) -> str:
    """Save random weights as torchvision would, with those of its classifier beside."""
    torch.manual_seed(0)
    for layer in net.features:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
    torch.save({**net.state_dict(), "classifier.1.bias": torch.zeros(3)}, folder / "net.pth")
    return str(folder / "net.pth")


def images(channels: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(channels)
    clean = torch.rand(2, channels, 64, 64, generator=generator, dtype=torch.float64)
    noise = torch.randn(clean.shape, generator=generator) * torch.tensor([0.05, 0.2]).view(2, 1, 1, 1)
    return (clean + noise).clamp(0, 1), clean


@pytest.mark.parametrize(("net", "make"), [("alex", alexnet), pytest.param("vgg", vgg16, marks=pytest.mark.slow)])
def test_lpips_is_torchmetrics(net: Any, make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its linear weights and its formula on the same features."""
    ours = make()
    metric = LPIPS(saved(ours, tmp_path), net)
    monkeypatch.setattr(their_lpips, "_get_tv_model_features", lambda name, pretrained: ours.features)
    theirs = their_lpips._LPIPS(pretrained=True, net=net).eval()
    restored, clean = images(3)
    with torch.no_grad():
        expected = theirs(2 * restored.float() - 1, 2 * clean.float() - 1).flatten()
    torch.testing.assert_close(metric(restored, clean), expected.double(), rtol=1e-4, atol=1e-6)
    assert metric.each(clean, clean).abs().max() < 1e-6
    gray, truth = images(1)
    torch.testing.assert_close(
        metric.fresh(torch.device("cpu"))(gray, truth), metric(gray.expand(-1, 3, -1, -1), truth.expand(-1, 3, -1, -1))
    )


@pytest.mark.slow
def test_dists_is_torchmetrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = vgg16()
    metric = DISTS(saved(plain, tmp_path))
    monkeypatch.setattr(their_dists, "_TORCHVISION_AVAILABLE", True)
    monkeypatch.setattr(their_dists, "VGG16_Weights", type("W", (), {"DEFAULT": None}), raising=False)
    monkeypatch.setattr(their_dists, "vgg16", lambda weights: plain, raising=False)
    restored, clean = images(3)
    expected = their_dists.DISTSNetwork()(restored.float(), clean.float())
    torch.testing.assert_close(metric(restored, clean), expected.double(), rtol=1e-3, atol=1e-5)
    assert metric.each(clean, clean).abs().max() < 1e-5


def test_without_their_weights_they_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"metrics\.lpips: ckpt is not set.*alexnet-owt-7be5be79\.pth"):
        build.make("metrics.lpips", {"_target_": "restorelab.metrics.lpips.LPIPS"})
    with pytest.raises(ConfigError, match=r"metrics\.dists: ckpt is not set.*vgg16-397923af\.pth"):
        build.make("metrics.dists", {"_target_": "restorelab.metrics.dists.DISTS"})
    with pytest.raises(ConfigError, match=r"none\.pth cannot be used.*No such file.*vgg16-397923af\.pth, or a copy"):
        DISTS(str(tmp_path / "none.pth"))
    torch.save({"features.0.weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(ConfigError, match=r"other\.pth cannot be used.*expected.*alexnet-owt-7be5be79\.pth, or a copy"):
        LPIPS(str(tmp_path / "other.pth"))
    with pytest.raises(ConfigError, match="Did you mean 'alex'"):
        LPIPS(None, "alec")  # type: ignore[arg-type]
