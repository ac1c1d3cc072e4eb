"""Noise on a box: where it is, what it leaves alone, and that `region=all` is what it was before there were boxes."""

import hashlib

import pytest
import torch
from scipy import stats

import runs
from restorelab.config import build
from restorelab.degradations.mixture import Each, Mixture
from restorelab.degradations.noise import Gaussian, GaussianImpulse, Impulse, Poisson, Speckle
from restorelab.degradations.region import confine
from restorelab.degradations.rng import PhiloxDraws, TorchDraws
from restorelab.errors import ConfigError
from restorelab.noise_level import BOX

NOISES = {
    "gaussian": lambda **region: Gaussian([25, 75], clip=True, **region),
    "poisson": lambda **region: Poisson([10, 60], clip=True, **region),
    "speckle": lambda **region: Speckle([0.01, 0.04], clip=True, **region),
    "impulse": lambda **region: Impulse([0.1, 0.5], clip=True, **region),
    "impulse_pixel": lambda **region: Impulse([0.1, 0.5], clip=True, per="pixel", **region),
    "gaussian_impulse": lambda **region: GaussianImpulse([10, 40], [0.1, 0.2], clip=True, **region),
}
# Of the images and parameters below, by the classes as they were before they had the two keys. A change here changes
# frozen evaluations: raise the version of their recipe with it.
PINNED = {
    "gaussian": "5ec533d0244b227d",
    "poisson": "d9fa7ffcc8f1dff1",
    "speckle": "5ed20317538928b4",
    "impulse": "b5276a25b5298170",
    "impulse_pixel": "5a9c51134dd114ec",
    "gaussian_impulse": "c926fd6b7edc677b",
    "mixture": "ae24ca33fd039a6d",
}
CLEAN = torch.rand(6, 3, 40, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(3)) * 0.8 + 0.1


@pytest.mark.parametrize("name", PINNED)
def test_noise_on_the_whole_image_has_the_bits_it_had(name):
    made = {key: make() for key, make in NOISES.items()}
    noise = made.get(name) or Mixture(made)
    image = torch.arange(4 * 3 * 7 * 5, dtype=torch.float64).view(4, 3, 7, 5) / 420
    noisy, drawn = noise(image, PhiloxDraws("pinned", name))
    digest = hashlib.sha256(noisy.numpy().tobytes())
    for values in drawn.values():
        digest.update(values.numpy().tobytes())
    assert digest.hexdigest()[:16] == PINNED[name]


def inside(drawn, size):
    """(B, 1, H, W), true inside each image's box, by slices."""
    found = torch.zeros(len(drawn["top"]), 1, *size, dtype=torch.bool)
    for i, (top, left, height, width) in enumerate(zip(*(drawn[name].tolist() for name in BOX), strict=True)):
        assert all(value == int(value) for value in (top, left, height, width))
        assert 0 <= top <= top + height <= size[0]
        assert 0 <= left <= left + width <= size[1]
        assert height >= 1
        assert width >= 1
        found[i, :, int(top) : int(top + height), int(left) : int(left + width)] = True
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", NOISES)
def test_the_noise_stays_inside_and_is_that_of_the_whole_image(name, dtype):
    clean = CLEAN.to(dtype)
    before = clean.clone()
    noise = NOISES[name](region="box", box=[0.3, 0.8])
    noisy, drawn = noise(clean, TorchDraws().reseed(5))
    whole, _ = NOISES[name]()(clean, TorchDraws().reseed(5))
    box = inside(drawn, (40, 30))
    assert torch.equal(clean, before)
    assert torch.equal(noisy, torch.where(box, whole, clean))
    assert not torch.equal(noisy, clean)
    assert (noisy.dtype, noisy.shape) == (dtype, clean.shape)
    assert tuple(drawn) == noise.parameters == (*NOISES[name]().parameters, *BOX)
    assert all((values.shape, values.dtype) == ((6,), dtype) for values in drawn.values())
    for key, side in (("height", 40), ("width", 30)):
        assert ((drawn[key] >= round(0.3 * side)) & (drawn[key] <= round(0.8 * side))).all()


def test_values_outside_are_not_even_clipped():
    """A bicubic undershoot is no part of the noise."""
    image = torch.full((1, 1, 10, 10), -0.25)
    noisy, drawn = Gaussian(1, clip=True, region="box", box=0.5)(image, TorchDraws().reseed(0))
    box = inside(drawn, (10, 10))
    assert bool((noisy[~box] == -0.25).all())
    assert bool((noisy[box] >= 0).all())


def test_each_image_has_its_own_place_and_a_key_always_the_same():
    noise = GaussianImpulse(25, 0.1, clip=True, region="box", box=0.4)

    def degrade(index):
        return noise(CLEAN[index : index + 1], PhiloxDraws(f"image {index}", "box", 0))

    forward, backward = [degrade(i) for i in range(6)], [degrade(i) for i in reversed(range(6))][::-1]
    for (first, values), (second, again) in zip(forward, backward, strict=True):
        assert torch.equal(first, second)
        assert values == again
        assert (values["height"].item(), values["width"].item()) == (16, 12)
    assert len({(values["top"].item(), values["left"].item()) for _, values in forward}) > 4
    _, drawn = noise(CLEAN, TorchDraws().reseed(0))  # in a batch too
    assert len(set(zip(drawn["top"].tolist(), drawn["left"].tolist(), strict=True))) > 4


