"""One line on the terminal: epoch, step, loss, images per second, time left."""

import sys
import time
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from tqdm import tqdm

from restorelab.training.run_status import MEASURED, RunStatus


class Progress(Callback):
    """A bar that looks at the loss at most every `refresh` seconds: reading it on a GPU waits for the GPU.

    Where the output is no terminal, a plain line is printed after each validation instead. watch: is kept up to date.
    """

    def __init__(
        self,
        total_steps: int,
        batch_size: int,
        refresh: float = 0.5,
        *,
        bar: bool = True,
        watch: RunStatus | None = None,
    ) -> None:
        self.total_steps, self.batch_size, self.refresh = total_steps, batch_size, refresh
        self.watch = watch or RunStatus()
        self.enabled = bar
        self.interactive = bar and sys.stderr.isatty()
        self._bar: tqdm | None = None
        self._next = 0.0
        self._mark = (0.0, 0)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the bar at the step where the run starts or resumes."""
        self._mark = (time.monotonic(), trainer.global_step)
        self.watch.enter("training")
        self.watch.step, self.watch.steps = trainer.global_step, self.total_steps
        if self.interactive and trainer.is_global_zero:
            form = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} steps, {remaining} left{postfix}"
            self._bar = tqdm(
                total=self.total_steps, initial=trainer.global_step, bar_format=form, dynamic_ncols=True, leave=False
            )

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Refresh the bar, if it is time to."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self.refresh
        rate = self._rate(trainer, now)
        self.watch.epoch, self.watch.step, self.watch.rate = trainer.current_epoch + 1, trainer.global_step, rate
        if self._bar is None:
            return
        self._bar.set_description_str(f"epoch {trainer.current_epoch + 1}", refresh=False)
        loss = float(outputs["loss"]) * trainer.accumulate_grad_batches  # Lightning gives a batch's share of the step
        self._bar.set_postfix_str(f"loss {loss:.4g}, {rate:,.0f} images/s", refresh=False)
        self._bar.n = trainer.global_step
        self._bar.refresh()

    def _rate(self, trainer: Trainer, now: float) -> float:
        """Return the images per second over all ranks, since the last refresh."""
        then, step = self._mark
        if now - then > 4:  # a window of some seconds: steady, and quick to show a change
            self._mark = (now, trainer.global_step)
        images = (trainer.global_step - step) * self.batch_size * trainer.world_size * trainer.accumulate_grad_batches
        return images / max(now - then, 1e-9)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print what was measured."""
        measured = [name for name in trainer.callback_metrics if name.startswith("val/") and name != "val/loss"]
        for name in measured[:1]:
            self.watch.metric, self.watch.value = name, float(trainer.callback_metrics[name])
        if not (self.enabled and trainer.is_global_zero):
            return
        got = trainer.callback_metrics
        values = [form.format(float(got[f"val/{name}"])) for name, form in MEASURED.items() if f"val/{name}" in got]
        place = f"epoch {trainer.current_epoch + 1}, step {trainer.global_step}/{self.total_steps}"
        tqdm.write(f"{place}: val {', '.join(values)}", file=sys.stderr)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
