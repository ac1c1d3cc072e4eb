"""Streams of random numbers: the right distributions, the same bits for the same key."""

import numpy as np
import pytest
import torch
from scipy import stats

from restorelab.degradations.poisson import poisson_quantile
from restorelab.degradations.rng import PhiloxDraws, TorchDraws, derive

LIKE = torch.zeros((), dtype=torch.float64)
SMALLEST_P = 1e-6  # five sigma: a right program fails one seed in a million, and the seeds are fixed


def streams():
    return [pytest.param(TorchDraws().reseed(0), id="torch"), pytest.param(PhiloxDraws(0), id="philox")]


def test_philox_bits_are_those_of_the_first_release():
    # A change here changes every frozen evaluation: raise the version of the recipe with it.
    # Made by NumPy's Generator(Philox(key=derive("face/1", "impulse_30", 0))), hexadecimal floats.
    def draws():
        return PhiloxDraws("face/1", "impulse_30", 0)

    assert derive("face/1", "impulse_30", 0) == 8663343506156944330
    assert [value.hex() for value in draws().uniform((4,), LIKE).tolist()] == [
        "0x1.db18a21e4024ap-1",
        "0x1.4963dc60d29ffp-1",
        "0x1.b34d03b12d1e8p-2",
        "0x1.50c277d74908ap-1",
    ]
    assert [value.hex() for value in draws().normal((4,), LIKE).tolist()] == [
        "0x1.f48e879a60a0dp-2",
        "0x1.c9467c92b1e66p-3",
        "0x1.1860cadee4689p+0",
        "-0x1.6cf1c1a9d866fp-2",
    ]
    assert draws().bits16((6,), LIKE).tolist() == [-11192, -24558, -12017, 28044, 31870, -5809]
    rate = torch.tensor([0, 0.5, 3, 30, 255, 1000], dtype=torch.float64)
    assert draws().poisson(rate).tolist() == [0, 1, 4, 24, 258, 972]
    assert draws().categories(4, 100) == [24, 25, 28, 23]


@pytest.mark.parametrize("other", [("a", 1), ("a", "2"), ("a", 2, 0), ("a2",), ("A", 2)])
def test_different_keys_give_different_seeds(other):
    assert derive(*other) != derive("a", 2)
    assert 0 <= derive(*other) < 2**63


def test_reseeding_forgets_what_was_drawn_before():
    draws = TorchDraws().reseed(3, 0, 7)
    first = [draws.uniform((5,), LIKE), draws.bits16((5,), LIKE), torch.tensor(draws.categories(3, 50))]
    draws.normal((11,), LIKE)
    draws.reseed(3, 0, 7)
    again = [draws.uniform((5,), LIKE), draws.bits16((5,), LIKE), torch.tensor(draws.categories(3, 50))]
    assert all(map(torch.equal, first, again))
    assert not torch.equal(draws.reseed(3, 0, 8).uniform((5,), LIKE), first[0])


@pytest.mark.parametrize("draws", streams())
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_and_shape(draws, dtype):
    like = torch.zeros((), dtype=dtype)
    for drawn in (draws.uniform((2, 3), like), draws.normal((2, 3), like), draws.poisson(like.expand(2, 3))):
        assert (drawn.shape, drawn.dtype) == ((2, 3), dtype)
    for shape in ((1,), (2, 3), (3, 1, 5, 7)):  # sizes that four does not divide
        assert (draws.bits16(shape, like).shape, draws.bits16(shape, like).dtype) == (shape, torch.int16)


@pytest.mark.parametrize("draws", streams())
def test_bits16_is_uniform_over_all_65536_values(draws):
    drawn = draws.bits16((2**21 + 3,), LIKE).numpy().astype(np.int64) + 32768
    assert stats.chisquare(np.bincount(drawn, minlength=65536)).pvalue > SMALLEST_P
    # the four numbers cut from one word are independent: no correlation at lags 1 to 4
    centered = drawn / 65536 - 0.5 + 0.5 / 65536
    for lag in range(1, 5):
        product = centered[lag:] * centered[:-lag]
        assert abs(product.mean()) < 5 * (1 / 12) / np.sqrt(product.size)


@pytest.mark.parametrize("draws", streams())
def test_uniform_and_normal(draws):
    assert stats.kstest(draws.uniform((100_000,), LIKE).numpy(), "uniform").pvalue > SMALLEST_P
    assert stats.kstest(draws.normal((100_000,), LIKE).numpy(), "norm").pvalue > SMALLEST_P


@pytest.mark.parametrize("draws", streams())
@pytest.mark.parametrize("rate", [0.0, 0.5, 3.0, 9.9, 10.1, 30.0, 255.0])
def test_poisson_against_the_probability_function(draws, rate):
    size = 40_000
    drawn = draws.poisson(torch.full((size,), rate)).numpy()
    assert np.array_equal(drawn, np.round(drawn))
    if rate == 0:
        assert not drawn.any()
        return
    low, high = (int(bound) for bound in stats.poisson.interval(1 - 2000 / size, rate))  # outside: about 1000 a side
    edges = np.arange(low, high + 1)
    expected = np.diff(np.r_[0, stats.poisson.cdf(edges, rate), 1]) * size
    found = np.bincount(np.searchsorted(edges, drawn), minlength=len(expected))
    assert stats.chisquare(found, expected).pvalue > SMALLEST_P


def test_poisson_rates_of_one_call_may_differ():
    # small rates go another way than large ones; each must come back to its own place
    rate = torch.tensor([0.0, 3.0, 200.0, 8.0, 40.0, 0.0]).repeat(20_000, 1)
    drawn = TorchDraws().reseed(1).poisson(rate)
    tolerance = 5 * (rate[0] / len(rate)).sqrt()
    assert ((drawn.mean(0) - rate[0]).abs() <= tolerance).all()


@pytest.mark.parametrize(("rate", "error"), [(10.0, 5e-5), (20.0, 1.1e-5), (60.0, 2e-6), (255.0, 1e-7)])
def test_poisson_quantile_has_the_accuracy_it_states(rate, error):
    normal = torch.linspace(-5, 5, 400_001, dtype=torch.float64)
    count = poisson_quantile(torch.full_like(normal, rate), normal)
    assert (count.diff() >= 0).all()
    steps = count.diff().nonzero().flatten()
    reached = stats.norm.cdf(((normal[steps] + normal[steps + 1]) / 2).numpy())
    exact = stats.poisson.cdf(count[steps].numpy(), rate)
    grid = 1e-5  # half a step of `normal` is 1.25e-5, the normal density is at most 0.4
    assert np.abs(reached - exact).max() < error + grid


@pytest.mark.parametrize("draws", streams())
def test_categories_are_equally_likely(draws):
    counts = draws.categories(4, 40_000)
    assert sum(counts) == 40_000
    assert stats.chisquare(counts).pvalue > SMALLEST_P
    assert draws.categories(3, 0) == [0, 0, 0]
