"""The protocol against scikit-image, image by image."""

import json

import numpy as np
import pytest
import torch
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchmetrics.functional.image import peak_signal_noise_ratio as torchmetrics_psnr

from restorelab.errors import ConfigError
from restorelab.metrics.protocol import Protocol, enlarge, luma
from restorelab.metrics.ssim import ssim


def pair(channels=1, count=3, dtype=torch.float32):
    """Images between dark and bright with noise from weak to strong, so that no two measure alike."""
    generator = torch.Generator().manual_seed(channels)
    clean = torch.rand(count, channels, 6, 5, generator=generator, dtype=dtype)
    clean = torch.nn.functional.interpolate(clean, size=(41, 32), mode="bilinear")
    noise = (
        torch.randn(clean.shape, generator=generator, dtype=dtype)
        * torch.linspace(0.02, 0.3, count)[:, None, None, None]
    )
    return clean + noise.to(dtype), clean


def skimage_ssim(restored, clean):
    return structural_similarity(
        restored, clean, channel_axis=0, data_range=1.0, gaussian_weights=True, use_sample_covariance=False
    )


def expected(restored, clean):
    """PSNR, SSIM and MSE of one image by scikit-image, in float64 from the float32 images."""
    restored, clean = restored.double().numpy(), clean.double().numpy()
    return {
        "psnr": peak_signal_noise_ratio(clean, restored, data_range=1.0),
        "ssim": skimage_ssim(restored, clean),
        "mse": np.mean((restored - clean) ** 2),
    }


def compare(measured, images):
    for name, values in measured.items():
        assert values.dtype == torch.float64
        np.testing.assert_allclose(values.numpy(), [image[name] for image in images], rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("channels", [1, 3])
def test_against_skimage(channels):
    restored, clean = pair(channels)
    measured = Protocol().measure(restored, clean)
    compare(measured, [expected(x, y) for x, y in zip(restored.clamp(0, 1), clean, strict=True)])
    assert not torch.allclose(measured["mse"], (restored - clean).double().square().mean((1, 2, 3)), rtol=1e-3)


def test_psnr_is_torchmetrics_per_image_and_not_pooled():
    restored, clean = pair()
    values = Protocol().measure(restored, clean)["psnr"]
    theirs = torchmetrics_psnr(restored.clamp(0, 1), clean, data_range=1.0, reduction="none", dim=(1, 2, 3))
    torch.testing.assert_close(values.float(), theirs)
    pooled = torchmetrics_psnr(restored.clamp(0, 1), clean, data_range=1.0)
    assert values.mean() > pooled + 1


@pytest.mark.parametrize("level", [0.02, 0.98])
def test_ssim_on_flat_images(level):
    """In float32 the variance of a bright flat image is lost: E[x^2] - E[x]^2 errs by 1e-7 beside C2 = 9e-4."""
    generator = torch.Generator().manual_seed(0)
    clean = level + 1e-4 * torch.rand(2, 1, 40, 40, generator=generator)
    restored = level + 1e-4 * torch.rand(2, 1, 40, 40, generator=generator)
    compare(Protocol().measure(restored, clean), [expected(x, y) for x, y in zip(restored, clean, strict=True)])


def test_ssim_of_many_images_is_that_of_each():
    """More pixels than one chunk holds."""
    restored, clean = pair(count=5)
    restored, clean = (image.repeat(64, 1, 1, 1).double() for image in (restored, clean))
    assert restored.numel() > 1 << 18
    alone = torch.cat([ssim(x[None], y[None]) for x, y in zip(restored[:5], clean[:5], strict=True)])
    torch.testing.assert_close(ssim(restored, clean), alone.repeat(64), rtol=1e-12, atol=0)


def test_ssim_of_a_large_image_is_taken_in_bands(monkeypatch: pytest.MonkeyPatch):
    restored, clean = (image.double() for image in pair(count=2))
    whole = ssim(restored, clean)
    for rows in (1, 7, restored.shape[-2] - 11):
        monkeypatch.setattr("restorelab.metrics.ssim.BAND", rows * restored.shape[1] * restored.shape[-1])
        torch.testing.assert_close(ssim(restored, clean), whole, rtol=1e-12, atol=0)


def test_cap_and_broken_values():
    restored, clean = pair()
    restored[0] = clean[0]
    restored[1, 0, 3, 3] = float("nan")
    measured = Protocol().measure(restored, clean)
    assert measured["psnr"][0] == 100
    assert measured["ssim"][0] == 1
    assert (measured["psnr"] == 100).sum() == 1
    assert all(values[1].isnan() and values[2].isfinite() for values in measured.values())


def test_border():
    restored, clean = pair(3)
    inner = [image[..., 4:-4, 4:-4] for image in (restored, clean)]
    for name, values in Protocol(border=4).measure(restored, clean).items():
        torch.testing.assert_close(values, Protocol().measure(*inner)[name])


def test_quantize_rounds_the_restored_image_only():
    restored, clean = pair()
    rounded = torch.from_numpy(np.round(restored.clamp(0, 1).double().numpy() * 255) / 255)
    measured = Protocol(quantize=True).measure(restored, clean)
    compare(measured, [expected(x, y) for x, y in zip(rounded, clean, strict=True)])


def test_luma_is_skimages():
    restored, clean = pair(3, dtype=torch.float64)
    restored = restored.clamp(0, 1)
    pairs = [
        [torch.from_numpy(rgb2ycbcr(image.numpy(), channel_axis=0)[:1] / 255) for image in two]
        for two in zip(restored, clean, strict=True)
    ]
    torch.testing.assert_close(luma(clean), torch.stack([y for _, y in pairs]))
    compare(Protocol(color="y").measure(restored, clean), [expected(x, y) for x, y in pairs])


def test_gray_images_have_no_luma_to_take():
    restored, clean = pair(1)
    torch.testing.assert_close(Protocol(color="y").measure(restored, clean), Protocol().measure(restored, clean))


def test_input_is_enlarged():
    clean = pair()[1]
    small = torch.nn.functional.avg_pool2d(clean[..., :40, :], 2)
    measured = Protocol().measure_input(small, clean[..., :40, :])
    torch.testing.assert_close(measured, Protocol().measure(enlarge(small, (40, 32)), clean[..., :40, :]))
    torch.testing.assert_close(Protocol().measure_input(clean, clean)["psnr"], torch.full((3,), 100.0).double())


def test_clip_input():
    image = torch.tensor([-0.5, 0.5, 1.5])
    assert Protocol().prepare(image) is image
    assert Protocol(clip_input=True).prepare(image).tolist() == [0, 0.5, 1]


def test_spec_and_words_tell_every_option_apart():
    options = [{}, {"border": 2}, {"quantize": True}, {"clip_input": True}, {"color": "y"}]
    assert len({json.dumps(Protocol(**option).spec(), sort_keys=True) for option in options}) == len(options)
    assert len({Protocol(**option).describe() for option in options}) == len(options)


def test_errors():
    with pytest.raises(ValueError, match=r"at least 11x11 pixels, got 10x12"):
        Protocol().measure(torch.rand(1, 1, 10, 12), torch.rand(1, 1, 10, 12))
    with pytest.raises(ValueError, match=r"restored is \(1, 1, 16, 16\), clean \(1, 1, 32, 32\)"):
        Protocol().measure(torch.rand(1, 1, 16, 16), torch.rand(1, 1, 32, 32))
    with pytest.raises(ConfigError, match=r"protocol.color='Y'"):
        Protocol(color="Y")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"protocol.border=-1"):
        Protocol(border=-1)
