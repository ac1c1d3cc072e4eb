"""End a training at a step or after a time, between two batches."""

import time
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback


class Limits(Callback):
    """Ask the loop to stop at a step or after a time.

    before: seconds of fitting in earlier sessions. max_steps: optimizer steps of the whole training, whatever says how
    many. max_epochs: that it enters; one more is StochasticWeightAveraging's pass for batch normalization. max_time:
    seconds of fitting, those of earlier sessions included, None for no limit. poll: batches between two looks at the
    clock where ranks must agree.
    """

    def __init__(self, max_steps: int, max_time: float | None, poll: int, max_epochs: int | None = None) -> None:
        self.max_steps, self.max_time, self.poll, self.max_epochs = max_steps, max_time, poll, max_epochs
        self.before = 0.0
        self._step = 0
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds of fitting so far, over all sessions."""
        return self.before + time.monotonic() - self._began

    def state_dict(self) -> dict[str, Any]:
        """Return the seconds of fitting so far."""
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue counting from an earlier session."""
        self.before = state_dict["seconds"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock; end a run at once that is already past its limits."""
        self._began = time.monotonic()
        over = self.max_time is not None and self.seconds >= self.max_time
        if trainer.world_size > 1:
            over = trainer.strategy.broadcast(over)
        if over or trainer.global_step >= self.max_steps:
            trainer.should_stop = True

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop where a limit is reached; not between two batches of one accumulated step."""
        # StochasticWeightAveraging adds an epoch without steps behind the last one: its pass for batch normalization.
        added = self.max_epochs is not None and (trainer.fit_loop.max_epochs or 0) > self.max_epochs
        passes = added and (trainer.current_epoch == self.max_epochs or batch_idx + 1 == trainer.num_training_batches)
        if trainer.global_step >= self.max_steps and not passes:
            trainer.should_stop = True
        if self.max_time is not None and not (batch_idx + 1) % trainer.accumulate_grad_batches:
            over = self.seconds >= self.max_time
            if trainer.world_size > 1:
                turn = (batch_idx + 1) // trainer.accumulate_grad_batches % self.poll == 0
                over = turn and trainer.strategy.broadcast(over)
            if over:
                trainer.should_stop = True
