"""What callbacks do at each batch does not make the host wait for a CUDA device."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import Callback
from torch import nn

from device.fake_cuda import CUDA, fake_cuda, placed
from restorelab.training.callbacks.ema import take_in
from restorelab.training.callbacks.guard import Guard
from restorelab.training.callbacks.history import History
from restorelab.training.callbacks.limits import Limits
from restorelab.training.callbacks.progress import Progress
from restorelab.training.callbacks.throughput import Throughput

EVERY = 50


@pytest.mark.parametrize(
    "callback",
    [
        Guard(EVERY),
        History(None, [], EVERY, lambda row, step: None),  # type: ignore[arg-type]
        Limits(1000, 1e9, EVERY),
        Progress(1000, 4),
        Throughput(4),
    ],
    ids=lambda callback: type(callback).__name__,
)
def test_a_batch_is_followed_without_waiting(callback: Callback, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer: Any = SimpleNamespace(
        global_step=0, current_epoch=0, world_size=1, accumulate_grad_batches=1, num_training_batches=1000,
        is_global_zero=False, should_stop=False, callback_metrics={},
        optimizers=[SimpleNamespace(param_groups=[{"lr": 1e-3}])],
        fit_loop=SimpleNamespace(epoch_loop=SimpleNamespace(total_batch_idx=0)),
    )  # fmt: skip
    with fake_cuda(monkeypatch):
        task: Any = SimpleNamespace(device=CUDA)
        callback.on_train_start(trainer, task)
        callback.on_train_epoch_start(trainer, task)
        for batch in range(8):
            loss = torch.ones((), device=CUDA, requires_grad=True) * 2
            callback.on_before_backward(trainer, task, loss)
            trainer.global_step = batch + 1
            trainer.fit_loop.epoch_loop.total_batch_idx = batch
            callback.on_train_batch_end(trainer, task, {"loss": loss.detach()}, None, batch)


def test_weights_are_averaged_without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_cuda(monkeypatch):
        average, net = (placed(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))) for _ in range(2))
        take_in(average, net, 0.9)
