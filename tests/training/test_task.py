"""What a validation measures: the protocol's input, image by image, over all evaluations."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from restorelab.data.sample import Sample
from restorelab.losses.mse import MSE
from restorelab.metrics.protocol import Protocol
from restorelab.objectives.supervised import Supervised
from restorelab.training.task import RestorationTask


class Recording(nn.Module):
    """Gives back what it is given, and keeps it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, degraded: Tensor) -> Tensor:
        self.seen.append(degraded.clone())
        return degraded


def validated(net: nn.Module, protocol: Protocol, batches: list[tuple[int, Sample]]) -> dict[str, float]:
    """What one validation logs. batches: the number of the evaluation and a frozen batch."""
    task: Any = RestorationTask(
        net, Supervised(MSE()), None, None, None, total=1, evaluations=["a", "b"], protocol=protocol,  # type: ignore[arg-type]
        channels_last=False, seed=0,
    )  # fmt: skip
    logged: dict[str, float] = {}
    frozen = [[None] * sum(len(sample) for number, sample in batches if number == one) for one in range(2)]
    task._trainer = SimpleNamespace(
        datamodule=SimpleNamespace(frozen=lambda part: frozen), global_rank=0,
        strategy=SimpleNamespace(reduce=lambda value, reduce_op: value),
    )  # fmt: skip
    task.log_dict = lambda values, **how: logged.update(values)
    task.on_validation_epoch_start()
    for place, (number, sample) in enumerate(batches):
        task.validation_step((number, sample), place)
    task.validation_step((None, None), len(batches))  # of a rank that has measured its images
    task.on_validation_epoch_end()
    return logged


def sample(first: int, *offsets: float) -> Sample:
    """Images that are off by so much: one is 0.9 everywhere, so that some leave [0, 1]."""
    clean = torch.full((len(offsets), 1, 16, 16), 0.9)
    degraded = clean + torch.tensor(offsets).view(-1, 1, 1, 1)
    return Sample(torch.arange(first, first + len(offsets)), clean, degraded)


@pytest.mark.parametrize("clip", [False, True])
def test_the_input_is_clipped_where_the_protocol_says_so(clip: bool) -> None:
    net = Recording()
    validated(net, Protocol(clip_input=clip), [(0, sample(0, 0.3)), (1, sample(0, -0.95))])
    assert [round(float(seen.max()), 5) for seen in net.seen] == ([1.0, 0.0] if clip else [1.2, -0.05])


def test_means_are_over_images_and_then_over_evaluations() -> None:
    """Offsets of 0.1 are 20 dB and of 0.01 are 40 dB; the batches' sizes differ."""
    batches = [(0, sample(0, -0.1, -0.1, -0.1)), (1, sample(0, -0.01)), (0, sample(3, -0.01))]
    logged = validated(Recording(), Protocol(), batches)
    assert logged["val/psnr/a"] == pytest.approx(25.0, abs=1e-3)
    assert logged["val/psnr/b"] == pytest.approx(40.0, abs=1e-3)
    assert logged["val/psnr"] == pytest.approx(32.5, abs=1e-3)
    assert logged["val/loss/a"] == pytest.approx((3 * 0.01 + 0.0001) / 4, rel=1e-4)
    assert logged["val/mse"] == pytest.approx(((3 * 0.01 + 0.0001) / 4 + 0.0001) / 2, rel=1e-4)
