"""Stop training when the loss becomes NaN or infinite; report the step, the learning rate and the batch's value
range.
"""

from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from restorelab.data.loader import TrainLoader
from restorelab.errors import UserError, listed


class DivergedError(UserError):
    """The loss became NaN or infinite."""


class Guard(Callback):
    """Check every loss. On a CPU before the step changes the weights; on a GPU every `every` batches, because asking
    a GPU waits for it: until then the number of the first bad batch is kept on the device.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self._first_bad: Tensor | None = None

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        """Check the loss of this batch."""
        counter = trainer.fit_loop.epoch_loop.total_batch_idx
        detached = loss.detach()
        if detached.device.type == "cpu":
            if not torch.isfinite(detached):
                self._stop(trainer, pl_module, counter)
            return
        if self._first_bad is None:
            self._first_bad = torch.full((), -1, dtype=torch.int64, device=detached.device)
        new = ~torch.isfinite(detached) & (self._first_bad < 0)
        self._first_bad = torch.where(new, counter, self._first_bad)
        if (counter + 1) % self.every == 0:
            self.check(trainer, pl_module)

    def check(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check on the device whether a batch was bad; called before a checkpoint is written as well."""
        if self._first_bad is not None and int(self._first_bad) >= 0:
            self._stop(trainer, pl_module, int(self._first_bad))

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report a diverged loss before its consequence, images that are not finite."""
        self.check(trainer, pl_module)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict) -> None:
        """Refuse to save weights that a bad batch has changed."""
        self.check(trainer, pl_module)

    def _stop(self, trainer: Any, pl_module: LightningModule, counter: int) -> None:
        loader = trainer.train_dataloader
        facts = ""
        if isinstance(loader, TrainLoader) and trainer.datamodule is not None:
            # fewer than the dataset has, where a limit applies
            epoch, place = divmod(counter, trainer.num_training_batches)
            batch = loader.batch(epoch * len(loader) + place)
            sample = trainer.datamodule.prepare(batch.to(pl_module.device))
            names = [trainer.datamodule.table.ids[row] for row in sample.index.tolist()]
            facts = f" Batch: {listed(names, 5)}; degraded {_range(sample.degraded)}, clean {_range(sample.clean)}."
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        msg = (
            f"the loss is not finite at step {trainer.global_step} (batch {counter} of the run), "
            f"learning rate {rate:g}.{facts} Lower optimizer.lr, or set clip=1.0; what was saved before is good."
        )
        raise DivergedError(msg)


def _range(image: Tensor | None) -> str:
    if image is None:
        return "none"
    bad = int((~torch.isfinite(image)).sum())
    finite = image[torch.isfinite(image)]
    span = f"[{finite.min():.3g}, {finite.max():.3g}]" if finite.numel() else "[]"
    return f"{span}{f' and {bad} NaN or infinite values' if bad else ''}"
