"""A stand-in for Lightning's loop and trainer: what the callbacks ask of them, without a network or data."""

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback


def trainer(**changed: Any) -> Any:
    """A trainer on one rank at the beginning of a run. changed: attributes that are others."""
    strategy = SimpleNamespace(reduce=lambda value, reduce_op: value, broadcast=lambda value: value)
    progress = SimpleNamespace(current=SimpleNamespace(ready=0))
    loop = SimpleNamespace(epoch_loop=SimpleNamespace(total_batch_idx=-1, batch_progress=progress))
    optimizer = SimpleNamespace(param_groups=[{"lr": 0.5}])
    usual = {
        "global_step": 0, "current_epoch": 0, "world_size": 1, "accumulate_grad_batches": 1, "num_training_batches": 4,
        "is_global_zero": True, "should_stop": False, "callback_metrics": {}, "strategy": strategy, "fit_loop": loop,
        "optimizers": [optimizer], "train_dataloader": None, "datamodule": None, "check_val_every_n_epoch": 1,
        "val_check_batch": None, "num_val_batches": [1], "callbacks": [],
        "enable_validation": True,
    }  # fmt: skip
    return SimpleNamespace(**usual | changed)


TASK: Any = SimpleNamespace(device=torch.device("cpu"))


def batches(callback: Callback, on: Any, count: int, losses: Sequence[float] = (), task: Any = TASK) -> Iterator[int]:
    """The next batches of an epoch; gives the number of each before its end, for time to pass in it."""
    for batch in range(count):
        on.fit_loop.epoch_loop.total_batch_idx += 1
        yield batch
        on.global_step += (batch + 1) % on.accumulate_grad_batches == 0
        loss = torch.tensor(losses[batch] if losses else 1.0)
        callback.on_train_batch_end(on, task, {"loss": loss / on.accumulate_grad_batches}, None, batch)
