"""The rows that learn nothing, against scikit-image, SciPy and the package bm3d called directly."""

import sys

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg
import torch
from skimage import data, restoration

from restorelab.degradations.noise import Impulse
from restorelab.degradations.rng import TorchDraws
from restorelab.errors import ConfigError
from restorelab.metrics.mse import mse
from restorelab.models.black import Black
from restorelab.models.bm3d import BM3D
from restorelab.models.inpaint import Inpaint
from restorelab.models.mean_color import MeanColor
from restorelab.models.median import Median
from restorelab.models.nlm import NLM
from restorelab.models.richardson_lucy import RichardsonLucy
from restorelab.models.selective_median import SelectiveMedian
from restorelab.models.tv import TV
from restorelab.models.wiener import Wiener
from restorelab.restoring.inference import restore


def photo(channels: int = 1, side: int = 48) -> torch.Tensor:
    """Two pieces of a real photograph, (2, C, side, side + 4), all values between 0 and 1."""
    pixels = torch.from_numpy(data.astronaut()).permute(2, 0, 1).float().div(257).add(0.003)
    pieces = [pixels[:channels, top : top + side, 180 : 184 + side] for top in (60, 150)]
    return torch.stack(pieces)


def psnr(restored: torch.Tensor, clean: torch.Tensor) -> float:
    return float(-10 * mse(restored.clamp(0, 1), clean).log10().mean())


def impulses(clean: torch.Tensor, amount: float = 0.3) -> torch.Tensor:
    return Impulse(amount, clip=True)(clean, TorchDraws().reseed(0))[0]


EVERY = {
    "median": lambda: Median(3),
    "selective_median": SelectiveMedian,
    "inpaint": Inpaint,
    "tv": lambda: TV(0.1),
    "nlm": lambda: NLM(25, 0.8),
    "bm3d": lambda: BM3D(25),
    "wiener": lambda: Wiener(sigma=1, balance=0.1),
    "richardson_lucy": lambda: RichardsonLucy(sigma=1, iterations=3),
    "mean_color": MeanColor,
}


SLOW = [pytest.param(name, marks=[pytest.mark.slow] if name == "bm3d" else []) for name in EVERY]


@pytest.mark.parametrize("name", SLOW)
def test_a_constant_image_is_left_alone(name):
    """Each channel its own constant. BM3D's windows lose 4e-4 of a constant."""
    image = torch.tensor([0.2, 0.9, 0.55]).view(1, 3, 1, 1).expand(1, 3, 16, 20).contiguous()
    torch.testing.assert_close(EVERY[name]()(image), image, rtol=0, atol=5e-4 if name == "bm3d" else 1e-5)


