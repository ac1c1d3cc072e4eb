"""The perceptual loss: distances of features, by hand, with weights that stay as they are."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from restorelab.errors import ConfigError
from restorelab.losses.perceptual import Perceptual
from restorelab.losses.psnr import PSNR
from restorelab.metrics.protocol import Protocol


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(16, 5)
        self.dropout = nn.Dropout(0.5)

    def features(self, image: Tensor) -> Tensor:
        return self.dropout(self.layer(image.flatten(1)))


@pytest.fixture
def ckpt(tmp_path: Path) -> str:
    torch.manual_seed(0)
    torch.save(Tiny().state_dict(), tmp_path / "best.ckpt")
    return str(tmp_path / "best.ckpt")


@pytest.mark.parametrize("distance", ["squared", "root", "printed"])
def test_distance_by_hand(distance: str, ckpt: str):
    loss = Perceptual(Tiny(), ckpt, distance).train()
    one, two = torch.rand(3, 1, 4, 4), torch.rand(3, 1, 4, 4)
    state = torch.load(ckpt, weights_only=True)
    difference = (one - two).flatten(1) @ state["layer.weight"].T
    squared = (difference**2).sum(1)
    expected = {"squared": squared, "root": squared.sqrt(), "printed": difference.sum(1)}[distance]
    assert loss(one, two).item() == pytest.approx(expected.mean().item(), rel=1e-5)
    if distance != "printed":
        assert loss(one, one).item() == pytest.approx(0, abs=1e-5)


def test_gradients_reach_the_image_and_not_the_network(ckpt: str):
    loss = Perceptual(Tiny(), ckpt)
    image = torch.rand(2, 1, 4, 4, requires_grad=True)
    loss(image, torch.rand(2, 1, 4, 4)).backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0
    assert all(p.grad is None and not p.requires_grad for p in loss.parameters())


def test_bad_values_are_named(ckpt: str):
    with pytest.raises(ConfigError, match=r"loss\.ckpt is not set"):
        Perceptual(Tiny(), None)
    with pytest.raises(ConfigError, match="root, squared"):
        Perceptual(Tiny(), ckpt, "square")
    with pytest.raises(ConfigError, match="features"):
        Perceptual(nn.Linear(2, 2), ckpt)
    with pytest.raises(ConfigError, match="there is no"):
        Perceptual(Tiny(), "/nowhere/best.ckpt")


def test_psnr_loss_is_the_negative_psnr_of_each_image():
    clean = torch.rand(4, 1, 16, 16)
    restored = (clean + 0.1 * torch.rand(4, 1, 1, 1) * torch.randn_like(clean)).clamp(0, 1)
    expected = -Protocol().measure(restored, clean)["psnr"].mean().item()
    assert PSNR()(restored, clean).item() == pytest.approx(expected, abs=0.02)  # eps
    assert PSNR()(clean, clean).item() == pytest.approx(-80)
    with pytest.raises(ConfigError, match="eps"):
        PSNR(0.0)
