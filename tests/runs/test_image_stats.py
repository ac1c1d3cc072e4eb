"""Brightness and detail of restored images against closed forms, and through a run of the project."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import runs as small
from restorelab.config import composition
from restorelab.errors import DataError
from restorelab.judge.claims import Better
from restorelab.runs import image_stats
from restorelab.runs.record import Record, Runs
from restorelab.training import execute


@pytest.fixture
def clean():
    return torch.rand(4, 1, 24, 20, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.25


def blur(image):
    return F.avg_pool2d(image, 3, stride=1, padding=1, count_include_pad=False)


def test_the_truth_itself_has_all_its_detail(clean):
    found = image_stats.brightness_and_detail(clean, clean)
    assert found["brightness"].tolist() == [0] * 4
    assert found["detail"].tolist() == pytest.approx([1] * 4)


def test_darker_is_below_zero_and_half_the_contrast_half_the_detail(clean):
    dark = image_stats.brightness_and_detail(clean - 0.1, clean)
    assert dark["brightness"].tolist() == pytest.approx([-0.1] * 4, abs=1e-6)
    assert dark["detail"].tolist() == pytest.approx([1] * 4, abs=1e-5)
    mean = clean.mean((2, 3), keepdim=True)
    assert image_stats.brightness_and_detail(mean + (clean - mean) / 2, clean)["detail"].tolist() == pytest.approx(
        [0.5] * 4
    )
    assert image_stats.brightness_and_detail(clean * 0, clean)["detail"].tolist() == [0] * 4


def test_blur_takes_detail_and_noise_adds_none(clean):
    assert (image_stats.brightness_and_detail(blur(clean), clean)["detail"] < 0.5).all()
    noise = torch.randn(4, 1, 24, 20, generator=torch.Generator().manual_seed(1)) * 0.05
    found = image_stats.brightness_and_detail(blur(clean) + noise, clean)["detail"]
    alone = image_stats.brightness_and_detail(blur(clean), clean)["detail"]
    assert (found - alone).abs().max() < 4 * 0.05 / np.sqrt(480 / 12)  # noise over the truth's own spread, sqrt(n)


def test_output_is_clamped_as_the_protocol_does():
    found = image_stats.brightness_and_detail(torch.full((1, 1, 12, 12), -3.0), torch.full((1, 1, 12, 12), 0.5))
    assert found["brightness"].item() == -0.5
    assert found["detail"].item() == 0


def test_values_off_by_one_or_more_are_counted_before_clamping():
    clean = torch.full((2, 1, 2, 2), 0.25)
    restored = clean.clone()
    restored[0, 0, 0, 0], restored[0, 0, 1, 1], restored[1, 0, 0, 1] = 1.25, 1.2, -0.8
    assert image_stats.beyond(restored, clean).tolist() == [0.25, 0.25]


def test_a_run_of_the_project(tmp_path):
    """The identity keeps all detail, with the noise on top; a median filter loses some. Decided by a claim."""
    shared = [override for override in small.TINY if not override.startswith("model")]
    found = []
    for model in ("identity", "median"):
        options = [*shared, "data.test=40", f"model={model}", "noise.sigma=10", f"run_dir={tmp_path / model}"]
        done = execute.execute(composition.compose(options))
        assert done.status == "done", done
        found.append(Record(model, tmp_path / model))
    evaluation = found[0].evaluations[0]
    measured = image_stats.measure(found[0], evaluation)
    assert measured.groups == found[0].per_image(evaluation).groups
    assert measured.columns["detail"].mean() == pytest.approx(1, abs=0.1)
    judged = Better("f", "identity", "median", "detail")(Runs(found))
    assert judged.verdict == "holds", judged.numbers
    found[0].result["evaluations"][0]["spec"] = "another"
    image_stats.measure.cache_clear()
    with pytest.raises(DataError, match="the dataset has changed"):
        image_stats.measure(found[0], evaluation)
