"""Each noise has the statistics it promises; tolerances are five standard errors."""

import pytest
import torch
from scipy import stats

from restorelab.degradations.noise import Gaussian, GaussianImpulse, Impulse, NoNoise, Poisson, Speckle
from restorelab.degradations.rng import PhiloxDraws, TorchDraws
from restorelab.errors import ConfigError

SMALLEST_P = 1e-6
NOISES = {
    "gaussian": lambda clip: Gaussian([25, 75], clip=clip),
    "poisson": lambda clip: Poisson([10, 60], clip=clip),
    "speckle": lambda clip: Speckle([0.01, 0.04], clip=clip),
    "impulse": lambda clip: Impulse([0.1, 0.5], clip=clip),
    "impulse_pixel": lambda clip: Impulse([0.1, 0.5], clip=clip, per="pixel"),
    "gaussian_impulse": lambda clip: GaussianImpulse([10, 40], [0.1, 0.2], clip=clip),
}
RANGES = {"sigma": (10, 75), "peak": (10, 60), "variance": (0.01, 0.04), "amount": (0.1, 0.5)}


def draws(seed=0):
    return TorchDraws().reseed(seed)


def gray(level, batch=4, channels=1, side=200, dtype=torch.float64):
    return torch.full((batch, channels, side, side), level, dtype=dtype)


@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", NOISES)
def test_contract(name, dtype, clip):
    noise = NOISES[name](clip)
    clean = torch.rand(3, 2, 30, 20, dtype=dtype, generator=torch.Generator().manual_seed(1))
    clean[1] = clean[0]
    before = clean.clone()
    noisy, drawn = noise(clean, draws())
    assert torch.equal(clean, before)
    assert (noisy.shape, noisy.dtype) == (clean.shape, dtype)
    assert noisy.data_ptr() != clean.data_ptr()
    assert tuple(drawn) == noise.parameters
    for key, value in drawn.items():
        low, high = RANGES[key]
        assert (value.shape, value.dtype) == ((3,), dtype)
        assert ((value >= low) & (value <= high)).all()
        assert len(value.unique()) == 3
    assert not torch.equal(noisy[0], noisy[1])
    assert torch.equal(noise(clean, draws())[0], noisy)
    assert not torch.equal(noise(clean, draws(1))[0], noisy)
    inside = bool(((noisy >= 0) & (noisy <= 1)).all())
    assert inside or not clip
    if not name.startswith("impulse"):
        assert inside == clip  # unclipped noise on this image leaves [0, 1]
    assert not noisy.requires_grad


@pytest.mark.parametrize("name", NOISES)
def test_frozen_draws_do_not_depend_on_what_else_is_degraded(name):
    noise = NOISES[name](True)
    images = torch.rand(4, 1, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(2))

    def degrade(index):
        return noise(images[index : index + 1], PhiloxDraws(f"image {index}", name, 0))

    forward = [degrade(index) for index in range(4)]
    backward = [degrade(index) for index in reversed(range(4))][::-1]
    for (first, values), (second, again) in zip(forward, backward, strict=True):
        assert torch.equal(first, second)
        assert values == again


