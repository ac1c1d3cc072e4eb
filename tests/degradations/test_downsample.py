"""Downsampling against Pillow, NumPy and MATLAB's formula."""

import numpy as np
import pytest
import torch
from PIL import Image

from restorelab.degradations.downsample import AvgPool, Bicubic, NoDownsample, enlarge
from restorelab.errors import ConfigError

IMAGES = torch.rand(2, 3, 24, 36, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def pillow(image, size):
    height, width = size
    return np.asarray(Image.fromarray(image.astype(np.float32), "F").resize((width, height), Image.Resampling.BICUBIC))


def imresize_matrix(length, target):
    """MATLAB's imresize weights for one axis, (target, length): cubic with a = -0.5, widened by the scale, mirrored."""
    scale = target / length
    widen = max(1 / scale, 1.0)
    matrix = np.zeros((target, length))
    for row in range(target):
        center = (row + 0.5) / scale - 0.5
        first = int(np.floor(center - 2 * widen))
        taps = np.arange(first, first + int(np.ceil(4 * widen)) + 2)
        x = np.abs((center - taps) / widen)
        weight = np.where(x <= 1, 1.5 * x**3 - 2.5 * x**2 + 1, 0) + np.where(
            (x > 1) & (x <= 2), -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2, 0
        )
        mirrored = np.mod(taps, 2 * length)
        mirrored = np.where(mirrored >= length, 2 * length - 1 - mirrored, mirrored)
        np.add.at(matrix[row], mirrored, weight / weight.sum())
    return matrix


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_bicubic_is_that_of_pillow(factor):
    small = Bicubic(factor, clip=False)(IMAGES)
    assert small.shape == (2, 3, 24 // factor, 36 // factor)
    for image, expected in zip(small.flatten(0, 1).numpy(), IMAGES.flatten(0, 1).numpy(), strict=True):
        assert np.abs(image - pillow(expected, (24 // factor, 36 // factor))).max() < 1e-6  # Pillow's are float32


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_bicubic_is_that_of_matlab_within_the_border(factor):
    height, width = 24 // factor, 36 // factor
    expected = imresize_matrix(24, height) @ IMAGES.numpy() @ imresize_matrix(36, width).T
    inner = (..., slice(2, height - 2), slice(2, width - 2))  # the cubic reaches two output pixels
    assert np.abs((Bicubic(factor, clip=False)(IMAGES).numpy() - expected)[inner]).max() < 1e-12


@pytest.mark.parametrize("size", [(48, 72), (96, 108), (25, 36)])
def test_enlarging_is_that_of_pillow(size):
    large = enlarge(IMAGES, size)
    for image, expected in zip(large.flatten(0, 1).numpy(), IMAGES.flatten(0, 1).numpy(), strict=True):
        assert np.abs(image - pillow(expected, size)).max() < 1e-6
    expected = imresize_matrix(24, size[0]) @ IMAGES.numpy() @ imresize_matrix(36, size[1]).T
    inner = (..., slice(8, -8), slice(8, -8))  # two input pixels at four output pixels each
    assert np.abs((large.numpy() - expected)[inner]).max() < 1e-12


def test_enlarging_to_its_own_size_changes_nothing():
    assert enlarge(IMAGES, (24, 36)) is IMAGES


def test_bicubic_clips_only_where_told():
    edge = torch.zeros(1, 1, 16, 16).index_fill(3, torch.arange(7, 16), 1.0)
    loose, cut = Bicubic(2, clip=False)(edge), Bicubic(2, clip=True)(edge)
    assert loose.min() < -0.01
    assert loose.max() > 1.01
    assert torch.equal(cut, loose.clamp(0, 1))


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_avg_pool_is_the_mean_of_squares(factor):
    blocks = IMAGES.numpy().reshape(2, 3, 24 // factor, factor, 36 // factor, factor)
    small = AvgPool(factor)(IMAGES)
    assert np.abs(small.numpy() - blocks.mean((3, 5))).max() < 1e-12
    assert small.dtype is torch.float64


@pytest.mark.parametrize("downsample", [AvgPool(2), Bicubic(4, clip=True), NoDownsample()])
def test_output_size_is_the_size_of_the_output(downsample):
    before = IMAGES.clone()
    assert downsample.output_size((24, 36)) == tuple(downsample(IMAGES).shape[-2:])
    assert torch.equal(IMAGES, before)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: AvgPool(0), ["avg_pool", "factor", "0", ">= 1"]),
        (lambda: Bicubic(1.5, clip=True), ["bicubic", "factor", "1.5", "integer"]),
        (lambda: AvgPool(True), ["factor", "True"]),
        (lambda: AvgPool(5).output_size((25, 36)), ["avg_pool", "25x36", "factor 5", "multiple of 5"]),
        (lambda: AvgPool(5)(IMAGES), ["24x36", "factor 5"]),
        (lambda: Bicubic(5, clip=True)(IMAGES), ["bicubic", "24x36", "factor 5"]),
    ],
)
def test_errors_say_what_is_allowed(make, words):
    with pytest.raises(ConfigError) as caught:
        make()
    assert all(word in str(caught.value) for word in words)
