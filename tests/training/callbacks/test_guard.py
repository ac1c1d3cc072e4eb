"""A loss that is NaN or infinite ends the training before its step changes the weights."""

import math
from typing import Any

import pytest
import torch

from restorelab.training.callbacks.guard import DivergedError, Guard
from training.callbacks import loop


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_on_a_cpu_the_batch_itself_is_refused(bad: float) -> None:
    on = loop.trainer(global_step=3)
    on.fit_loop.epoch_loop.total_batch_idx = 7
    guard = Guard(50)
    guard.on_before_backward(on, loop.TASK, torch.tensor(1e30))
    with pytest.raises(DivergedError, match=r"not finite at step 3 \(batch 7 of the run\), learning rate 0\.5\."):
        guard.on_before_backward(on, loop.TASK, torch.tensor(bad))


@pytest.mark.parametrize("asks", ["on_validation_start", "on_save_checkpoint", "check"])
def test_on_a_gpu_the_first_bad_batch_is_kept_until_something_asks(asks: str) -> None:
    guard, on = Guard(50), loop.trainer()
    more: tuple[Any, ...] = ({},) if asks == "on_save_checkpoint" else ()
    getattr(guard, asks)(on, loop.TASK, *more)  # nothing has been seen
    guard._first_bad = torch.tensor(-1)
    getattr(guard, asks)(on, loop.TASK, *more)
    guard._first_bad = torch.tensor(12)
    with pytest.raises(DivergedError, match=r"batch 12 of the run"):
        getattr(guard, asks)(on, loop.TASK, *more)
