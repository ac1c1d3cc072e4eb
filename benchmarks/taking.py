"""The callback that makes a run of the framework a contender: it takes steps when it is asked to (turns.py)."""

import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from turns import Busy, memory, say

from restorelab.errors import UserError


class NoMoreStepsError(UserError):
    """The input ended: it ends the run; nothing went wrong."""


class Turns(Callback):
    """Answer each line of the standard input where a batch ends, and end the run where the input does.

    A segment lasts from the end of one batch to the end of another: loading, degrading, every hook and every other
    callback are inside. warmup: batches before the run says that it is ready.
    """

    def __init__(self, warmup: int) -> None:
        self._wanted, self._steps, self._images = warmup, 0, 0
        self._since = 0.0
        self._busy: Busy | None = None
        self._tell: Callable[[], None] = say

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note the device, and start the clock of the warm-up."""
        self._device = pl_module.device
        self._since = self._now()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count; after the steps that were asked for, answer and wait for the next line."""
        self._steps += 1
        self._images += len(batch)
        if self._steps >= self._wanted:
            self._tell()
            self._next()

    def _next(self) -> None:
        for line in iter(sys.stdin.readline, ""):
            if line.startswith("memory"):
                say(*memory())
                continue
            self._steps, self._images, self._wanted = 0, 0, int(line.split()[-1])
            self._tell = self._told_busy if line.startswith("profile") else self._told_time
            if line.startswith("profile"):
                self._busy = Busy().__enter__()
            self._since = self._now()
            return
        raise NoMoreStepsError("no more steps")

    def _told_time(self) -> None:
        say(self._now() - self._since, self._images)

    def _told_busy(self) -> None:
        assert self._busy is not None
        self._busy.__exit__(None, None, None)
        say(self._busy.seconds)

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()
