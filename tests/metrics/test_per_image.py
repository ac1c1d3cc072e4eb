"""The protocol's metrics as torchmetrics' Metric: today's values, another library's values, and state over ranks."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from restorelab.metrics.accuracy import Accuracy
from restorelab.metrics.measures import ImageMeasures
from restorelab.metrics.mse import MSE
from restorelab.metrics.per_image import BatchMean, PerImage
from restorelab.metrics.protocol import Protocol
from restorelab.metrics.psnr import PSNR
from restorelab.metrics.ssim import SSIM


def images(channels: int) -> tuple[Tensor, Tensor]:
    """Three images of 8-bit values with noise of growing strength."""
    generator = torch.Generator().manual_seed(7 + channels)
    clean = torch.randint(0, 256, (3, channels, 24, 20), generator=generator).float() / 255
    noise = torch.randint(-40, 41, clean.shape, generator=generator).float() / 255
    return clean + noise * torch.tensor([0.25, 0.5, 1.0]).view(3, 1, 1, 1), clean


CAPTURED = [
    # channels, protocol, PSNR, SSIM and MSE of version 0.1
    (1, {}, "0x1.06f3a0498fec1p+5 0x1.b755f4b465582p+4 0x1.4f1194e873544p+4",
     "0x1.fe1c7e062a845p-1 0x1.f9f91ec61e5acp-1 0x1.e8aadbc9daea5p-1",
     "0x1.0ed0dcdc9f42dp-11 0x1.d6a48c74b3e01p-10 0x1.07cc29bc590e2p-7"),
    (3, {"border": 2, "quantize": True}, "0x1.0735622705583p+5 0x1.ac2ba9bf1ea95p+4 0x1.53f2aa4fca6c2p+4",
     "0x1.fe5b4f7c84951p-1 0x1.fa345077e9265p-1 0x1.e7f6457e5c30ep-1",
     "0x1.0cd231a9ee129p-11 0x1.145711bf8a7fbp-9 0x1.ebd1b78e7766bp-8"),
    (3, {"color": "y"}, "0x1.2c3c60c49c82bp+5 0x1.fbde281757529p+4 0x1.a45a7ab03b35ap+4",
     "0x1.fe56075f95439p-1 0x1.fa7187a9e2bd6p-1 0x1.e9a90ee02dbfcp-1",
     "0x1.7268c14df24eep-13 0x1.5f126d7a5851cp-11 0x1.353e67c292563p-9"),
]  # fmt: skip


@pytest.mark.parametrize(("channels", "options", "psnr", "ssim", "mse"), CAPTURED)
def test_values_are_those_of_earlier_versions(channels: int, options: Any, psnr: str, ssim: str, mse: str) -> None:
    restored, clean = images(channels)
    expected = {
        name: [float.fromhex(word) for word in words.split()]
        for name, words in (("psnr", psnr), ("ssim", ssim), ("mse", mse))
    }
    measured = ImageMeasures(Protocol(**options))(restored, clean)
    plain = Protocol(**options).measure(restored, clean)
    assert list(measured) == list(plain) == list(expected)
    for name, values in expected.items():
        # The last bit of a sum depends on the CPU's vector kernels.
        np.testing.assert_allclose(measured[name], values, rtol=1e-14, err_msg=name)
        assert torch.equal(measured[name], plain[name])


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_is_the_inner_part_of_torchmetrics_map(channels: int) -> None:
    restored, clean = (image.double().clamp(0, 1) for image in images(channels))
    theirs = structural_similarity_index_measure(
        restored, clean, gaussian_kernel=True, sigma=1.5, kernel_size=11, data_range=1.0, reduction="none",
        return_full_image=True,
    )  # fmt: skip
    assert isinstance(theirs, tuple)
    inner = theirs[1][..., 5:-5, 5:-5].mean((1, 2, 3))
    torch.testing.assert_close(SSIM().each(restored, clean), inner, rtol=1e-6, atol=0)  # their window is float32
    assert not torch.allclose(theirs[0].double(), inner, rtol=1e-4)  # what their mean counts of the border


def test_psnr_is_torchmetrics_capped() -> None:
    restored, clean = (image.double().clamp(0, 1) for image in images(3))
    restored[0] = clean[0]
    theirs = peak_signal_noise_ratio(restored, clean, data_range=1.0, reduction="none", dim=(1, 2, 3))
    torch.testing.assert_close(PSNR().each(restored, clean), theirs.clamp(max=100), rtol=1e-7, atol=0)


@pytest.mark.parametrize("metric", [PSNR(), SSIM(), MSE()], ids=["psnr", "ssim", "mse"])
def test_a_metric_is_torchmetrics_and_averages_over_images(metric: PerImage) -> None:
    restored, clean = (image.double().clamp(0, 1) for image in images(1))
    assert isinstance(metric, Metric)
    alone = metric.each(restored, clean)
    assert torch.equal(metric(restored[:1], clean[:1]), alone[:1])
    metric.update(restored[1:], clean[1:])
    torch.testing.assert_close(metric.compute(), alone.mean(), rtol=1e-15, atol=0)
    assert metric.compute().dtype == torch.float64
    other = metric.fresh(torch.device("cpu"))
    other.update(restored[2:], clean[2:])
    assert torch.equal(other.compute(), alone[2])


@pytest.mark.parametrize("mine", [0, 1, 2])
def test_ranks_put_their_values_together(mine: int) -> None:
    """Of the three images this rank has some, which may be none, and the other rank the rest."""
    restored, clean = (image.double().clamp(0, 1) for image in images(1))
    metric = MSE().fresh(torch.device("cpu"))
    there = metric.each(restored[mine:], clean[mine:])
    metric.distributed_available_fn = lambda: True
    metric.dist_sync_fn = lambda values, group: [values, there]
    for place in range(mine):
        metric.update(restored[place : place + 1], clean[place : place + 1])
    metric._update_count = 1
    torch.testing.assert_close(metric.compute(), metric.each(restored, clean).mean())
    assert len(metric.values) == mine  # its own again


def test_a_batch_counts_as_its_images() -> None:
    loss = BatchMean()
    loss.update(torch.tensor(1.0), torch.zeros(3))
    loss.update(torch.tensor(5.0), torch.zeros(1))
    assert loss.compute() == 2


def test_nothing_measured_is_nan() -> None:
    metric = Accuracy()
    with pytest.warns(UserWarning, match="before the ``update``"):
        assert metric.compute().isnan()


def test_the_input_is_enlarged_and_not_taken_in() -> None:
    restored, clean = images(1)
    measures = ImageMeasures(Protocol())
    small = torch.nn.functional.avg_pool2d(restored, 2)
    values = measures.of_input(small, clean)
    assert list(values) == ["input_psnr", "input_ssim", "input_mse"]
    for name, value in Protocol().measure_input(small, clean).items():
        assert torch.equal(values[f"input_{name}"], value)
    assert all(len(metric.values) == 0 for metric in measures.values())


def test_an_output_that_is_not_finite_measures_nan() -> None:
    restored, clean = images(1)
    restored[1, 0, 0, 0] = torch.inf
    for values in ImageMeasures(Protocol(border=4))(restored, clean).values():
        assert values.isnan().tolist() == [False, True, False]
