"""JPEG: the batched codec against Pillow's, Pillow in evaluation, qualities, what is refused."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torch import Tensor

import runs
from restorelab.config import build
from restorelab.config.run_config import follow_moves
from restorelab.degradations import jpeg
from restorelab.degradations.jpeg import NoJpeg, Standard
from restorelab.degradations.labels import corrected, label
from restorelab.degradations.pipeline import Degradation
from restorelab.degradations.rng import PhiloxDraws, TorchDraws
from restorelab.errors import ConfigError
from restorelab.runs.run_identity import identity

COLOR = torch.from_numpy(data.astronaut()).permute(2, 0, 1)[None].float().div(255)
GRAY = torch.from_numpy(data.camera())[None, None].float().div(255)


def encoded(image: Tensor, quality: int) -> Tensor:
    """(C, H, W) in [0, 1] through a real file, written as `Image.save` does by default."""
    stream = io.BytesIO()
    pixels = (image * 255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(stream, "JPEG", quality=quality)
    decoded = np.array(Image.open(stream)).reshape(pixels.shape)
    return torch.from_numpy(decoded).permute(2, 0, 1) / 255


@pytest.mark.parametrize("quality", [1, 10, 30, 50, 75, 95])
@pytest.mark.parametrize("size", [(128, 96), (97, 111)], ids=str)
@pytest.mark.parametrize("image", [COLOR, GRAY], ids=["color", "gray"])
def test_the_batched_codec_is_pillows(image: Tensor, size: tuple[int, int], quality: int) -> None:
    """Not bit for bit: libjpeg rounds within its transform. A wrong filter, table or edge fails at low quality."""
    clean = image[..., 100 : 100 + size[0], 150 : 150 + size[1]]
    batched = jpeg.compress(clean, torch.tensor([float(quality)]))
    real = encoded(clean[0], quality)[None]
    assert batched.shape == clean.shape
    steps = (batched - real).mul(255).round().abs()
    assert torch.equal(batched, batched.mul(255).round().div(255))
    artifacts = (clean - real).mul(255).square().mean()
    assert (steps > 0).float().mean() < (0.01 if quality <= 10 else 0.15)
    assert steps.square().mean() < (1e-3 if quality <= 10 else 0.05) * artifacts


def test_each_image_has_its_own_quality_and_none_changes_the_others() -> None:
    batch = COLOR[..., :48, :48].repeat(3, 1, 1, 1)
    together = jpeg.compress(batch, torch.tensor([10.0, 90.0, 35.0]))
    for place, quality in enumerate((10.0, 90.0, 35.0)):
        alone = jpeg.compress(batch[:1], torch.tensor([quality]))
        assert torch.allclose(together[place], alone[0], atol=1.01 / 255)
        assert (together[place] != alone[0]).float().mean() < 0.01


def test_tables_are_those_that_pillow_writes() -> None:
    for quality in (1, 7, 25, 49, 50, 51, 75, 99, 100):
        stream = io.BytesIO()
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(stream, "JPEG", quality=quality)
        tables = Image.open(stream).quantization  # type: ignore[attr-defined]
        for number, table in enumerate((jpeg.LUMINANCE, jpeg.CHROMINANCE)):
            steps = jpeg.steps_of(torch.tensor([float(quality)]), table)
            assert steps[0].tolist() == list(tables[number]), (quality, number)


def test_evaluation_goes_through_pillow_and_training_does_not() -> None:
    clean = COLOR[..., :40, :56].double()
    frozen, drawn = Standard(30)(clean, PhiloxDraws("an id"))
    assert torch.equal(frozen[0].float(), encoded(clean[0], 30))
    assert drawn["quality"].tolist() == [30]
    trained, _ = Standard(30)(clean.float(), TorchDraws())
    assert torch.equal(trained, jpeg.compress(clean.float(), torch.tensor([30.0])))


def test_values_outside_are_clipped_as_a_file_does() -> None:
    wild = GRAY[..., :32, :32] * 3 - 1
    for draws in (PhiloxDraws(0), TorchDraws()):
        assert torch.equal(Standard(80)(wild, draws)[0], Standard(80)(wild.clamp(0, 1), draws)[0])


def test_a_range_draws_all_of_its_whole_numbers_alike() -> None:
    images, count = torch.zeros(6000, 1, 8, 8), 6000
    quality = Standard([10, 14])(images, TorchDraws().reseed(0))[1]["quality"]
    values, counts = quality.unique(return_counts=True)
    assert values.tolist() == [10, 11, 12, 13, 14]
    deviation = (count * 0.2 * 0.8) ** 0.5
    assert (counts - count / 5).abs().max() < 4 * deviation
    levels = Standard(["levels", 20, 40])(images, TorchDraws().reseed(0))[1]["quality"]
    assert set(levels.tolist()) == {20, 40}


@pytest.mark.parametrize(
    ("quality", "words"),
    [
        (0, ["quality", "[1, 100]"]),
        (101, ["101"]),
        (12.5, ["12.5", "whole"]),
        ([10, 90.5], ["90.5"]),
        ([90, 10], ["low <= high"]),
        ("low", ["'low'"]),
    ],
)
def test_a_wrong_quality_is_refused(quality: object, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        Standard(quality)  # type: ignore[arg-type]
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_other_channels_are_refused_before_any_data_is_read() -> None:
    with pytest.raises(ConfigError, match="2 channels"):
        build.parts(runs.composed(["data=folder", "data.root=/nowhere", "data.channels=2", "jpeg=standard"]))
    with pytest.raises(ConfigError, match=r"evaluation.jpeg_10: .*2 channels"):
        build.parts(runs.composed(["data=folder", "data.root=/nowhere", "data.channels=2", "evaluation=jpeg_10"]))


def test_names_state_the_quality() -> None:
    node = {"_target_": "restorelab.degradations.jpeg.Standard", "quality": 10}
    assert label({"jpeg": node}) == "jpeg_10"
    assert corrected("jpeg_10", {"jpeg": {**node, "quality": [10, 90]}}) == "jpeg_10_to_90"
    assert runs.composed(["noise=none", "jpeg=standard"])["name"] == "dncnn_small-photos-jpeg"
    settings = runs.composed(["jpeg=standard", "jpeg.quality=40", "noise.sigma=15"])
    assert settings["name"] == "dncnn_small-photos-gaussian-jpeg"
    assert list(settings["evaluation"]) == ["gaussian_15_jpeg_40"]


def test_runs_from_before_keep_their_identity_and_their_evaluations() -> None:
    now = runs.composed(["noise=poisson"])
    before = {key: value for key, value in now.items() if key != "jpeg"}
    before["choices"] = {key: value for key, value in now["choices"].items() if key != "jpeg"}
    assert identity(before) == identity(now) != identity({**now, "jpeg": {"_target_": "x", "quality": 10}})
    follow_moves(before)
    assert before == now
    (evaluation,) = build.parts(now).evaluations.values()
    assert set(evaluation.config) == {"blur", "downsample", "noise"}
    (evaluation,) = build.parts(runs.composed(["noise=none", "evaluation=jpeg_10"])).evaluations.values()
    assert evaluation.config["jpeg"] == {"_target_": "restorelab.degradations.jpeg.Standard", "quality": 10}


def test_fixed_noise_of_runs_from_before_stays() -> None:
    """Its draws are keyed by the degradation's repr."""
    assert "jpeg" not in repr(Degradation(jpeg=NoJpeg()))


@pytest.mark.slow
def test_a_deblocking_run_trains_and_is_measured_on_real_files(tmp_path: Path) -> None:
    runs.run(tmp_path / "run", "noise=none", "jpeg=standard", "evaluation=[jpeg_10,jpeg_30]", "data.channels=3",
                       "trainer.max_epochs=1")  # fmt: skip
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    psnr = {entry["degradation"]: entry["metrics"]["input/psnr"] for entry in result["evaluations"]}
    assert list(psnr) == ["jpeg_10", "jpeg_30"]
    assert 20 < psnr["jpeg_10"] < psnr["jpeg_30"] < 45
