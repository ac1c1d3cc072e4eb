"""Which image of a batch gets which noise, and what is said about it."""

import pytest
import torch
from scipy import stats

from restorelab.degradations.mixture import Each, Mixture
from restorelab.degradations.noise import Gaussian, GaussianImpulse, Impulse, NoNoise, Poisson
from restorelab.degradations.rng import PhiloxDraws, TorchDraws
from restorelab.errors import ConfigError

NOISES = {
    "gaussian": Gaussian([25, 75], clip=True),
    "impulse": Impulse(0.5, clip=True),
    "poisson": Poisson([100, 300], clip=True),
}
CLEAN = torch.rand(30, 1, 24, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 0.8 + 0.1


def assert_runs(noisy, drawn, counts):
    """Each run shows its own noise, which impulses (exact 0 and 1) and counts (multiples of 1 / peak) give away."""
    start, own = 0, {"gaussian": "sigma", "impulse": "amount", "poisson": "peak"}
    for index, (name, count) in enumerate(zip(NOISES, counts, strict=True)):
        run = slice(start, start + count)
        start += count
        assert drawn["noise"][run].tolist() == [index] * count
        for other, key in own.items():
            assert bool(drawn[key][run].isnan().all() if other != name else drawn[key][run].isfinite().all())
        kept = noisy[run] == CLEAN[run]
        assert bool(kept.any()) == (name == "impulse" and count > 0)
        if name == "poisson":
            photons = noisy[run] * drawn["peak"][run, None, None, None]
            photons = photons[noisy[run] < 1]
            assert torch.allclose(photons, photons.round(), atol=1e-9)
    assert start == len(noisy)


@pytest.mark.parametrize("counts", [(10, 12, 8), (0, 30, 0), (29, 0, 1), (0, 0, 30)])
def test_each_degrades_runs_as_counted(counts):
    noisy, drawn = Each(NOISES)(CLEAN, TorchDraws().reseed(0), counts)
    assert tuple(drawn) == Each(NOISES).parameters == ("noise", "sigma", "amount", "peak")
    assert_runs(noisy, drawn, counts)


def test_mixture_degrades_runs_of_drawn_length():
    seen = set()
    for seed in range(5):
        clean = CLEAN.clone()
        noisy, drawn = Mixture(NOISES)(clean, TorchDraws().reseed(seed))
        assert torch.equal(clean, CLEAN)
        counts = tuple(int((drawn["noise"] == index).sum()) for index in range(3))
        assert_runs(noisy, drawn, counts)
        seen.add(counts)
    assert len(seen) > 1


def test_mixture_draws_its_noises_equally_often_and_for_batches_of_one():
    tiny = CLEAN[:1, :, :2, :2]
    drawn = [int(Mixture(NOISES)(tiny, PhiloxDraws(index))[1]["noise"]) for index in range(600)]
    assert stats.chisquare([drawn.count(index) for index in range(3)]).pvalue > 1e-6


def test_variants_and_parameters():
    both = {"both": GaussianImpulse(10, 0.1, clip=True), "clean": NoNoise()}
    assert (Mixture(both).variants, Each(both).variants, Each(NOISES).variants) == (1, 2, 3)
    assert Mixture(both).parameters == ("noise", "sigma", "amount")
    noisy, drawn = Each(both)(CLEAN[:2], TorchDraws().reseed(0), [1, 1])
    assert torch.equal(noisy[1], CLEAN[1])
    assert drawn["sigma"].isnan().tolist() == [False, True]


def test_an_empty_batch_stays_one():
    noisy, drawn = Mixture(NOISES)(CLEAN[:0], TorchDraws().reseed(0))
    assert noisy.shape == (0, 1, 24, 24)
    assert {key: len(value) for key, value in drawn.items()} == dict.fromkeys(Mixture(NOISES).parameters, 0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Mixture({}), ["Mixture", "at least one"]),
        (lambda: Each([Gaussian(1, clip=True)]), ["Each", "mapping"]),
        (lambda: Each({"a": Mixture(NOISES)}), ["noises.a", "list its members"]),
        (lambda: Mixture({"a": Gaussian(1, clip=True, fixed=True)}), ["noises.a.fixed", "noise.fixed=true"]),
        (lambda: Each(NOISES)(CLEAN, TorchDraws()), ["noise=each", "gaussian, impulse, poisson", "evaluation="]),
        (lambda: Each(NOISES)(CLEAN, TorchDraws(), [15, 15]), ["[15, 15]", "3 counts"]),
        (lambda: Each(NOISES)(CLEAN, TorchDraws(), [10, 10, 9]), ["30 images", "[10, 10, 9]"]),
    ],
)
def test_errors_say_what_is_allowed(make, words):
    with pytest.raises(ConfigError) as caught:
        make()
    assert all(word in str(caught.value) for word in words)