def test_places_and_sizes_are_uniform():
    """Along a side of 10, a box of 4 has 7 places; sides from 0.25 to 0.75 of 40 pixels are 10 to 30 long."""
    image = torch.zeros(8000, 1, 10, 40)
    _, drawn = Gaussian(1, clip=True, region="box", box=0.4)(image, TorchDraws().reseed(0))
    assert stats.chisquare(torch.bincount(drawn["top"].long(), minlength=7)).pvalue > 1e-6
    assert len(torch.bincount(drawn["top"].long())) == 7
    _, drawn = Gaussian(1, clip=True, region="box", box=[0.25, 0.75])(image, TorchDraws().reseed(1))
    found = torch.bincount(drawn["width"].long()).double()
    expected = torch.ones(21, dtype=torch.float64)
    expected[[0, -1]] = 0.5  # rounding gives the two ends half an interval each
    assert len(found) == 31
    assert stats.chisquare(found[10:], expected * 8000 / expected.sum()).pvalue > 1e-6


@pytest.mark.parametrize(("share", "sides"), [(0, (1, 1)), (1, (40, 30)), (0.01, (1, 1)), (0.5, (20, 15))])
def test_extreme_shares(share, sides):
    noise = Impulse(1.0, clip=True, region="box", box=share)
    noisy, drawn = noise(CLEAN, TorchDraws().reseed(0))
    assert {(drawn["height"][i].item(), drawn["width"][i].item()) for i in range(6)} == {sides}
    assert ((noisy != CLEAN).sum((2, 3)) == sides[0] * sides[1]).all()


def test_the_greatest_draw_stays_inside():
    """Where float32 rounds (1 - 2^-24) (room + 1) up to room + 1, the box would stick out."""

    class Greatest:
        def uniform(self, shape, like):
            return torch.full(shape, 1 - 2**-24, dtype=like.dtype)

    image = torch.zeros(1, 1, 4099, 3)
    _, drawn = confine(image + 1, {}, image, Greatest(), 0.5)
    assert drawn["top"] + drawn["height"] == 4099
    assert drawn["left"] + drawn["width"] == 3


def test_members_of_a_set_have_their_own_region():
    noises = {"whole": Gaussian(50, clip=True), "part": Impulse(1.0, clip=True, region="box", box=0.5)}
    each = Each(noises)
    assert each.parameters == ("noise", "sigma", "amount", *BOX) == Mixture(noises).parameters
    noisy, drawn = each(CLEAN, TorchDraws().reseed(0), (3, 3))
    assert drawn["top"].isnan().tolist() == [True] * 3 + [False] * 3
    changed = (noisy != CLEAN).sum((1, 2, 3))
    assert (changed[:3] > 3400).all()  # all values but few
    assert (changed[3:] == 3 * 20 * 15).all()


def test_gradients_pass():
    image = torch.full((1, 1, 8, 8), 0.5, requires_grad=True)
    noisy, _ = Gaussian(5, clip=False, region="box")(image, TorchDraws().reseed(0))
    (gradient,) = torch.autograd.grad(noisy.sum(), image)
    assert torch.equal(gradient, torch.ones_like(gradient))


class MetaDraws:
    """Shapes without values: what asks for one, and so would wait for a GPU, raises."""

    def uniform(self, shape, like):
        return like.new_empty(shape)

    normal = uniform

    def bits16(self, shape, like):
        return torch.empty(shape, dtype=torch.int16, device=like.device)

    def poisson(self, rate):
        return torch.empty_like(rate)


@pytest.mark.parametrize("name", NOISES)
def test_nothing_asks_the_device_for_a_value(name):
    noisy, drawn = NOISES[name](region="box")(CLEAN.to("meta"), MetaDraws())
    assert noisy.shape == CLEAN.shape
    assert all(values.device.type == "meta" for values in drawn.values())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: Gaussian(5, clip=True, region="boxes"),
            ["Gaussian noise", "region is 'boxes'", "Did you mean 'box'?"],
        ),
        (lambda: Poisson(5, clip=True, box=[0.5, 0.2]), ["Poisson noise", "box is [0.5, 0.2]", "low <= high"]),
        (lambda: GaussianImpulse(5, 0.1, clip=True, box=20), ["box is 20", "[0, 1]"]),
        (lambda: Speckle(0.1, clip=True, region=True), ["region is True"]),
    ],
)
def test_wrong_values_are_named_with_what_is_allowed(make, words):
    with pytest.raises(ConfigError) as caught:
        make()
    assert all(word in str(caught.value) for word in words)


def test_a_box_that_is_not_used_leaves_the_key_of_an_evaluation_alone():
    """The run's own degradation is keyed by its config: by what changes the image, not by keys that do nothing."""

    def key(*overrides):
        settings = runs.composed(["evaluation=own", "noise=gaussian", *overrides])
        return build.parts(settings).evaluations["own"].key

    assert "box" not in key()
    assert key("noise.box=0.1") == key()
    assert key("noise.fixed=true") == key()
    boxed = key("noise.region=box")
    assert boxed != key()
    assert key("noise.region=box", "noise.box=0.1") not in (boxed, key())


def test_the_evaluation_of_the_stl10_report():
    settings = runs.composed(["noise=gaussian_impulse", "evaluation=gaussian_25_impulse_10_box_40"])
    evaluation = build.parts(settings).evaluations["gaussian_25_impulse_10_box_40"]
    noisy, drawn = evaluation.degradation(CLEAN[:1], PhiloxDraws("an image", evaluation.key, 0))
    box = inside(drawn, (40, 30)).expand_as(noisy)
    assert int(box.sum()) == 3 * 16 * 12
    assert torch.equal(noisy[~box], CLEAN[:1][~box])
    assert (noisy != CLEAN[:1])[box].float().mean() > 0.9
