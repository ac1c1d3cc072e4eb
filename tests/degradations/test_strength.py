"""Strengths: values, ranges and levels, for every stage that has one."""

import pytest
import torch
from scipy import stats

from device.fake_cuda import CUDA, fake_cuda
from restorelab.degradations import blur, noise
from restorelab.degradations.mixture import Mixture
from restorelab.degradations.rng import PhiloxDraws, TorchDraws
from restorelab.degradations.strength import Levels, bounds, strength, stretches

LEVELS = {
    "sigma": lambda levels: noise.Gaussian(levels, clip=True),
    "peak": lambda levels: noise.Poisson(levels, clip=True),
    "variance": lambda levels: noise.Speckle(levels, clip=True),
    "amount": lambda levels: noise.Impulse([value / 100 for value in levels], clip=True),
    "blur_sigma": lambda levels: blur.Gaussian([value / 100 for value in levels]),
    "blur_size": lambda levels: blur.Box([int(value) for value in levels]),
    "length": blur.Motion,
    "angle": lambda levels: blur.Motion(3, levels),
    "direction": lambda levels: blur.Motion(3, 0, [value / 100 for value in levels]),
}


@pytest.mark.parametrize("key", LEVELS)
def test_each_image_draws_one_of_the_levels_equally_often(key):
    stage = LEVELS[key]([3, 5, 7, 9])
    divisor = 100 if key in ("amount", "blur_sigma", "direction") else 1
    wanted = torch.tensor([3, 5, 7, 9], dtype=torch.float64) / divisor
    drawn = stage(torch.rand(2000, 1, 10, 10, dtype=torch.float64), TorchDraws().reseed(0))[1][key]
    values, counts = drawn.unique(return_counts=True)
    assert torch.equal(values, wanted)
    assert stats.chisquare(counts.numpy()).pvalue > 1e-6


def test_the_level_that_is_recorded_is_the_one_that_was_applied():
    clean = torch.full((6, 1, 300, 300), 0.5, dtype=torch.float64)
    noisy, drawn = noise.Gaussian([15, 25, 50], clip=False)(clean, TorchDraws().reseed(1))
    assert len(drawn["sigma"].unique()) > 1
    measured = (noisy - clean).std((1, 2, 3)) * 255
    # five standard errors of a standard deviation: 1 / sqrt(2 n)
    assert ((measured / drawn["sigma"] - 1).abs() < 5 / (2 * 300 * 300) ** 0.5).all()


def test_two_levels_are_written_out_and_two_numbers_stay_a_range():
    assert strength("", "", ["levels", 15, 50], 0) == Levels((15, 50))
    assert strength("", "", [15, 50], 0) == (15, 50)
    assert strength("", "", [15, 25, 50], 0) == Levels((15, 25, 50))
    drawn = {float(noise.Gaussian(["levels", 15, 50], clip=True)(torch.rand(1, 1, 2, 2), PhiloxDraws(i))[1]["sigma"])
             for i in range(40)}  # fmt: skip
    assert drawn == {15, 50}


def test_what_may_be_drawn_is_told_as_stretches():
    assert stretches([50, 15, 25, 25]) == [(15, 15), (25, 25), (50, 50)]
    assert stretches([15, 50]) == [(15, 50)]
    assert stretches(7) == [(7, 7)]
    assert stretches("all") == stretches(None) == stretches(True) == []
    assert bounds(["levels", 9, 2]) == (2, 9)


def test_a_range_of_box_sizes_draws_every_odd_size_and_its_kernel():
    clean = torch.zeros(500, 1, 15, 15, dtype=torch.float64)
    clean[:, :, 7, 7] = 1
    blurred, drawn = blur.Box([3, 7])(clean, TorchDraws().reseed(0))
    assert set(drawn["blur_size"].tolist()) == {3, 5, 7}
    assert torch.allclose(blurred.amax((1, 2, 3)), drawn["blur_size"] ** -2.0)
    assert torch.equal((blurred > 0).sum((1, 2, 3)), drawn["blur_size"].long() ** 2)
    assert blur.Box([3, 7]).reach == 3


def test_members_of_a_mixture_and_boxes_have_levels_too():
    members = {"a": noise.Gaussian([15, 25, 50], clip=True),
               "b": noise.Impulse([0.1, 0.2, 0.4], clip=True, region="box", box=["levels", 0.5, 1])}  # fmt: skip
    drawn = Mixture(members)(torch.rand(200, 1, 8, 8), TorchDraws().reseed(0))[1]
    first = drawn["noise"] == 0
    assert set(drawn["sigma"][first].tolist()) == {15, 25, 50}
    assert set(drawn["height"][~first].tolist()) == {4, 8}


def test_drawing_levels_does_not_wait_for_the_device(monkeypatch):
    with fake_cuda(monkeypatch):
        image = torch.zeros(8, 1, 16, 16, device=CUDA)
        noisy, drawn = noise.Gaussian([15, 25, 50], clip=True)(image, TorchDraws(CUDA))
    assert noisy.device == drawn["sigma"].device == CUDA
