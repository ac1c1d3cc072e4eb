"""Measure the images per second of training, without validation and the first batches."""

import time
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

WARMUP = 5
"""Batches of a session that are not counted, in which kernels are chosen and memory is touched first."""


class Throughput(Callback):
    """Measure time from batch end to batch end within epochs; on a GPU the end of the epoch waits for the device."""

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size
        self.images, self.seconds = 0, 0.0
        self._seen = 0
        self._since: float | None = None
        self._batches = 0

    @property
    def rate(self) -> float | None:
        """Return images per second over all ranks; None where too few batches ran."""
        return self.images / self.seconds if self.seconds > 0 else None

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock of the epoch, once the warm-up is over."""
        self._since = time.perf_counter() if self._seen >= WARMUP else None
        self._batches = 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the images of the batch."""
        self._seen += 1
        self._batches += self._since is not None
        if self._since is None and self._seen >= WARMUP:
            self._since = time.perf_counter()
        elif batch_idx + 1 == trainer.num_training_batches or trainer.should_stop:
            self._close(trainer, outputs)

    def _close(self, trainer: Trainer, outputs: Any) -> None:
        if self._since is not None and self._batches:
            float(outputs["loss"])  # waits for the device
            self.seconds += time.perf_counter() - self._since
            self.images += self._batches * self.batch_size * trainer.world_size
            self._since, self._batches = None, 0
