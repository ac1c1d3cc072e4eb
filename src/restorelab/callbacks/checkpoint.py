"""best.ckpt and last.ckpt, each written whole under a temporary name and then renamed."""

import io
import time
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from restorelab.interruption import Interrupted, Interruption
from restorelab.run_folder import RunFolder, write_bytes


class Checkpoint(Callback):
    """Keep the best weights by a metric of the validation (the highest) and everything a run needs to go on.

    `best.ckpt` holds the weights that were evaluated (under EMA the averaged ones), `last.ckpt` the whole state of
    the run. Lightning's ModelCheckpoint writes last as a copy of best, and not whole-or-nothing.

    monitor: the metric's column, such as `val/psnr`. every: seconds between mid-epoch `last.ckpt`s, None for none.
    interruption: is polled after each batch; a run that is asked to stop writes its last.ckpt first.
    """

    def __init__(
        self, folder: RunFolder, monitor: str, every: float | None, interruption: Interruption, poll: int = 1
    ) -> None:
        self.folder, self.monitor, self.every, self.interruption, self.poll = folder, monitor, every, interruption, poll
        self.best_value = float("-inf")
        self.best_step = -1
        self._saved = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        """Which step was best so far."""
        return {"best_value": self.best_value, "best_step": self.best_step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the best so far."""
        self.best_value, self.best_step = state_dict["best_value"], state_dict["best_step"]

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Add the global random state: dropout draws from it."""
        state = {"cpu": torch.get_rng_state()}
        if pl_module.device.type == "cuda":
            state["cuda"] = torch.cuda.get_rng_state(pl_module.device)
        checkpoint["restorelab_rng"] = state

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Keep the random state until training starts."""
        self._rng = checkpoint.get("restorelab_rng")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the random state back, behind everything that may have drawn while the run was set up."""
        state = self.__dict__.pop("_rng", None)
        if state:
            torch.set_rng_state(state["cpu"].cpu())
            if "cuda" in state and pl_module.device.type == "cuda":
                torch.cuda.set_rng_state(state["cuda"].cpu(), pl_module.device)
        self._saved = time.monotonic()
        # From here on a signal waits for the end of its batch. Lightning's own handler, whose place ours takes, would
        # talk to the other ranks from inside the signal.
        self.interruption.defer(True)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save when it is time or when the run is asked to stop; the epoch's last batch leaves that to its end.

        Between two batches of one accumulated step nothing is saved: no checkpoint holds half a gradient.
        """
        if batch_idx + 1 == trainer.num_training_batches or (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        if trainer.check_val_every_n_epoch is None and self._validates_now(trainer):
            return  # the validation belongs to this batch; the next batch will do
        if trainer.world_size > 1 and (batch_idx + 1) // trainer.accumulate_grad_batches % self.poll:
            return  # ranks decide together, and talking costs
        asked = self.interruption.requested
        due = self.every is not None and time.monotonic() - self._saved >= self.every
        if trainer.world_size > 1:
            asked, due = trainer.strategy.broadcast((asked, due))
        if asked or due:
            self._save_last(trainer)
        if asked:
            raise Interrupted

    @staticmethod
    def _validates_now(trainer: Trainer) -> bool:
        return trainer.val_check_batch is not None and not (
            (trainer.fit_loop.total_batch_idx + 1) % trainer.val_check_batch
        )

    def on_validation_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Keep the weights if they are the best yet."""
        value = float(trainer.callback_metrics[self.monitor])
        if value > self.best_value:
            self.best_value, self.best_step = value, trainer.global_step
            if trainer.is_global_zero:
                state = {name: value.detach().cpu() for name, value in pl_module.net.state_dict().items()}
                facts = {"step": trainer.global_step, "epoch": trainer.current_epoch, self.monitor: value}
                _save(self.folder.best, {"state_dict": state, "restorelab": facts})

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the state of the run; stop here if that was asked for during the epoch's last batch or validation."""
        self._save_last(trainer)
        asked = self.interruption.requested
        if trainer.world_size > 1:
            asked = trainer.strategy.broadcast(asked)
        if asked:
            raise Interrupted

    def _save_last(self, trainer: Trainer) -> None:
        state = trainer._checkpoint_connector.dump_checkpoint(weights_only=False)
        if trainer.is_global_zero:
            _save(self.folder.last, state)
        self._saved = time.monotonic()


def _save(file: Any, state: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_bytes(file, buffer.getvalue())
