"""Schedules of this package: their values are those of the formulas."""

import math

import pytest
import torch
from torch.optim.lr_scheduler import LambdaLR

from restorelab.errors import ConfigError
from restorelab.training import schedulers

RATE = 0.4


def optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE)


def factors(schedule: LambdaLR, steps: int) -> list[float]:
    """The share of the optimizer's rate at each step, from the first."""
    found = []
    for _ in range(steps):
        found.append(schedule.get_last_lr()[0] / RATE)
        schedule.optimizer.step()
        schedule.step()
    return found


def test_a_cosine_with_a_warm_up() -> None:
    """Up in two steps of eight, then half a cosine over six: at 0, 30, 60, ... degrees."""
    half = [1.0, (1 + math.sqrt(3) / 2) / 2, 0.75, 0.5, 0.25, (1 - math.sqrt(3) / 2) / 2, 0.0]
    found = factors(schedulers.cosine(optimizer(), 8, warmup=0.25, final=0.1), 10)
    expected = [0.5, 1.0, *(0.1 + 0.9 * share for share in half), 0.1]  # at its end it stays
    assert found == pytest.approx(expected, abs=1e-12)


def test_a_cosine_without_a_warm_up_begins_at_the_optimizers_rate_and_ends_at_nothing() -> None:
    found = factors(schedulers.cosine(optimizer(), 4), 5)
    assert found == pytest.approx([1.0, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2, 0.0], abs=1e-12)


def test_a_constant_rate_is_reached_over_its_warm_up() -> None:
    assert factors(schedulers.constant(optimizer(), 8, warmup=0.5), 6) == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1])
    assert factors(schedulers.constant(optimizer(), 8), 3) == [1, 1, 1]


def test_milestones_are_shares_of_the_run() -> None:
    schedule = schedulers.multistep(optimizer(), 8, milestones=[0.5, 0.75], gamma=0.2)
    assert factors(schedule, 8) == pytest.approx([1, 1, 1, 1, 0.2, 0.2, 0.04, 0.04])


def test_warm_up_longer_than_the_run_is_refused() -> None:
    for make in (
        lambda: schedulers.cosine(optimizer(), 8, warmup=1.5),
        lambda: schedulers.cosine(optimizer(), 8, final=-0.1),
        lambda: schedulers.constant(optimizer(), 8, warmup=2),
        lambda: schedulers.multistep(optimizer(), 8, milestones=[3]),
        lambda: schedulers.multistep(optimizer(), 8, gamma=1.1),
    ):
        with pytest.raises(ConfigError, match="expected a share between 0 and 1"):
            make()
