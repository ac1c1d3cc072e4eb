"""Options of a training by their definitions: precision, averaging, clipping, layout, noises, sums of losses."""

import csv
import gzip
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import runs
from restorelab.config import build
from restorelab.config.run_config import read_config
from restorelab.runs import history
from restorelab.runs.run_folder import RunFolder
from training.trained_runs import impulses

EPOCH = ("trainer.max_epochs=1", "trainer.log_every=1")


def trained(folder: Path, *overrides: str) -> RunFolder:
    outcome = runs.run(folder, *overrides)
    assert outcome.status == "done", outcome.message
    return RunFolder(folder)


def losses(run: RunFolder) -> list[float]:
    return [loss for loss in history.read(run.metrics)["train/loss"] if not np.isnan(loss)]


def weights(file: Path) -> dict[str, torch.Tensor]:
    return torch.load(file, weights_only=True)["state_dict"]


@pytest.mark.parametrize("noise", ["gaussian", "each"])
def test_frozen_training_noise_is_the_same_in_every_epoch(noise: str, tmp_path: Path) -> None:
    """Weights that stay as they are have the same loss in each epoch where the noise is the same, and only there."""
    still = ("optimizer.lr=0", "data.batch_size=240", "data.crop=null", "data.augment=none", "trainer.log_every=1",
             "data.limit=30", "data.val=2", "data.test=2", "evaluation=gaussian_50")  # fmt: skip
    same, fresh = (losses(trained(tmp_path / fixed, *still, f"noise={noise}", f"noise.fixed={fixed}"))
                   for fixed in ("true", "false"))  # fmt: skip
    assert same == pytest.approx([same[0]] * 3, rel=1e-4)  # the order is another one
    assert all(abs(a / b - 1) > 1e-3 for a, b in itertools.combinations(fresh, 2)), fresh


@pytest.fixture(scope="module")
def epoch(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """One epoch with everything as the configs have it."""
    return trained(tmp_path_factory.mktemp("epoch") / "run", *EPOCH)


def test_mixed_precision_rounds_the_network_and_not_its_weights(epoch: RunFolder, tmp_path: Path) -> None:
    run = trained(tmp_path / "run", *EPOCH, "trainer.precision=bf16-mixed")
    assert losses(run) != losses(epoch)
    assert losses(run) == pytest.approx(losses(epoch), rel=2**-7)  # bfloat16 has 8 bits
    assert all(value.dtype != torch.bfloat16 for value in weights(run.best).values())


def test_averaging_changes_what_is_kept_and_not_what_is_trained(epoch: RunFolder, tmp_path: Path) -> None:
    run = trained(tmp_path / "run", *EPOCH, "callbacks=ema")
    assert losses(run) == losses(epoch)
    a, b = weights(run.best), weights(epoch.best)
    assert not any(torch.equal(a[name], b[name]) for name in b if name.endswith("weight"))


def test_a_clipped_step_is_as_long_as_it_may_be(tmp_path: Path) -> None:
    """By plain gradient descent of rate 1, every two batches; the gradient is a hundred times as long."""
    descent = ("optimizer=sgd", "optimizer.lr=1", "scheduler=constant", "trainer.keep_every=1")
    run = trained(tmp_path / "run", *EPOCH, *descent, "clip=0.001", "accumulate=2")
    states = [weights(run.best.with_name(f"step_{step}.ckpt")) for step in (1, 2, 3)]
    assert not run.best.with_name("step_4.ckpt").exists()  # of six batches
    trains = [name for name in states[0] if name.endswith(("weight", "bias"))]
    for before, after in itertools.pairwise(states):
        step = torch.cat([(after[name] - before[name]).flatten() for name in trains])
        assert float(step.norm()) == pytest.approx(0.001, rel=1e-2)


def test_channels_last_is_a_layout_and_no_other_training(epoch: RunFolder, tmp_path: Path) -> None:
    run = trained(tmp_path / "run", *EPOCH, "trainer.channels_last=false")
    inner = "model.2.weight"  # 4 to 4 channels, 3x3
    assert [weights(one.best)[inner].stride() for one in (run, epoch)] == [(36, 9, 3, 1), (36, 1, 12, 4)]
    assert losses(run) == pytest.approx(losses(epoch), rel=1e-3)


def test_a_mixture_behind_a_blur_is_measured_under_each_of_its_noises(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", *EPOCH, "noise=mixture", "blur=motion")
    result = json.loads(run.result.read_text())
    names = [f"motion_5_to_15_{noise}" for noise in ("gaussian_50", "impulse_30", "speckle_002", "poisson_255")]
    assert [entry["degradation"] for entry in result["evaluations"]] == names
    assert list(result["trained_noise"]["noises"]) == ["gaussian", "impulse", "speckle", "poisson"]
    degraded = [entry["metrics"]["input/psnr"] for entry in result["evaluations"]]
    assert degraded[1] < degraded[0] < degraded[2] < degraded[3]


def test_a_sum_of_losses_is_their_weighted_sum(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", *EPOCH, "downsample=none", "loss=sum", "loss.weights={ms_ssim: 0.5, l1: 2}")
    built, frozen = build.parts(read_config(run.path)), impulses(run, 0)[1]
    similarity, net = built.objective.loss.losses["ms_ssim"], build.make("model", read_config(run.path)["model"]).eval()
    net.load_state_dict(weights(run.best))  # restorelab.load gives one that clamps its output
    expected = []
    with torch.no_grad():
        for place in range(len(frozen)):
            clean, restored = frozen.clean(place)[None], net(frozen.image(place)[None])
            expected.append(float(0.5 * similarity(restored, clean) + 2 * (restored - clean).abs().mean()))
    measured = json.loads(run.result.read_text())["metrics"]["test/loss"]
    assert measured == pytest.approx(np.mean(expected), rel=1e-4)


def test_each_image_is_shown_with_each_noise(epoch: RunFolder, tmp_path: Path) -> None:
    run = trained(tmp_path / "run", *EPOCH, "noise=each")
    with gzip.open(epoch.path / "split.csv.gz", "rt") as stream:
        images = sum(row["part"] == "train" for row in csv.DictReader(stream))
    assert (len(losses(epoch)), len(losses(run))) == (-(-images // 8), -(-4 * images // 8))


@pytest.mark.slow
def test_compiled_run_is_a_run(tmp_path: Path) -> None:
    """torch.compile by its default backend: the same loss as without, but for rounding, and plain parameter names."""
    for name, compiled in (("a", "false"), ("b", "true")):
        assert runs.run(tmp_path / name, f"trainer.compile={compiled}", "trainer.max_epochs=1").status == "done"
    losses = [history.read(tmp_path / name / "metrics.csv")["train/loss"][:3] for name in "ab"]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    states = [
        torch.load(tmp_path / name / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"] for name in "ab"
    ]
    assert states[0].keys() == states[1].keys()
