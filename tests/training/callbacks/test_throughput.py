"""Images a second: of training alone, over all ranks, without the first batches."""

import pytest

from clock import Clock
from restorelab.training.callbacks.throughput import Throughput
from training.callbacks import loop


def epoch(callback: Throughput, on: object, clock: Clock, seconds: float, count: int = 4) -> None:
    callback.on_train_epoch_start(on, loop.TASK)
    for _ in loop.batches(callback, on, count):
        clock.pass_by(seconds)


@pytest.mark.parametrize("ranks", [1, 2])
def test_the_rate_is_of_training_alone(ranks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, on, callback = Clock(monkeypatch), loop.trainer(world_size=ranks), Throughput(8)
    callback.on_train_start(on, loop.TASK)
    epoch(callback, on, clock, 10.0)  # kernels are chosen
    assert callback.rate is None
    for _ in range(2):
        clock.pass_by(100.0)  # validation
        epoch(callback, on, clock, 0.5)
    # The fifth batch of all ends the warm-up: 3 and 4 batches are counted.
    assert (callback.images, callback.seconds) == (7 * 8 * ranks, 7 * 0.5)
    assert callback.rate == 16.0 * ranks


def test_an_epoch_that_is_cut_short_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, on, callback = Clock(monkeypatch), loop.trainer(num_training_batches=1000), Throughput(8)
    callback.on_train_start(on, loop.TASK)
    callback.on_train_epoch_start(on, loop.TASK)
    for batch in loop.batches(callback, on, 9):
        clock.pass_by(0.25)
        on.should_stop = batch == 8
    assert callback.rate == 32.0


def test_too_few_batches_have_no_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, on, callback = Clock(monkeypatch), loop.trainer(num_training_batches=5), Throughput(8)
    callback.on_train_start(on, loop.TASK)
    epoch(callback, on, clock, 1.0, 5)
    assert callback.rate is None