@pytest.mark.parametrize("name", NOISES)
def test_a_batch_gets_the_noise_that_its_images_would_get_alone(name):
    # With the same draws the arithmetic of an image must not depend on its batch. What is drawn differs in order, so
    # the draws are recorded on the batch and replayed image by image.
    class Tape:
        def __init__(self, source):
            self.source, self.tape = source, []

        def __getattr__(self, method):
            def record(*args):
                self.tape.append(getattr(self.source, method)(*args))
                return self.tape[-1].clone()

            return record

    class Replay:
        def __init__(self, tape, index):
            self.tape, self.index = iter(tape), index

        def __getattr__(self, method):
            return lambda *args: next(self.tape)[self.index : self.index + 1].clone()

    images = torch.rand(5, 3, 11, 13, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    tape = Tape(PhiloxDraws(0))
    noise = NOISES[name](True)
    together, values = noise(images, tape)
    for index in range(5):
        alone, own = noise(images[index : index + 1], Replay(tape.tape, index))
        assert torch.equal(alone[0], together[index])
        assert all(torch.equal(own[key][0], values[key][index]) for key in values)


def test_no_noise_gives_the_image_itself():
    image = torch.rand(2, 1, 4, 4)
    noisy, drawn = NoNoise()(image, draws())
    assert noisy is image
    assert drawn == {}


def test_differentiable_noises_pass_gradients():
    image = torch.full((1, 1, 8, 8), 0.5, requires_grad=True)
    for noise, expected in ((Gaussian(5, clip=False), 1.0), (Impulse(0.0, clip=True), 1.0)):
        (gradient,) = torch.autograd.grad(noise(image, draws())[0].sum(), image)
        assert torch.equal(gradient, torch.full_like(gradient, expected))


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("sigma", [0, 10, 75])
def test_gaussian_has_sigma_in_8_bit_units_at_every_level(level, sigma):
    residual = Gaussian(sigma, clip=False)(gray(level), draws())[0] - level
    n, expected = residual.numel(), sigma / 255
    assert abs(residual.mean()) <= 5 * expected / n**0.5
    assert abs(residual.std() - expected) <= 5 * expected / (2 * n) ** 0.5
    if sigma:
        assert stats.kstest(residual[0].flatten() / expected, "norm").pvalue > SMALLEST_P


@pytest.mark.parametrize(
    "noise", [Gaussian(25, clip=False), Speckle(0.02, clip=False), Poisson(30, clip=False), Impulse(0.3, clip=True)]
)
def test_channels_and_neighbors_are_independent(noise):
    residual = noise(gray(0.5, channels=3), draws())[0] - 0.5
    residual = residual / residual.std()
    for first, second in (
        (residual[:, 0], residual[:, 1]),
        (residual[:, 1], residual[:, 2]),
        (residual[..., 1:], residual[..., :-1]),
        (residual[..., 1:, :], residual[..., :-1, :]),
        (residual[1:], residual[:-1]),
    ):
        assert abs((first * second).mean()) < 5 / first.numel() ** 0.5


@pytest.mark.parametrize("level", [0.0, 0.02, 0.3, 1.0])
@pytest.mark.parametrize("peak", [30, 255])
def test_poisson_mean_is_the_image_and_variance_the_image_over_the_peak(level, peak):
    noisy = Poisson(peak, clip=False)(gray(level), draws())[0]
    n, rate = noisy.numel(), level * peak
    assert abs(noisy.mean() - level) <= 5 * (level / peak / n) ** 0.5
    # var of the sample variance of a Poisson: (mu4 - var^2) / n = (rate + 2 rate^2) / n
    assert abs(noisy.var() - level / peak) <= 5 * ((rate + 2 * rate**2) / n) ** 0.5 / peak**2
    counts = noisy * peak
    assert torch.allclose(counts, counts.round(), atol=1e-9)


@pytest.mark.parametrize("level", [0.0, 0.4, 1.0])
def test_speckle_variance_grows_with_the_square_of_the_image(level):
    residual = Speckle(0.02, clip=False)(gray(level), draws())[0] - level
    n, expected = residual.numel(), 0.02 * level**2
    assert abs(residual.mean()) <= 5 * (expected / n) ** 0.5
    assert abs(residual.var() - expected) <= 5 * expected * (2 / n) ** 0.5


@pytest.mark.parametrize(("amount", "salt"), [(0.0, 0.5), (0.3, 0.5), (0.25, 0.2), (1.0, 0.5), (0.4, 0.0), (0.4, 1.0)])
def test_impulse_shares(amount, salt):
    noisy = Impulse(amount, clip=True, salt=salt)(gray(0.4, channels=3), draws())[0]
    n = noisy.numel()
    for value, share in ((1.0, amount * salt), (0.0, amount * (1 - salt)), (0.4, 1 - amount)):
        found = (noisy == value).double().mean()
        assert abs(found - share) <= 5 * (share * (1 - share) / n) ** 0.5 + 2**-17
    assert set(noisy.unique().tolist()) <= {0.0, 0.4, 1.0}


def test_impulse_keeps_the_rest_bit_for_bit():
    clean = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0)) * 0.9 + 0.05
    noisy = Impulse(0.3, clip=True)(clean, draws())[0]
    struck = (noisy == 0) | (noisy == 1)
    assert torch.equal(noisy[~struck], clean[~struck])
    assert 0.2 < struck.float().mean() < 0.4


def test_impulse_per_element_or_per_pixel():
    def agreement(per):
        noisy = Impulse(0.5, clip=True, per=per)(gray(0.4, channels=3), draws())[0]
        return (noisy[:, 0] == noisy[:, 1]).double()

    assert agreement("pixel").all()
    share = 0.5**2 + 2 * 0.25**2  # both kept, both salt or both pepper
    found = agreement("element")
    assert abs(found.mean() - share) < 5 * (share * (1 - share) / found.numel()) ** 0.5


