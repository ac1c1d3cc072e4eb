"""The noise level as a second input: the same contract in training, evaluation and use."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch.plugins.precision import MixedPrecision
from torch import Tensor, nn

import runs
from restorelab.data import cache
from restorelab.data.decode import Decoding
from restorelab.data.evaluation import Evaluation
from restorelab.data.frozen import FrozenSet
from restorelab.data.item import Item
from restorelab.data.sample import Sample
from restorelab.degradations.mixture import Each, Mixture, draws_sigma
from restorelab.degradations.noise import Gaussian, Impulse
from restorelab.degradations.pipeline import Degradation
from restorelab.degradations.rng import TorchDraws
from restorelab.metrics.protocol import Protocol
from restorelab.models.unet import UNet
from restorelab.noise_level import call, noise_level
from restorelab.objectives.supervised import Supervised
from restorelab.restoring.inference import restore
from restorelab.training.evaluation import evaluate
from restorelab.training.precision import clip_gradients

SIDE = 64


class Spy(nn.Module):
    """Returns its input and keeps the noise levels that it was told."""

    takes_sigma = True

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Tensor] = []

    def forward(self, degraded: Tensor, sigma: Tensor) -> Tensor:
        self.told.append(sigma)
        return degraded


class Gray:
    """A source of flat gray images."""

    def items(self) -> list[Item]:
        return [Item(f"i{n}", f"g{n}", np.full((SIDE, SIDE), 128, dtype=np.uint8)) for n in range(6)]

    def fingerprint(self) -> dict[str, object]:
        return {"gray": SIDE}


def frozen(noise: Gaussian, tmp: Path, monkeypatch: pytest.MonkeyPatch) -> FrozenSet:
    monkeypatch.setenv("RESTORELAB_CACHE", str(tmp / "cache"))
    table = cache.prepare(Gray(), Decoding(1))
    given = Evaluation("levels", Degradation(noise=noise), {"sigma": str(noise.sigma), "region": noise.region})
    return FrozenSet(table, np.arange(len(table)), given, part="test", seed=0, protocol={})


def test_each_image_of_an_evaluation_is_told_its_own_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, net = frozen(Gaussian((5.0, 70.0), clip=False), tmp_path, monkeypatch), Spy()
    evaluate(net, images, Protocol(), batch_size=6)
    sigma = net.told[0].double()
    noise = torch.stack([images.image(n) - images.clean(n) for n in range(6)]).double()
    # The standard deviation of n normal values has a relative error of 1 / sqrt(2 n).
    assert ((noise.std((1, 2, 3)) / sigma - 1).abs() < 5 / (2 * SIDE**2) ** 0.5).all()
    assert sigma.unique().numel() == 6
    reopened = frozen(Gaussian((5.0, 70.0), clip=False), tmp_path, monkeypatch)
    (reopened._file.parent / "parameters.json").unlink()  # as an earlier version stored it
    assert [float(reopened.sigma(n)) for n in range(6)] == pytest.approx(sigma.tolist())


def test_the_objective_tells_the_level_that_was_drawn() -> None:
    """In training, and where the loss of an evaluation is measured."""
    net, image = Spy(), torch.rand(2, 1, 8, 8)
    sample = Sample(torch.arange(2), image, image, {"sigma": torch.tensor([51.0, 25.5])})
    loss, _ = Supervised(nn.MSELoss())(net, sample, Degradation(noise=Gaussian(25.0, clip=False)), TorchDraws())
    assert loss == 0
    assert net.told[0].tolist() == pytest.approx([0.2, 0.1])


def test_noise_inside_a_box_gives_a_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = frozen(Gaussian(25.0, clip=False, region="box"), tmp_path, monkeypatch)
    for place in range(len(images)):
        struck = images.image(place) != images.clean(place)
        assert torch.equal(images.sigma(place)[0] > 0, struck)
        assert images.sigma(place).max() == pytest.approx(25 / 255)


def test_an_image_of_a_mixture_without_a_box_is_struck_everywhere() -> None:
    nan = torch.tensor([torch.nan, 1.0])
    drawn = {"sigma": torch.tensor([51.0, 102.0]), "top": nan, "left": nan, "height": nan, "width": nan}
    level = noise_level(drawn, torch.zeros(2, 1, 4, 4))
    assert torch.equal(level[0], torch.full((1, 4, 4), 0.2))
    assert level[1].count_nonzero() == 1
    assert level[1, 0, 1, 1] == pytest.approx(0.4)


def test_sets_of_noises_give_a_level_where_every_member_does() -> None:
    weak, strong, impulse = Gaussian(5, clip=False), Gaussian(50, clip=True), Impulse(0.3, clip=True)
    assert draws_sigma(Mixture({"weak": weak, "strong": strong}))
    assert draws_sigma(Each({"weak": weak}))
    assert not draws_sigma(Mixture({"weak": weak, "impulse": impulse}))
    assert not draws_sigma(impulse)


def test_a_level_that_is_not_known_is_an_error() -> None:
    with pytest.raises(ValueError, match="Spy takes the noise level, which is not known here"):
        call(Spy(), torch.zeros(1, 1, 4, 4), None)


@pytest.mark.parametrize("level", [torch.tensor([0.1, 0.3]), torch.rand(2, 1, 100, 72) / 4])
def test_tiles_and_padding_take_the_level_along(level: Tensor) -> None:
    net = UNet(1, (4, 6, 8), (1, 1, 1), noise_level=True)
    nn.init.normal_(net.tail.weight, std=0.1)
    image = torch.rand(2, 1, 100, 72)
    torch.testing.assert_close(restore(net, image, level, tile=64), restore(net, image, level), rtol=0, atol=1e-5)
    padded = restore(net, image[..., :97, :70], level if level.ndim == 1 else level[..., :97, :70])
    torch.testing.assert_close(padded[..., :40, :40], restore(net, image, level)[..., :40, :40], rtol=0, atol=1e-5)


UNET = ("model=unet", "~model.depth", "~model.features", "model.widths=[4,8]", "model.blocks=[1,1]",
        "model.noise_level=true", "trainer.max_epochs=1")  # fmt: skip


def test_a_run_that_takes_the_level(tmp_path: Path) -> None:
    words = [word for word in runs.TINY if not word.startswith("model")]
    own = [*words, *(word for word in UNET if not word.startswith("~")), "noise.sigma=[0,75]", "noise.clip=false"]
    config = runs.composed([*own, f"run_dir={tmp_path / 'run'}", "evaluation=[gaussian_15,gaussian_50]", "pictures=1"])
    outcome = runs.execute.execute(config)
    assert outcome.status == "done", outcome.message
    assert len(json.loads((tmp_path / "run" / "result.json").read_text())["evaluations"]) == 2
    for noise in ("noise=impulse", "evaluation=impulse_30"):
        refused = runs.execute.execute(runs.composed([*own[:-2], noise, f"run_dir={tmp_path / 'no'}"]))
        assert refused.exit_status == 2
        assert "unet takes the noise level, and" in refused.message
        assert "draws no sigma" in refused.message
    assert not (tmp_path / "no").exists()


def test_fused_optimizers_are_clipped_under_bf16_but_not_while_gradients_are_scaled() -> None:
    weight = nn.Parameter(torch.zeros(9))
    weight.grad = torch.full((9,), 2.0)
    optimizer = torch.optim.AdamW([weight], fused=True)
    clip_gradients(MixedPrecision("bf16-mixed", "cpu"), optimizer, 1.5, None)
    assert weight.grad.norm().item() == pytest.approx(1.5, rel=1e-4)
    with pytest.raises(RuntimeError, match="does not allow for gradient clipping"):
        clip_gradients(MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu")), optimizer, 1.5, None)
