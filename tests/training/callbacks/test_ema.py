"""The averaged weights: their formula, their default, and when they are taken in and measured."""

import inspect
from typing import Any

import pytest
import torch
from torch import nn

import runs
from restorelab.errors import ConfigError
from restorelab.training.callbacks.ema import EMA
from training.callbacks import loop


class Task:
    """A network of one weight; notes which network is to be measured."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        self.net, self.measured = nn.Linear(1, 1, bias=False), None
        self.net._compiled_call_impl = None
        self.set(0.0)

    def set(self, value: float) -> None:
        with torch.no_grad():
            self.net.weight.fill_(value)

    def measure(self, net: nn.Module) -> None:
        self.measured = net

    @property
    def average(self) -> float:
        return float(self.measured.weight.detach())


def train(callback: EMA, on: Any, task: Task, values: list[float]) -> list[float]:
    """The average behind each batch, of weights that take these values."""
    found = []
    steps = loop.batches(callback, on, len(values), task=task)
    for batch in steps:
        found += [task.average] if batch else []
        task.set(values[batch])
    return [*found, task.average]


def test_the_average_is_that_of_the_formula() -> None:
    on, task, callback = loop.trainer(), Task(), EMA(0.75, warmup=False)
    callback.on_train_start(on, task)
    assert train(callback, on, task, [8.0, 4.0, 12.0, 0.0]) == [8.0, 7.0, 8.25, 6.1875]
    assert not task.measured.training
    assert float(task.net.weight.detach()) == 0.0  # what is trained is left as it is


def test_the_decay_rises_over_the_warm_up() -> None:
    on, task, callback = loop.trainer(), Task(), EMA(0.3)
    callback.on_train_start(on, task)
    expected = [1.0]
    for step, value in ((2, 2.0), (3, 3.0), (4, 4.0), (5, 5.0)):
        decay = min(0.3, (1 + step) / (10 + step))  # 3/12, 4/13, then the decay itself
        expected.append(decay * expected[-1] + (1 - decay) * value)
    assert train(callback, on, task, [1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx(expected, rel=1e-6)


def test_batches_of_one_step_are_taken_in_once() -> None:
    on, task, callback = loop.trainer(accumulate_grad_batches=2), Task(), EMA(0.5, warmup=False)
    callback.on_train_start(on, task)
    assert train(callback, on, task, [9.0, 2.0, 9.0, 4.0]) == [0.0, 2.0, 2.0, 3.0]


def test_a_resumed_run_goes_on_with_the_average() -> None:
    on, task, callback = loop.trainer(), Task(), EMA(0.75, warmup=False)
    callback.on_train_start(on, task)
    train(callback, on, task, [8.0, 4.0])
    state = callback.state_dict()
    again, other = EMA(0.75, warmup=False), Task()
    other.set(4.0)
    again.load_state_dict(state)
    again.on_train_start(on, other)
    assert other.average == 7.0
    assert train(again, on, other, [12.0]) == [8.25]


def test_the_default_decay_is_that_of_the_config_and_the_field() -> None:
    node = runs.composed(["callbacks=ema"])["callbacks"]["ema"]
    assert (node["decay"], node["warmup"]) == (0.999, True)
    own = inspect.signature(EMA).parameters
    assert (own["decay"].default, own["warmup"].default) == (0.999, True)


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_a_decay_that_is_none_is_refused(decay: float) -> None:
    with pytest.raises(ConfigError, match=rf"decay={decay}; at least 0 and below 1"):
        EMA(decay)
