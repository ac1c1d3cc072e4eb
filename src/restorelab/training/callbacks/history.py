"""metrics.csv: what a run measures during training, appended row by row and cut back to the checkpoint on resume."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from restorelab.runs.run_folder import write_text

Report = Callable[[dict[str, float], int], None]


class History(Callback):
    """Write a row every `every` steps and at each validation, to the CSV and to `report` (the loggers).

    The loss is the mean since the last row. Its sum stays on the device: one addition a step and no synchronization.
    A checkpoint holds the sum and the number of rows, so that a resumed run writes what an uninterrupted one does.

    `trainer.callback_metrics` gets `lr` and `train/loss` with each row, before other callbacks hear of the validation,
    and at an epoch's end the epoch's mean loss: what EarlyStopping and ModelCheckpoint may monitor.
    """

    def __init__(self, file: Path, names: Sequence[str], every: int, report: Report) -> None:
        self.file, self.every, self.report = file, every, report
        self.columns = ["step", "epoch", "lr", "train/loss", *names]
        self.rows = 0
        self._sum: Tensor | None = None
        self._count = 0
        self._epoch: tuple[Tensor | None, int] = (None, 0)
        self._step = 0

    def state_dict(self) -> dict[str, Any]:
        """Return the number of rows written, and the loss since the last of them."""
        total, count = self._epoch
        return {
            "rows": self.rows,
            "sum": None if self._sum is None else self._sum.clone(),
            "count": self._count,
            "epoch": (None if total is None else total.clone(), count),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from the state that `state_dict` returned."""
        self.rows, self._sum, self._count = state_dict["rows"], state_dict["sum"], state_dict["count"]
        self._epoch = state_dict.get("epoch", (None, 0))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Cut the file back to the checkpoint's rows, or create it."""
        self._step = trainer.global_step
        if self._sum is not None:
            self._sum = self._sum.to(pl_module.device)
        total, count = self._epoch
        self._epoch = (None if total is None else total.to(pl_module.device), count)
        self._tell(trainer, None)
        if not trainer.is_global_zero:
            return
        lines = []
        if self.rows:
            with self.file.open(newline="") as stream:
                lines = [line for _, line in zip(range(self.rows + 1), stream, strict=False)]
        if len(lines) != self.rows + 1:
            lines = [",".join(self.columns) + "\n"]
        write_text(self.file, "".join(lines))

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Add the batch's loss; write a row when the step is due."""
        loss = outputs["loss"].detach()
        self._sum = loss if self._sum is None else self._sum + loss
        self._count += 1
        if trainer.global_step != self._step:
            self._step = trainer.global_step
            if self._step % self.every == 0:
                self._write(trainer, {})

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the numbers of this validation's row into `callback_metrics`, for other callbacks."""
        self._tell(trainer, self._mean(trainer, self._sum, self._count))

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write a row with what was measured."""
        measured = {name: float(trainer.callback_metrics[name]) for name in self.columns[4:]}
        self._write(trainer, measured)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the mean loss of the epoch into `callback_metrics`, for other callbacks."""
        self._close()
        self._tell(trainer, self._mean(trainer, *self._epoch))
        self._epoch = (None, 0)

    def _mean(self, trainer: Trainer, total: Tensor | None, count: int) -> Tensor | None:
        if total is None or not count:
            return None
        # Lightning gives each batch's share of a step.
        return trainer.strategy.reduce(total, reduce_op="mean") / count * trainer.accumulate_grad_batches

    def _tell(self, trainer: Trainer, loss: Tensor | None) -> None:
        trainer.callback_metrics["lr"] = torch.tensor(trainer.optimizers[0].param_groups[0]["lr"])
        if loss is not None:
            trainer.callback_metrics["train/loss"] = loss

    def _close(self) -> None:
        """Start a new mean for the next row; that of the epoch continues."""
        total, count = self._epoch
        if self._sum is not None:
            self._epoch = (self._sum if total is None else total + self._sum, count + self._count)
        self._sum, self._count = None, 0

    def _write(self, trainer: Trainer, measured: dict[str, float]) -> None:
        row: dict[str, float] = {"step": trainer.global_step, "epoch": trainer.current_epoch}
        row["lr"] = trainer.optimizers[0].param_groups[0]["lr"]
        loss = self._mean(trainer, self._sum, self._count)
        self._tell(trainer, loss)
        if loss is not None:
            row["train/loss"] = float(loss)
        self._close()
        row |= measured
        self.rows += 1
        if trainer.is_global_zero:
            with self.file.open("a", newline="") as stream:
                csv.writer(stream).writerow(["" if name not in row else _text(row[name]) for name in self.columns])
            self.report(row, trainer.global_step)


def _text(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.9g}"
