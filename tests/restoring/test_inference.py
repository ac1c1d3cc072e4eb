"""Padding, tiling and modes."""

import pytest
import torch
from torch import nn

from restorelab.models.ae import AE
from restorelab.models.dncnn import DnCNN
from restorelab.models.dual_ae import DualAE
from restorelab.models.median import Median
from restorelab.models.mnist_conv_ae import MnistConvAE
from restorelab.models.mnist_mlp_ae import MnistMlpAE
from restorelab.restoring.inference import restore


class Spy(nn.Module):
    """Enlarges by `scale`, and remembers what it was given."""

    def __init__(self, multiple: int = 1, minimum: int = 1, scale: int = 1, receptive_field: int | None = None):
        super().__init__()
        self.multiple, self.minimum, self.scale = multiple, minimum, scale
        self.receptive_field = receptive_field
        self.given: list[torch.Tensor] = []

    def forward(self, degraded):
        self.given.append(degraded)
        if self.scale == 1:
            return degraded
        return degraded.repeat_interleave(self.scale, -1).repeat_interleave(self.scale, -2)


def test_a_size_that_fits_is_not_touched():
    net, image = Spy(multiple=4), torch.rand(2, 1, 8, 12)
    assert restore(net, image) is image
    assert net.given[0] is image


def test_padding_reflects_and_is_cropped():
    net, image = Spy(multiple=8), torch.rand(2, 3, 13, 16)
    assert torch.equal(restore(net, image), image)
    assert net.given[0].shape == (2, 3, 16, 16)
    torch.testing.assert_close(net.given[0][..., 13:, :], image[..., [11, 10, 9], :])


def test_tiny_images_repeat_their_edge():
    net, image = Spy(multiple=4, minimum=12), torch.rand(1, 1, 5, 3)
    assert torch.equal(restore(net, image), image)
    assert net.given[0].shape == (1, 1, 12, 12)
    assert (net.given[0][..., 5:, :3] == image[..., 4:, :]).all()


@pytest.mark.parametrize("tile", [None, 8])
def test_networks_that_enlarge(tile):
    image = torch.rand(1, 1, 13, 22)
    expected = image.repeat_interleave(3, -1).repeat_interleave(3, -2)
    assert torch.equal(restore(Spy(multiple=4, scale=3), image, tile=tile, overlap=4 if tile else None), expected)


@pytest.mark.parametrize(
    ("make", "tile"),
    [
        (lambda: DnCNN(depth=5, features=8), 24),
        (AE, 36),
        (lambda: AE(separable=True), 35),
        (DualAE, 48),
        (lambda: DualAE(skips=True), 48),
        (lambda: MnistConvAE(features=8), 36),
        (lambda: Median(5), 16),
    ],
    ids=["dncnn", "ae", "ae_sep", "dual_ae", "dual_ae_skip", "mnist_conv_ae", "median"],
)
def test_tiles_equal_the_whole(make, tile):
    """With the default overlap, which so must be wide enough; in float64, where the rest is rounding."""
    torch.manual_seed(0)
    net, image = make().double(), torch.rand(1, 1, 59, 62).double()
    # Sigmoids of fresh weights sit at 0.5: widen what they see, so that a wrong tile shows.
    for parameter in net.parameters():
        parameter.data *= 1.5
    whole = restore(net, image)
    torch.testing.assert_close(restore(net, image, tile=tile), whole, rtol=1e-9, atol=1e-12)
    assert whole.std() > 1e-3


def test_a_narrow_overlap_shows():
    torch.manual_seed(0)
    net, image = DnCNN(depth=5, features=8).double(), torch.rand(1, 1, 40, 40).double()
    whole = restore(net, image)
    assert not torch.allclose(restore(net, image, tile=24, overlap=6), whole, atol=1e-6)
    assert torch.allclose(restore(net, image, tile=24, overlap=10), whole, atol=1e-12)


def test_tiles_bound_what_the_network_sees():
    net, image = Spy(multiple=4), torch.rand(2, 1, 50, 37)
    assert torch.equal(restore(net, image, tile=14, overlap=5), image)
    assert {given.shape for given in net.given} == {(2, 1, 16, 16)}
    assert torch.equal(restore(net, image, tile=512), image)
    assert net.given[-1].shape == (2, 1, 52, 40)


def test_large_images_are_tiled_where_that_gives_the_same(monkeypatch: pytest.MonkeyPatch):
    image = torch.rand(1, 1, 50, 37)
    monkeypatch.setattr("restorelab.restoring.inference.LARGE", 1000)
    monkeypatch.setattr("restorelab.restoring.inference.TILE", 16)
    for field, sides in ((5, {16}), (None, {50, 37})):
        net = Spy(receptive_field=field)
        assert torch.equal(restore(net, image), image)
        assert {side for given in net.given for side in given.shape[-2:]} == sides
    net = Spy(receptive_field=5)
    assert torch.equal(restore(net, image[..., :20]), image[..., :20])
    assert net.given[-1].shape == (1, 1, 50, 20)


def test_modes_and_gradients():
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 3, padding=1))
    net.train()
    net[1].eval()  # frozen by its owner
    before = net[1].running_mean.clone()
    assert not restore(net, torch.rand(2, 1, 9, 9)).requires_grad
    assert [module.training for module in net.modules()] == [True, True, False, True]
    net[1].train()
    restore(net, torch.rand(2, 1, 9, 9))
    assert torch.equal(net[1].running_mean, before)
    with pytest.raises(RuntimeError):
        restore(net, torch.rand(2, 3, 9, 9))
    assert net.training


def test_errors():
    with pytest.raises(ValueError, match=r"MnistMlpAE takes only images of 28x28 \(its `size`\), got 32x28"):
        restore(MnistMlpAE(), torch.rand(1, 1, 32, 28))
    with pytest.raises(ValueError, match="overlap=8 leaves nothing of a tile of 8"):
        restore(Spy(), torch.rand(1, 1, 32, 32), tile=8, overlap=8)
    with pytest.raises(ValueError, match="tile=8 is too small for overlap=6; expected at least 10"):
        restore(Spy(multiple=4), torch.rand(1, 1, 32, 32), tile=8, overlap=6)
    with pytest.raises(ValueError, match="not a whole multiple"):
        restore(nn.Conv2d(1, 1, 3), torch.rand(1, 1, 32, 32), tile=16, overlap=2)