@pytest.mark.parametrize("name", SLOW)
@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.float16])
def test_shape_type_and_input_are_kept_and_images_do_not_meet(name, kind):
    if name == "bm3d" and kind != torch.float64:
        pytest.skip("slow; one type says it")
    net, image = EVERY[name](), impulses(photo(side=16)).to(kind)
    before = image.clone()
    restored = net(image)
    assert restored.dtype == kind
    assert restored.shape == image.shape
    assert restored.is_contiguous()
    assert torch.equal(image, before)
    assert net.fit is False
    assert not list(net.parameters())
    torch.testing.assert_close(net(image[1:]), restored[1:], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", EVERY)
def test_values_outside_the_range_are_taken(name):
    noisy = photo(side=16) + 0.5 * torch.randn(2, 1, 16, 20, generator=torch.Generator().manual_seed(0))
    assert noisy.min() < 0
    assert noisy.max() > 1
    assert EVERY[name]()(noisy[:1]).isfinite().all()


@pytest.mark.parametrize("name", [*EVERY, "black", "open"])
def test_on_the_meta_device_only_the_shape_is_given(name):
    made = EVERY | {"black": Black, "open": lambda: TV(None, {"weight": [0.1]})}
    with torch.device("meta"):
        net = made[name]()
    image = torch.empty(2, 3, 20, 24, device="meta")
    restored = net(image)
    assert restored.is_meta
    assert restored.shape == image.shape


@pytest.mark.parametrize("channels", [1, 3])
def test_tv_is_scikit_images(channels):
    image = photo(channels)
    expected = [
        np.stack([restoration.denoise_tv_chambolle(plane, weight=0.07) for plane in one]) for one in image.numpy()
    ]
    np.testing.assert_array_equal(TV(0.07)(image).numpy(), np.stack(expected))


@pytest.mark.parametrize("channels", [1, 3])
def test_nlm_is_scikit_images(channels):
    image = photo(channels, 20)
    options = {"patch_size": 5, "patch_distance": 4, "sigma": 20 / 255, "h": 0.9 * 20 / 255}
    for one, restored in zip(image, NLM(20, 0.9, patch_size=5, patch_distance=4)(image), strict=True):
        if channels == 1:
            expected = restoration.denoise_nl_means(one[0].numpy(), **options)[None]
        else:
            expected = restoration.denoise_nl_means(one.numpy(), **options, channel_axis=0)
        np.testing.assert_allclose(restored.numpy(), expected, atol=1e-6)


@pytest.mark.slow
def test_bm3d_is_its_packages():
    bm3d = pytest.importorskip("bm3d")
    gray, color = photo(1, 16)[:1], photo(3, 16)[:1]
    once = BM3D(30)(gray)
    np.testing.assert_allclose(once[0, 0].numpy(), bm3d.bm3d(gray[0, 0].numpy(), 30 / 255), atol=2e-6)
    expected = bm3d.bm3d_rgb(color[0].permute(1, 2, 0).numpy(), 30 / 255)
    np.testing.assert_allclose(BM3D(30)(color)[0].permute(1, 2, 0).numpy(), expected, atol=2e-6)
    alike = gray.expand(1, 3, 16, 20)  # bm3d_rgb gives NaN: a chroma is constant
    torch.testing.assert_close(BM3D(30)(alike), once.expand_as(alike), rtol=0, atol=2e-6)
    # Small images crash the package: they are refused, and padded by who restores them.
    with pytest.raises(ValueError, match="at least 16 pixels a side, got 8x20"):
        BM3D(30)(gray[..., :8, :])
    assert restore(BM3D(30), gray[..., :8, :]).shape == (1, 1, 8, 20)


def test_without_the_package_bm3d_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "bm3d", None)
    with pytest.raises(ConfigError, match=r"pip install 'restorelab\[classical\]'"):
        BM3D(25)


@pytest.mark.parametrize("net", [SelectiveMedian(), Inpaint(1), Inpaint(2)], ids=["median", "harmonic", "biharmonic"])
def test_values_that_were_not_struck_keep_their_bits(net):
    clean = photo(3)
    struck = impulses(clean)
    restored, lost = net(struck), (struck == 0) | (struck == 1)
    assert 0.28 < lost.float().mean() < 0.32
    assert torch.equal(restored[~lost], struck[~lost])
    assert ((restored[lost] != 0) & (restored[lost] != 1)).all()
    unclipped = clean * 3 - 1  # no impulses: values beyond the range are not at it
    assert torch.equal(net(unclipped), unclipped)


def test_selective_median_by_hand():
    """Medians over what was not struck, in the smallest window that holds any; slowly, with NumPy."""
    image = impulses(photo(side=16), 0.7)
    restored = SelectiveMedian(9)(image)
    grown = 0
    for plane, result in zip(image[:, 0].numpy(), restored[:, 0].numpy(), strict=True):
        padded = np.pad(plane, 4, mode="reflect")
        for y, x in np.argwhere((plane == 0) | (plane == 1)):
            for reach in (1, 2, 3, 4):
                window = padded[y + 4 - reach : y + 5 + reach, x + 4 - reach : x + 5 + reach]
                kept = window[(window != 0) & (window != 1)]
                if kept.size:
                    break
                grown += 1
            assert result[y, x] == pytest.approx(float(np.median(kept)), abs=1e-7)
    assert grown > 5  # the 3x3 window alone would not have passed


@pytest.mark.parametrize("net", [SelectiveMedian(), Inpaint()], ids=["median", "inpaint"])
def test_black_and_white_regions_of_the_picture_itself_survive(net):
    """A half that is black, a disc that is white: their inside has nothing but struck values around it."""
    clean = photo(side=48)
    clean[..., :24, :] = 0
    y, x = torch.meshgrid(torch.arange(48), torch.arange(52), indexing="ij")
    clean[:, :, (y - 36) ** 2 + (x - 20) ** 2 < 81] = 1
    noisy = impulses(clean, 0.2)
    restored = net(noisy)
    assert torch.equal(restored[..., :19, :], clean[..., :19, :])
    assert torch.equal(restored[..., 34:38, 18:22], clean[..., 34:38, 18:22])
    black = torch.zeros(1, 1, 12, 12)
    assert torch.equal(net(black), black)
    assert torch.equal(net(black + 1), black + 1)


