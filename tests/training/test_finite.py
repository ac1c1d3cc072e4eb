"""An output that is NaN or infinite ends a run with the image's name; it never becomes a score."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import runs
from restorelab.metrics.protocol import Protocol
from restorelab.runs.run_folder import RunFolder
from restorelab.training.execute import Outcome


class Standardizing(nn.Module):
    """Divides by each image's deviation, as many networks do: NaN on a constant image, and on no other."""

    def __init__(self, channels: int = 1, infinite: bool = False, **ignored: object) -> None:
        super().__init__()
        self.conv, self.infinite = nn.Conv2d(channels, channels, 3, padding=1), infinite

    def forward(self, image: Tensor) -> Tensor:
        deviation = image.std((1, 2, 3), keepdim=True)
        if self.infinite:
            return self.conv(image) + (deviation == 0) / torch.zeros_like(deviation).where(deviation == 0, 1.0)
        return self.conv(image / deviation) * deviation


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parts by their folders; one black image in each of validation and test, no noise added."""
    folder, generator = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for part, count in (("train", 8), ("val", 3), ("test", 3)):
        (folder / part).mkdir()
        for i in range(count):
            pixels = generator.integers(0, 255, (24, 24)) if i != 1 or part == "train" else np.zeros((24, 24))
            Image.fromarray(pixels.astype(np.uint8)).save(folder / part / f"{part}{i}.png")
    return folder


def run(folder: Path, images: Path, *overrides: str) -> Outcome:
    given = ("data=folder", f"data.root={images}", "data.limit=null", "data.val=3", "data.test=3", "noise=none",
             "data.size=24", "data.crop=null",
             "model._target_=test_finite.Standardizing", "trainer.max_epochs=2", *overrides)  # fmt: skip
    return runs.run(folder, *given)


def failed(outcome: Outcome, folder: Path) -> str:
    assert (outcome.status, outcome.exit_status) == ("failed", 1), outcome.message
    assert json.loads(RunFolder(folder).failure.read_text())["error"] == "NotFiniteError"
    assert not RunFolder(folder).result.exists()
    return outcome.message


@pytest.mark.parametrize("infinite", ["false", "true"])
def test_the_first_validation_names_the_image(infinite: str, images: Path, tmp_path: Path) -> None:
    message = failed(run(tmp_path / "run", images, f"+model.infinite={infinite}"), tmp_path / "run")
    assert "1 of 3 validation images: val/val1.png" in message
    assert "evaluation own" in message
    assert "constant (0)" in message


def test_a_test_image_is_named_too(images: Path, tmp_path: Path) -> None:
    net = Standardizing()
    torch.save(net.state_dict(), tmp_path / "net.pth")
    outcome = run(tmp_path / "run", images, "train=false", f"ckpt={tmp_path / 'net.pth'}")
    assert "1 of 3 test images: test/test1.png" in failed(outcome, tmp_path / "run")


def test_weights_that_are_not_finite_are_not_evaluated(images: Path, tmp_path: Path) -> None:
    net = Standardizing()
    with torch.no_grad():
        net.conv.bias.fill_(torch.nan)
    torch.save(net.state_dict(), tmp_path / "net.pth")
    outcome = run(tmp_path / "run", images, "train=false", f"ckpt={tmp_path / 'net.pth'}")
    assert (outcome.status, outcome.exit_status) == ("failed", 1)
    assert "net.pth holds NaN or infinite values in 1 of its tensors: conv.bias" in outcome.message
    assert not RunFolder(tmp_path / "run").result.exists()


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_one_value_that_is_not_finite_leaves_an_image_without_a_score(value: float) -> None:
    clean = torch.rand(2, 1, 16, 16)
    restored = clean.clone()
    restored[1, 0, 3, 4] = value
    for measured in Protocol().measure(restored, clean).values():
        assert measured.isnan().tolist() == [False, True]
