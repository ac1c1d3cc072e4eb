"""A callback that times a training, with its validations and without them."""

import time

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

FOUND: dict[str, float] = {}
"""Seconds of the last training in this process: `all`, `validating`."""


class Clock(Callback):
    """Times from the first batch's start to the training's end, waiting for the device."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start."""
        FOUND.clear()
        self._validating, self._since, self._began = 0.0, 0.0, self._now(pl_module)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin a validation."""
        self._since = self._now(pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End it."""
        self._validating += self._now(pl_module) - self._since

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop."""
        FOUND.update({"all": self._now(pl_module) - self._began, "validating": self._validating})

    def _now(self, module: LightningModule) -> float:
        if module.device.type == "cuda":
            import torch

            torch.cuda.synchronize(module.device)
        return time.perf_counter()
