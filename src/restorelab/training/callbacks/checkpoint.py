"""Write best.ckpt, last.ckpt and further checkpoints, each as a whole under a temporary name that is then renamed."""

import logging
import time
from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint as LightningCheckpoint
from lightning.pytorch.callbacks import StochasticWeightAveraging

from restorelab.runs.run_folder import RunFolder, put
from restorelab.training import run_progress
from restorelab.training.callbacks.kept_checkpoints import KeptCheckpoints
from restorelab.training.interruption import Interrupted, Interruption

log = logging.getLogger(__name__)


class Checkpoint(LightningCheckpoint):
    """Keep the best weights by a metric of the validation (the highest) and everything a run needs to go on.

    `best.ckpt` holds the weights that were measured (under EMA the averaged ones), `last.ckpt` the whole state of
    the run. Lightning's ModelCheckpoint writes last as a copy of best, and not whole-or-nothing.

    The last step of a training is always validated, once, whatever ended the training: a limit, EarlyStopping, or the
    last epoch. An interrupted training is not: it goes on.

    monitor: the metric's column, such as `val/psnr`. every: seconds between mid-epoch `last.ckpt`s, None for none.
    interruption: is polled after each batch; a run that is asked to stop writes its last.ckpt first. kept: the further
    checkpoints. policy: what the run is trained by, for last.ckpt.
    """

    def __init__(
        self,
        folder: RunFolder,
        monitor: str,
        every: float | None,
        interruption: Interruption,
        poll: int = 1,
        *,
        kept: KeptCheckpoints | None = None,
        policy: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder, self.monitor, self.every, self.interruption, self.poll = folder, monitor, every, interruption, poll
        self.kept, self.policy = kept or KeptCheckpoints(folder), dict(policy or {})
        self.validated = -1
        self._step = -1
        self._loops: dict[str, Any] | None = None
        self._batches: int | None = None
        self._measured: dict[str, torch.Tensor] = {}
        self._saved = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        """Return the step that was validated last."""
        return {"validated": self.validated}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state that `state_dict` returned."""
        self.validated = state_dict["validated"]

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Add the global random state, which dropout draws from, and how far the run is.

        So a checkpoint that Lightning's ModelCheckpoint writes can be gone on from, too.
        """
        state = {"cpu": torch.get_rng_state()}
        if pl_module.device.type == "cuda":
            state["cuda"] = torch.cuda.get_rng_state(pl_module.device)
        checkpoint["restorelab_rng"] = state
        batches = self._batches
        if batches is None:  # the checkpoint was made by another program
            ready = trainer.fit_loop.epoch_loop.batch_progress.current.ready
            batches = ready if ready < trainer.num_training_batches else 0
        checkpoint[run_progress.KEY] = {
            "steps": trainer.global_step,
            "epochs": trainer.current_epoch + (not batches),
            "batches": batches,
            "policy": self.policy,
        }
        if self._loops and self._batches is not None:
            checkpoint["loops"]["fit_loop"] = self._loops

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Keep the random state until training starts."""
        self._rng = checkpoint.get("restorelab_rng")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore the random state, after everything that may have drawn numbers while the run was set up."""
        state = self.__dict__.pop("_rng", None)
        if state:
            torch.set_rng_state(state["cpu"].cpu())
            if "cuda" in state and pl_module.device.type == "cuda":
                torch.cuda.set_rng_state(state["cuda"].cpu(), pl_module.device)
        self.kept.open()
        self._saved, self._step = time.monotonic(), trainer.global_step
        # From here on a signal waits for the end of its batch. Lightning's own handler, whose place ours takes, would
        # talk to the other ranks from inside the signal.
        self.interruption.defer(True)

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Save when it is time or when the run is asked to stop; the epoch's last batch leaves that to its end.

        Between two batches of one accumulated step nothing is saved: no checkpoint holds half a gradient.
        """
        if trainer.global_step != self._step and trainer.is_global_zero:
            self.kept.step(trainer.global_step, trainer.current_epoch, pl_module.measured_net)
        self._step, self._loops = trainer.global_step, None
        if batch_idx + 1 == trainer.num_training_batches or (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        every = None if trainer.check_val_every_n_epoch else trainer.val_check_batch
        if trainer.should_stop or (every is not None and not (trainer.fit_loop.total_batch_idx + 1) % every):
            # Should training end here, in the middle of an epoch, this is the state from which it can be prolonged.
            self._loops = trainer.fit_loop.state_dict()
            return  # what is measured now belongs to this batch: last.ckpt is written behind it, or at the next batch
        if trainer.world_size > 1 and (batch_idx + 1) // trainer.accumulate_grad_batches % self.poll:
            return  # ranks decide together, and talking costs
        asked = self.interruption.requested
        due = self.every is not None and time.monotonic() - self._saved >= self.every
        if trainer.world_size > 1:
            asked, due = trainer.strategy.broadcast((asked, due))
        if asked or due:
            self._save_last(trainer, batches=batch_idx + 1)
        if asked:
            raise Interrupted

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Copy the weights that were measured, before another callback may replace them."""
        if trainer.is_global_zero and batch_idx + 1 == sum(trainer.num_val_batches):
            self._measured = {name: value.cpu().clone() for name, value in pl_module.measured_net.state_dict().items()}

    def on_validation_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Keep the weights if they are the best so far."""
        self.validated = trainer.global_step
        value = float(trainer.callback_metrics[self.monitor])
        if trainer.is_global_zero:
            facts = {"step": trainer.global_step, "epoch": trainer.current_epoch, self.monitor: value}
            self.kept.validation(value, facts, self._measured)
        self._measured = {}

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the state of the run; stop here if that was asked for during the epoch's last batch or validation."""
        if trainer.should_stop:
            self._validate(trainer)
        batches = trainer.fit_loop.epoch_loop.batch_progress.current.ready if self._loops else 0
        self._save_last(trainer, batches=batches)
        asked = self.interruption.requested
        if trainer.world_size > 1:
            asked = trainer.strategy.broadcast(asked)
        if asked:
            raise Interrupted

    def on_train_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Validate where training ended without a further step: it was interrupted and had reached its limit.

        Without validation images the last step's weights are kept.
        """
        if any(isinstance(callback, StochasticWeightAveraging) for callback in trainer.callbacks):  # type: ignore[attr-defined]
            self.validated = -1  # the callback has replaced the weights by their average
        self._validate(trainer)
        if not self._validates(trainer) and trainer.is_global_zero:
            log.info("no validation images (data.val=0): the last step's weights are kept as best.ckpt")
            self.kept.last(trainer.global_step, trainer.current_epoch, pl_module.measured_net)

    @staticmethod
    def _validates(trainer: Any) -> bool:
        return bool(trainer.datamodule.frozen("val")) and trainer.enable_validation

    def _validate(self, trainer: Trainer) -> None:
        """Validate the last step, unless that was done; as Lightning's training loop does it."""
        if self.validated == trainer.global_step or not self._validates(trainer):
            return
        connector = trainer._logger_connector  # private: Lightning's loop, too, keeps this flag around a validation
        trainer.validating, first = True, connector._first_loop_iter
        trainer.fit_loop.epoch_loop.val_loop.run()
        trainer.training, connector._first_loop_iter = True, first

    def _save_last(self, trainer: Trainer, *, batches: int) -> None:
        """Write last.ckpt. batches: of the epoch that is under way, 0 at an epoch's end."""
        temporary = self.folder.last.with_name(f".{self.folder.last.name}.tmp")
        self._batches = batches
        try:
            trainer.save_checkpoint(temporary)
            if trainer.is_global_zero:
                put(temporary, self.folder.last)
        except OSError:  # remove the incomplete file, so that it does not fill the disk
            temporary.unlink(missing_ok=True)
            raise
        finally:
            self._batches = None
        self._saved = time.monotonic()