@pytest.mark.parametrize("order", [1, 2])
def test_inpaint_solves_its_equation(order):
    """Against a sparse direct solver on an independently built Laplacian with a free border."""
    struck = impulses(photo(side=24)[:1, :, :, :24]).double()
    ends = np.ones(24)
    line = scipy.sparse.diags([-ends[1:], 2 * ends, -ends[1:]], [-1, 0, 1]).tolil()
    line[0, 0] = line[-1, -1] = 1
    eye = scipy.sparse.eye(24)
    matrix = scipy.sparse.csr_matrix(scipy.sparse.kron(eye, line) + scipy.sparse.kron(line, eye)) ** order
    expected = struck.numpy().ravel().copy()
    lost = (expected == 0) | (expected == 1)
    right = -matrix[lost][:, ~lost] @ expected[~lost]
    expected[lost] = scipy.sparse.linalg.spsolve(matrix[lost][:, lost].tocsc(), right)
    np.testing.assert_allclose(Inpaint(order)(struck).numpy().ravel(), expected, atol=1e-4)


def test_inpaint_is_scikit_images():
    """Its stencil differs at the border only: compared 4 pixels inside. A plane stops where it would alone."""
    struck = impulses(photo())
    restored = Inpaint()(struck)
    for one, result in zip(struck[:, 0].numpy(), restored[:, 0].numpy(), strict=True):
        expected = restoration.inpaint_biharmonic(one, (one == 0) | (one == 1))
        assert np.abs(result - expected)[4:-4, 4:-4].max() < 2e-3
    torch.testing.assert_close(Inpaint()(struck[1:]), restored[1:], rtol=0, atol=1e-6)
    beside = torch.cat([photo()[:1], struck[1:]])  # nothing to do for the first, some steps for the second
    assert torch.equal(Inpaint()(beside)[0], beside[0])
    torch.testing.assert_close(Inpaint()(beside)[1], restored[1], rtol=0, atol=1e-6)


def test_on_real_impulses_each_is_better_than_the_last():
    clean = photo(3, 96)
    struck = impulses(clean)
    reached = [psnr(net(struck), clean) for net in (Median(3), Median(5), SelectiveMedian(), Inpaint(1), Inpaint(2))]
    assert reached == sorted(reached)
    assert reached[-1] > reached[1] + 5


def test_mean_color_and_black():
    image = photo(3)
    own = MeanColor(scale=2)(image)
    assert own.shape == (2, 3, 96, 104)
    np.testing.assert_allclose(own[1, 2].numpy(), image[1, 2].double().mean().item(), rtol=1e-5)
    gray, color = MeanColor(0.25)(image), MeanColor([0.1, 0.2, 0.3])(image)
    assert torch.equal(gray, torch.full_like(image, 0.25))
    assert color[1, :, 5, 7].tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert torch.equal(Black(3)(image), torch.zeros(2, 3, 144, 156))
    with pytest.raises(ValueError, match="2 channels, the images have 3"):
        MeanColor([0.1, 0.2])(image)
    for build in (lambda: MeanColor(1.5), lambda: MeanColor(scale=0), lambda: Black(0)):
        with pytest.raises(ConfigError, match=r"model\."):
            build()


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: TV(-0.1), "model.weight=-0.1: expected a number, at least 0"),
        (lambda: TV(float("nan")), "model.weight=nan"),
        (lambda: TV(None), "model.weight=null: set candidates"),
        (lambda: TV(None, {"weight": []}), "model.weight=null: set candidates"),
        (lambda: TV(0.1, {"wait": [1]}), "model.grid.wait: .* Did you mean 'weight'"),
        (lambda: TV(None, {"weight": [0.1, -1]}), "model.grid.weight=-1"),
        (lambda: Median(None, {"kernel": [3, 4]}), "model.grid.kernel=4: expected an odd number"),
        (lambda: RichardsonLucy(sigma=1, iterations=0), "model.iterations=0: expected a whole number, at least 1"),
        (lambda: NLM(10, 0.8, patch_size=4), "model.patch_size=4: expected an odd number"),
        (lambda: SelectiveMedian(4), "model.largest=4: expected an odd number, at least 3"),
        (lambda: Inpaint(3), "model.order=3: expected 1 .harmonic. or 2 .biharmonic."),
    ],
)
def test_wrong_values_are_named(build, words):
    with pytest.raises(ConfigError, match=words):
        build()