def test_gaussian_impulse_is_both():
    noisy = GaussianImpulse(20, 0.1, clip=False)(gray(0.5), draws())[0]
    struck = (noisy == 0) | (noisy == 1)
    n = noisy.numel()
    assert abs(struck.double().mean() - 0.1) < 5 * (0.1 * 0.9 / n) ** 0.5
    expected = 20 / 255
    assert abs(noisy[~struck].std() - expected) < 5 * expected / (2 * 0.9 * n) ** 0.5


@pytest.mark.parametrize(("name", "key", "low", "high"), [
    ("gaussian", "sigma", 25, 75), ("poisson", "peak", 10, 60), ("speckle", "variance", 0.01, 0.04),
    ("impulse", "amount", 0.1, 0.5),
])  # fmt: skip
def test_strengths_are_uniform_in_their_range_and_the_ones_applied(name, key, low, high):
    drawn = NOISES[name](False)(gray(0.5, batch=4000, side=1), draws())[1][key]
    assert stats.kstest(drawn.numpy(), "uniform", (low, high - low)).pvalue > SMALLEST_P
    noisy, drawn = NOISES[name](False)(gray(0.5, batch=6), draws())
    value = drawn[key]
    n = noisy[0].numel()
    variance = (noisy - 0.5).square().mean((1, 2, 3))
    expected = {
        "sigma": (value / 255) ** 2, "peak": 0.5 / value, "variance": value * 0.25, "amount": value * 0.25,
    }[key]  # fmt: skip
    # relative standard error of a mean square: sqrt((kurtosis - 1) / n), kurtosis at most 3 + 1 / 5 (Poisson of rate 5)
    # and 1 / amount <= 10 for impulses
    kurtosis = 10 if key == "amount" else 3.2
    assert ((variance / expected - 1).abs() < 5 * ((kurtosis - 1) / n) ** 0.5).all()


def test_a_single_value_is_given_back_for_every_image():
    assert Gaussian(50, clip=True)(gray(0.5, batch=3, side=2), draws())[1]["sigma"].tolist() == [50, 50, 50]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Gaussian(-1, clip=True), ["Gaussian", "sigma", "-1", ">= 0"]),
        (lambda: Gaussian([75, 25], clip=True), ["sigma", "[75, 25]", "low <= high"]),
        (lambda: Gaussian([75, 25], clip=True), ["[levels, 75, 25]"]),
        (lambda: Gaussian([25], clip=True), ["sigma", "[25]", "[low, high]", "[a, b, c]"]),
        (lambda: Gaussian(["levels", 25], clip=True), ["sigma", "25", "[a, b, c]"]),
        (lambda: Gaussian(["level", 15, 50], clip=True), ["'level'", "Did you mean 'levels'?"]),
        (lambda: Gaussian([15, 25, -50], clip=True), ["sigma", "-50", ">= 0"]),
        (lambda: Gaussian("25", clip=True), ["sigma", "'25'", "a number"]),
        (lambda: Gaussian(True, clip=True), ["sigma", "True", "a number"]),
        (lambda: Gaussian(float("nan"), clip=True), ["sigma", "nan"]),
        (lambda: Poisson(0, clip=True), ["Poisson", "peak", "0", ">= 1e-06"]),
        (lambda: Speckle([0.1, float("inf")], clip=True), ["variance", "inf"]),
        (lambda: Impulse(1.5, clip=True), ["amount", "1.5", "[0, 1]"]),
        (lambda: Impulse([0.1, 30], clip=True), ["amount", "30", "[0, 1]"]),
        (lambda: Impulse(0.5, clip=True, salt=2), ["salt", "2", "[0, 1]"]),
        (lambda: Impulse(0.5, clip=True, per="pixels"), ["per", "'pixels'", "Did you mean 'pixel'?"]),
        (lambda: GaussianImpulse(-3, 0.1, clip=True), ["sigma", "-3"]),
        (lambda: GaussianImpulse(3, 0.1, clip=True, salt=-1), ["salt", "-1"]),
    ],
)
def test_wrong_values_are_named_with_what_is_allowed(make, words):
    with pytest.raises(ConfigError) as caught:
        make()
    assert all(word in str(caught.value) for word in words)
