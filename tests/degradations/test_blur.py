"""Blurs against SciPy and against lines rasterized by brute force."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage, stats

from restorelab.degradations.blur import Box, Gaussian, Motion, NoBlur, line_kernel
from restorelab.degradations.rng import PhiloxDraws, TorchDraws
from restorelab.errors import ConfigError

IMAGES = torch.rand(3, 2, 40, 31, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def draws(seed=0):
    return TorchDraws().reseed(seed)


def kernels(length, angle, direction=0.0, reach=None):
    length, angle = torch.as_tensor(length).double().view(-1), torch.as_tensor(angle).double().view(-1)
    length, angle = torch.broadcast_tensors(length, angle)
    reach = math.ceil((float(length.max()) - 1) / 2) if reach is None else reach
    return line_kernel(length, angle, torch.full_like(length, direction), reach)


@pytest.mark.parametrize("blur", [Gaussian([0.5, 2]), Box(5), Motion([3, 9], direction=[-1, 1])])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_contract(blur, dtype):
    images = IMAGES.to(dtype)
    before = images.clone()
    blurred, drawn = blur(images, draws())
    assert torch.equal(images, before)
    assert (blurred.shape, blurred.dtype) == (images.shape, dtype)
    assert all((value.shape, value.dtype) == ((3,), dtype) for value in drawn.values())
    assert torch.equal(blur(images, draws())[0], blurred)
    # a constant stays one up to the border: kernels sum to 1 and the border is no dark frame
    assert torch.allclose(blur(torch.full_like(images, 0.7), draws())[0], torch.tensor(0.7, dtype=dtype))
    # within the batch as alone: same kernel for all channels, none for the neighbor
    for index in range(3):
        fixed = {
            Gaussian: lambda v: Gaussian(v["blur_sigma"], blur.size),
            Box: lambda v: Box(int(v["blur_size"])),
            Motion: lambda v: Motion(v["length"], v["angle"], v["direction"]),
        }[type(blur)]({key: float(value[index]) for key, value in drawn.items()})
        for channel in range(2):
            alone = fixed(images[index : index + 1, channel : channel + 1], draws(9))[0]
            tolerance = 1e-12 if dtype is torch.float64 else 1e-5
            assert (alone[0, 0] - blurred[index, channel]).abs().max() < tolerance


def test_no_blur_gives_the_image_itself():
    blurred, drawn = NoBlur()(IMAGES, draws())
    assert blurred is IMAGES
    assert drawn == {}


def test_gaussian_is_that_of_scipy():
    blur = Gaussian([0.4, 2.5])
    assert blur.size == 17  # 8 is the first whole number from 3 x 2.5 on
    blurred, drawn = blur(IMAGES, draws())
    for index, sigma in enumerate(drawn["blur_sigma"].tolist()):
        expected = ndimage.gaussian_filter(IMAGES[index].numpy(), (0, sigma, sigma), radius=(0, 8, 8), mode="mirror")
        assert np.abs(blurred[index].numpy() - expected).max() < 1e-12


@pytest.mark.parametrize(("sigma", "size"), [(1, 7), (1.5, 11), (0.5, 5), ([0, 2], 13), (0, 1)])
def test_gaussian_kernel_reaches_three_sigma(sigma, size):
    assert (Gaussian(sigma).size, Gaussian(sigma).reach) == (size, size // 2)
    assert Gaussian(sigma, kernel_size=21).size == 21


@pytest.mark.parametrize("sigma", [0.3, 0.5, 0.8, 1, 1.5, 4])
def test_gaussian_has_the_second_moment_of_one_that_is_not_cut_off(sigma):
    blur = Gaussian(sigma)
    point = torch.zeros(1, 1, 4 * blur.reach + 1, 4 * blur.reach + 1, dtype=torch.float64)
    point[..., 2 * blur.reach, 2 * blur.reach] = 1
    row = blur(point, draws())[0][0, 0].sum(0).numpy()

    def moment(weights):
        places = np.arange(len(weights)) - len(weights) // 2
        return (weights * places**2).sum() / weights.sum()

    whole = moment(np.exp(-(np.arange(-200, 201) ** 2) / (2 * sigma**2)))
    cut = 1 - 6 * stats.norm.pdf(3) / (2 * stats.norm.cdf(3) - 1)  # of a Gaussian that ends at 3 sigma
    assert cut - 1e-3 < moment(row) / whole <= 1
    if sigma <= 0.5:
        assert moment(row) / whole > 1 - 1e-3  # 3 taps lose 1 % at sigma 0.5


def test_gaussian_of_sigma_zero_changes_nothing():
    assert torch.equal(Gaussian(0, kernel_size=5)(IMAGES, draws())[0], IMAGES)


@pytest.mark.parametrize("size", [1, 3, 7])
def test_box_is_that_of_scipy(size):
    expected = ndimage.uniform_filter(IMAGES.numpy(), (1, 1, size, size), mode="mirror")
    assert np.abs(Box(size)(IMAGES, draws())[0].numpy() - expected).max() < 1e-12


def test_whole_lines_along_the_axes_are_means_of_pixels():
    across = kernels(5.0, 0.0)[0]
    expected = torch.zeros(5, 5, dtype=torch.float64)
    expected[2] = 0.2
    assert torch.allclose(across, expected, atol=1e-8)
    assert torch.allclose(kernels(5.0, 90.0)[0], expected.T, atol=1e-8)
    assert torch.allclose(kernels(4.0, 180.0)[0, 2], torch.tensor([0.125, 0.25, 0.25, 0.25, 0.125]).double())
    assert torch.allclose(kernels(1.0, 37.0)[0], torch.ones(1, 1).double())


def test_angle_turns_counter_clockwise_as_displayed():
    diagonal = kernels(3 * 2**0.5, 45.0)[0]  # crosses three whole pixels, corner to corner: bottom left to top right
    expected = torch.zeros(5, 5, dtype=torch.float64)
    expected[1:4, 1:4] = torch.eye(3).flip(0) / 3
    assert torch.allclose(diagonal, expected, atol=1e-8)


@pytest.mark.parametrize("length", [1.0, 3.3, 8.0, 12.7])
@pytest.mark.parametrize("angle", [0.0, 17.0, 45.0, 90.0, 133.0, 200.0, -60.0])
@pytest.mark.parametrize("direction", [0.0, 0.6, -1.0])
def test_line_kernel_against_a_line_of_many_points(length, angle, direction):
    kernel = kernels(length, angle, direction)[0].numpy()
    reach, points = kernel.shape[0] // 2, 200_000
    t = ((np.arange(points) + 0.5) / points - 0.5) * length
    column = np.round(t * np.cos(np.radians(angle))).astype(int) + reach
    row = np.round(-t * np.sin(np.radians(angle))).astype(int) + reach
    expected = np.zeros_like(kernel)
    np.add.at(expected, (row, column), 1 + 2 * direction * t / length)
    # each pixel border cuts the line at one point, misplaced by at most one of the points, which weighs at most 2
    tolerance = 2 * 2 / points
    assert abs(kernel.sum() - 1) < 1e-12
    assert np.abs(kernel - expected / expected.sum()).max() < tolerance


def test_the_streak_of_a_bright_point_is_the_kernel():
    point = torch.zeros(1, 1, 31, 31, dtype=torch.float64)
    point[..., 15, 15] = 1
    streak = Motion(9, 30, direction=1)(point, draws())[0][0, 0]
    assert torch.allclose(streak[11:20, 11:20], kernels(9.0, 30.0, 1.0)[0])
    assert streak[:15, 16:].sum() > 0.6 > streak[16:, :15].sum()  # heavy at the head, up and to the right


def test_motion_is_that_of_scipy():
    motion = Motion([3, 9], [0, 180], [-1, 1])
    blurred, drawn = motion(IMAGES, draws())
    kernel = line_kernel(drawn["length"], drawn["angle"], drawn["direction"], motion.reach).numpy()
    for index in range(3):
        for channel in range(2):
            expected = ndimage.convolve(IMAGES[index, channel].numpy(), kernel[index], mode="mirror")
            assert np.abs(blurred[index, channel].numpy() - expected).max() < 1e-12


@pytest.mark.parametrize(
    ("blur", "key", "low", "high"),
    [
        (Motion([1, 3]), "length", 1, 3),
        (Motion(3, [20, 40]), "angle", 20, 40),
        (Motion(3, 0, [-1, 0.5]), "direction", -1, 0.5),
        (Gaussian([0.5, 1]), "blur_sigma", 0.5, 1),
    ],
)
def test_strengths_are_uniform_up_to_the_upper_bound(blur, key, low, high):
    # kornia's RandomMotionBlur never draws its upper bound (#4599); here the top hundredth is drawn a hundredth often
    drawn = blur(torch.rand(4000, 1, 4, 4, dtype=torch.float64), draws())[1][key]
    assert stats.kstest(drawn.numpy(), "uniform", (low, high - low)).pvalue > 1e-6
    assert drawn.max() > high - 0.01 * (high - low)


def test_frozen_blurs_do_not_depend_on_what_else_is_blurred():
    for blur in (Gaussian([0.5, 2]), Motion([3, 9])):
        first = [blur(IMAGES[index : index + 1], PhiloxDraws(index))[0] for index in (0, 1, 2)]
        second = [blur(IMAGES[index : index + 1], PhiloxDraws(index))[0] for index in (2, 1, 0)][::-1]
        assert all(map(torch.equal, first, second))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Gaussian(-1), ["sigma", "-1", ">= 0"]),
        (lambda: Gaussian(1, kernel_size=4), ["kernel_size", "4", "odd"]),
        (lambda: Box(4), ["size", "4", "odd"]),
        (lambda: Box(3.0), ["size", "3.0", "odd"]),
        (lambda: Motion(0.5), ["length", "0.5", ">= 1"]),
        (lambda: Motion([9, 3]), ["length", "[9, 3]", "low <= high"]),
        (lambda: Motion(3, 400), ["angle", "400", "[-360, 360]"]),
        (lambda: Motion(3, 0, 2), ["direction", "2", "[-1, 1]"]),
        (lambda: Box(63)(IMAGES, draws()), ["Box", "31 pixels", "40x31"]),
        (lambda: Gaussian(11)(IMAGES, draws()), ["Gaussian", "33 pixels", "40x31"]),
        (lambda: Motion(63)(IMAGES, draws()), ["Motion", "31 pixels", "40x31"]),
    ],
)
def test_errors_say_what_is_allowed(make, words):
    with pytest.raises(ConfigError) as caught:
        make()
    assert all(word in str(caught.value) for word in words)
