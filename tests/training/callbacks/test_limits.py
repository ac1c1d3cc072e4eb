"""Where a training ends: at a step, or after a time over all sessions."""

import pytest

from clock import Clock
from restorelab.training.callbacks.limits import Limits
from training.callbacks import loop


def stopped(callback: Limits, on: object, clock: Clock, count: int, seconds: float = 1.0) -> int | None:
    """The batches after which the loop is asked to stop."""
    for batch in loop.batches(callback, on, count):
        if on.should_stop:  # type: ignore[attr-defined]
            return batch
        clock.pass_by(seconds)
    return count if on.should_stop else None  # type: ignore[attr-defined]


def test_it_ends_at_its_step(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, on = Clock(monkeypatch), loop.trainer(accumulate_grad_batches=2)
    callback = Limits(3, None, 1)
    callback.on_train_start(on, loop.TASK)
    assert stopped(callback, on, clock, 20) == 6
    assert on.global_step == 3


def test_it_ends_after_its_time_between_two_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, on = Clock(monkeypatch), loop.trainer(accumulate_grad_batches=4)
    callback = Limits(1000, 5.0, 1)
    clock.pass_by(100.0)  # of setting up, which is no fitting
    callback.on_train_start(on, loop.TASK)
    assert stopped(callback, on, clock, 20) == 8


def test_earlier_sessions_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, first = Clock(monkeypatch), Limits(1000, 10.0, 1)
    first.on_train_start(loop.trainer(), loop.TASK)
    clock.pass_by(7.0)
    second, on = Limits(1000, 10.0, 1), loop.trainer()
    second.load_state_dict(first.state_dict())
    clock.pass_by(500.0)
    second.on_train_start(on, loop.TASK)
    assert not on.should_stop
    assert stopped(second, on, clock, 20) == 3
    assert second.seconds == 10.0


@pytest.mark.parametrize(("step", "seconds"), [(5, 0.0), (0, 60.0)])
def test_a_run_that_is_past_its_limits_ends_before_its_first_batch(
    step: int, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    Clock(monkeypatch)
    callback, on = Limits(5, 60.0, 1), loop.trainer(global_step=step)
    callback.load_state_dict({"seconds": seconds})
    callback.on_train_start(on, loop.TASK)
    assert on.should_stop


def test_ranks_agree_on_the_time_every_few_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, on, asked = Clock(monkeypatch), loop.trainer(world_size=2), []
    on.strategy.broadcast = lambda over: asked.append(over) or True  # the first rank's time is over
    callback = Limits(1000, 1e9, 3)
    callback.on_train_start(on, loop.TASK)
    on.should_stop = False
    asked.clear()
    assert stopped(callback, on, clock, 20) == 3
    assert asked == [False]
