"""Blur, downsampling and noise in a chain."""

import copy
import pickle

import pytest
import torch

from restorelab.degradations import blur, downsample, jpeg, noise
from restorelab.degradations.mixture import Each, Mixture
from restorelab.degradations.pipeline import Degradation
from restorelab.degradations.rng import PhiloxDraws, TorchDraws
from restorelab.errors import ConfigError

CLEAN = torch.rand(4, 1, 32, 24, generator=torch.Generator().manual_seed(0))
TWO = {"gaussian": noise.Gaussian(25, clip=True), "poisson": noise.Poisson(100, clip=True)}


def draws():
    return TorchDraws().reseed(0)


def test_nothing_by_default():
    degraded, drawn = Degradation()(CLEAN, draws())
    assert degraded is CLEAN
    assert drawn == {}
    assert Degradation().output_size((5, 7)) == (5, 7)
    assert (Degradation().variants, Degradation().fixed) == (1, False)


def test_the_order_is_blur_downsample_noise():
    degradation = Degradation(blur.Gaussian([0.5, 1]), downsample.AvgPool(2), noise.Poisson([50, 90], clip=False))
    before = CLEAN.clone()
    degraded, drawn = degradation(CLEAN, draws())
    assert torch.equal(CLEAN, before)
    assert tuple(degraded.shape[-2:]) == degradation.output_size((32, 24)) == (16, 12)
    assert set(drawn) == {"blur_sigma", "peak"}
    assert all(value.shape == (4,) for value in drawn.values())
    stream = draws()
    expected = blur.Gaussian([0.5, 1])(CLEAN, stream)[0]
    expected = noise.Poisson([50, 90], clip=False)(downsample.AvgPool(2)(expected), stream)[0]
    assert torch.equal(degraded, expected)
    photons = degraded * drawn["peak"][:, None, None, None]  # noise last, or these would not be whole
    assert torch.allclose(photons, photons.round(), atol=1e-4)


def test_float64_alone_is_what_frozen_evaluation_needs():
    degradation = Degradation(blur.Motion([3, 7]), downsample.Bicubic(2, clip=True), Mixture(TWO))
    first = [degradation(CLEAN[i : i + 1].double(), PhiloxDraws(i, "own", 0))[0] for i in range(4)]
    second = [degradation(CLEAN[i : i + 1].double(), PhiloxDraws(i, "own", 0))[0] for i in reversed(range(4))][::-1]
    assert all(map(torch.equal, first, second))
    assert first[0].dtype is torch.float64


def test_each_takes_counts_and_others_do_not():
    degradation = Degradation(noise=Each(TWO, fixed=True))
    assert (degradation.variants, degradation.fixed) == (2, True)
    assert degradation(CLEAN, draws(), (1, 3))[1]["noise"].tolist() == [0, 1, 1, 1]
    with pytest.raises(ConfigError, match="noise=each"):
        degradation(CLEAN, draws())
    with pytest.raises(ConfigError, match="one variant"):
        Degradation()(CLEAN, draws(), (1, 3))
    Degradation()(CLEAN, draws(), (4,))


def test_sizes_that_do_not_fit_are_known_before_any_image():
    with pytest.raises(ConfigError, match="25x24"):
        Degradation(downsample=downsample.AvgPool(2)).output_size((25, 24))
    with pytest.raises(ConfigError, match="8x24"):
        Degradation(blur=blur.Box(17)).output_size((8, 24))


def test_it_survives_pickling_and_copying():
    degradation = Degradation(blur.Motion([3, 7]), downsample.AvgPool(2), Each(TWO))
    assert pickle.loads(pickle.dumps(degradation)) == degradation == copy.deepcopy(degradation)


class MetaDraws:
    """Shapes without values: what asks for a value, and so would wait for a GPU, raises."""

    exact = False

    def uniform(self, shape, like):
        return like.new_empty(shape)

    normal = uniform

    def bits16(self, shape, like):
        return torch.empty(shape, dtype=torch.int16, device=like.device)

    def poisson(self, rate):
        return torch.empty_like(rate)

    def categories(self, count, size):
        return [size // count] * (count - 1) + [size - (count - 1) * (size // count)]


@pytest.mark.parametrize(
    "first", [blur.Gaussian([0.5, 1]), blur.Box(3), blur.Motion([3, 7], direction=[-1, 1])], ids=str
)
@pytest.mark.parametrize("second", [downsample.AvgPool(2), downsample.Bicubic(2, clip=True)], ids=str)
@pytest.mark.parametrize(
    "third",
    [
        noise.Speckle([0.1, 0.2], clip=True),
        noise.GaussianImpulse([5, 9], [0.1, 0.2], clip=True, per="pixel"),
        Mixture(TWO | {"impulse": noise.Impulse([0.1, 0.2], clip=True)}),
        Each(TWO),
    ],
    ids=lambda third: type(third).__name__,
)
def test_nothing_asks_the_device_for_a_value(first, second, third):
    degradation = Degradation(first, second, third, jpeg.Standard([10, 90]))
    counts = (1, 3) if degradation.variants == 2 else None
    degraded, drawn = degradation(CLEAN.to("meta"), MetaDraws(), counts)
    assert degraded.shape == (4, 1, 16, 12)
    assert all(value.shape == (4,) for value in drawn.values())
