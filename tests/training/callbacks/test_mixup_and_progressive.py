"""Mixed pairs and growing crops, against their definitions, and in a run."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import runs
from restorelab.data.sample import Sample
from restorelab.errors import ConfigError
from restorelab.training.callbacks.mixup import Mixup, _beta
from restorelab.training.callbacks.progressive import Progressive

TRAINER, TASK = SimpleNamespace(global_rank=0, global_step=0), SimpleNamespace(seed=3)


def sample(size: int = 8, images: int = 6, factor: int = 1) -> Sample:
    """The clean image says where each pixel is, the degraded one the same, `factor` times smaller."""
    place = torch.arange(images * size * size, dtype=torch.float32).view(images, 1, size, size)
    sigma = torch.arange(images, dtype=torch.float32)
    degraded = place[..., ::factor, ::factor].clone()
    return Sample(torch.arange(images), place, degraded, {"sigma": sigma}, label=torch.arange(images), counter=5)


def test_mixed_pairs_are_means_of_two_of_the_batch() -> None:
    images = torch.eye(6).view(6, 6, 1, 1).expand(-1, -1, 4, 4)  # image k is 1 in channel k
    sigma = torch.arange(1, 7, dtype=torch.float32)
    batches = [Sample(torch.arange(6), images, 2 * images, {"sigma": sigma}, counter=5) for _ in range(2)]
    for batch in batches:
        Mixup().on_train_batch_start(TRAINER, TASK, batch, 0)
    assert torch.equal(batches[0].clean, batches[1].clean)  # drawn by the number of the batch
    shares, batch = batches[0].clean[:, :, 0, 0], batches[0]
    own, others = shares.diag(), shares - shares.diag().diag()
    weight = own[own < 1][0]
    mixed = others.amax(1) > 0  # the others are their own partners
    assert mixed.sum() >= 2
    torch.testing.assert_close(own, torch.where(mixed, weight, 1))
    torch.testing.assert_close(others.sum(1), torch.where(mixed, 1 - weight, 0))
    torch.testing.assert_close(others.sum(0), torch.where(mixed, 1 - weight, 0))  # each is a partner once
    assert batch.degraded is not None
    torch.testing.assert_close(batch.degraded, 2 * batch.clean)
    expected = torch.where(mixed, ((weight * sigma) ** 2 + (others @ sigma) ** 2).sqrt(), sigma)
    torch.testing.assert_close(batch.parameters["sigma"], expected)


def test_weights_have_the_moments_of_the_beta_distribution() -> None:
    generator, alpha, count = torch.Generator().manual_seed(0), 1.2, 4000
    drawn = torch.tensor([_beta(alpha, generator) for _ in range(count)])
    variance = 1 / (4 * (2 * alpha + 1))
    assert drawn.mean().item() == pytest.approx(0.5, abs=5 * (variance / count) ** 0.5)
    assert drawn.var().item() == pytest.approx(variance, rel=5 * (2 / count) ** 0.5)


def test_stages_follow_each_other_and_the_last_stays() -> None:
    progressive = Progressive([[2, 32, 8], [3, 48, 4], [1, 64, 2]])
    assert [progressive.stage(step) for step in (0, 1, 2, 4, 5, 6, 99)] == [
        (32, 8), (32, 8), (48, 4), (48, 4), (64, 2), (64, 2), (64, 2),
    ]  # fmt: skip


@pytest.mark.parametrize("factor", [1, 2])
def test_a_batch_is_cut_to_one_window(factor: int) -> None:
    batch = sample(factor=factor)
    Progressive([[9, 4, 3]]).on_train_batch_start(TRAINER, TASK, batch, 0)
    assert batch.clean.shape == (3, 1, 4, 4)
    assert batch.degraded is not None
    assert torch.equal(batch.degraded, batch.clean[..., ::factor, ::factor])
    assert torch.equal(batch.clean[:, 0, 0, 0] // 64, batch.index.float())
    assert torch.equal(
        batch.clean - batch.clean[:, :, :1, :1], (sample().clean[:3, :, :4, :4] - sample().clean[:3, :, :1, :1])
    )
    assert torch.equal(batch.parameters["sigma"], batch.index.float())
    assert batch.label is not None
    assert torch.equal(batch.label, batch.index)


@pytest.mark.parametrize("stages", [[], [[1, 2]], [[0, 4, 1]]])
def test_what_is_no_stage(stages: list[list[int]]) -> None:
    with pytest.raises(ConfigError, match="steps, crop, images"):
        Progressive(stages)


def test_crops_that_images_do_not_hold_end_the_first_batch() -> None:
    with pytest.raises(ConfigError, match=r"crops of \[4, 16\] from images of 8x8"):
        Progressive([[9, 4, 3], [9, 16, 3]]).on_train_batch_start(TRAINER, TASK, sample(), 0)
    with pytest.raises(ConfigError, match="factor 2"):
        Progressive([[9, 3, 3]]).on_train_batch_start(TRAINER, TASK, sample(factor=2), 0)
    with pytest.raises(ConfigError, match="alpha=0"):
        Mixup(0)


@pytest.mark.slow
def test_a_run_of_both_resumes_with_the_same_bits(tmp_path: Path) -> None:
    both = [
        "+callbacks.progressive={_target_: restorelab.training.callbacks.progressive.Progressive, "
        "stages: [[3,16,4],[4,32,2],[1,64,2]]}",
        "+callbacks.mixup={_target_: restorelab.training.callbacks.mixup.Mixup}",
        "scheduler=constant",
    ]
    whole = runs.run(tmp_path / "whole", *both, "max_steps=12")
    assert whole.status == "done", whole
    assert runs.run(tmp_path / "parts", *both, "max_steps=5").status == "done"
    assert runs.run(tmp_path / "parts", *both, "max_steps=12", "resume=true").status == "done"
    states = [
        torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for name in ("whole", "parts")
    ]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
