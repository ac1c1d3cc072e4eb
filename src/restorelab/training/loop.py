"""Lightning's loop over the batches of an epoch, with less overhead per step."""

from collections.abc import Callable, Iterable
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop
from torch import Tensor

from restorelab.data.sample import Sample
from restorelab.training.graph import Gradients
from restorelab.training.precision import clip_gradients

HOOKS = (
    "on_train_batch_start", "on_before_zero_grad", "on_before_backward", "on_after_backward",
    "on_before_optimizer_step", "on_train_batch_end",
)  # fmt: skip
"""The events of a batch that callbacks get, in this order."""

EARLY = HOOKS[:3]
"""Events that have already happened when a CUDA graph has been launched."""


class StepLoop(_TrainingEpochLoop):
    """Take up to `steps` optimizer steps in one iteration of Lightning's loop, on one device.

    Lightning looks in each iteration whether to stop or to validate, and tells every callback of every event through
    its profiler. Here a callback is told of each batch as there, in the same order and with the same counters, but only
    where it listens; Lightning's own iteration ends behind the last of the steps. It ends earlier where a validation,
    the epoch's end or the training's is due. So the results, and what a checkpoint holds, do not depend on `steps`.

    graph: whether a CUDA graph gives the gradients; callbacks are told of what happens in it when it has been launched.

    Lightning has no public class for a loop over batches, so this one uses private names of Lightning 2.6: the base
    class, the logger connector and the loop's counters. tests/training/test_steps.py holds the two loops to equal bits.
    A run has it only with `trainer.steps_per_call` or `trainer.graph`; otherwise the loop is Lightning's own.
    """

    def __init__(self, trainer: Trainer, steps: int, *, graph: bool) -> None:
        super().__init__(trainer)
        self.steps, self.graph = steps, graph
        self._gradients: Gradients | None = None
        self._listeners: dict[str, list[Callable[..., None]]] = {}

    def on_run_start(self, data_fetcher: Any) -> None:
        """Find the callbacks that implement each event."""
        super().on_run_start(data_fetcher)
        callbacks: Iterable[Callback] = self.trainer.callbacks
        self._listeners = {name: [getattr(c, name) for c in callbacks if listens(c, name)] for name in HOOKS}
        if self.graph and self._gradients is None:
            trainer: Any = self.trainer
            plugin = trainer.precision_plugin
            self._gradients = Gradients(
                trainer.lightning_module, trainer.datamodule, plugin.train_step_context, getattr(plugin, "scaler", None)
            )

    def advance(self, data_fetcher: Any) -> None:
        """Take the steps of one iteration; after a resumption Lightning takes the first one, at its own position."""
        if self.restarting or self.automatic_optimization._skip_backward:  # which its StochasticWeightAveraging sets
            super().advance(data_fetcher)
            return
        until = self.global_step + self.steps
        while True:
            self._batch(data_fetcher)
            if self.global_step >= until or self.done or self._should_check_val_fx(data_fetcher):
                return
            if not self._should_accumulate():
                self._batches_that_stepped += 1  # as Lightning does behind the iteration

    def _batch(self, data_fetcher: Any) -> None:
        """Do what Lightning's `advance` does with a batch."""
        task, progress = self.trainer.lightning_module, self.batch_progress
        connector = self.trainer._logger_connector
        stored, _, _ = next(data_fetcher)
        batch_idx = self.batch_idx + 1
        progress.is_last_batch = data_fetcher.done
        progress.increment_ready()
        connector.on_batch_start(stored)
        sample, loss = self._gradient(stored.to(task.device), batch_idx)
        steps = not self._should_accumulate()
        if steps:
            self._update()
        progress.increment_processed()
        if steps:
            for config in self.trainer.lr_scheduler_configs:
                if config.interval != "step" and not self._num_ready_batches_reached():  # StochasticWeightAveraging's
                    continue
                self.scheduler_progress.increment_ready()
                task.lr_scheduler_step(config.scheduler, None)
                self.scheduler_progress.increment_completed()
        self._tell("on_train_batch_end", {"loss": loss}, sample, batch_idx)
        if self._results:  # a callback has logged something
            connector.on_batch_end()
        self._results.batch = None
        progress.increment_completed()
        if self._results:
            connector.update_train_step_metrics()

    def _gradient(self, stored: Sample, batch_idx: int) -> tuple[Sample, Tensor]:
        """Add the gradient of a stored batch to that of its step; give the prepared batch and its share of the loss."""
        trainer: Any = self.trainer
        optimizer, plugin, parts = trainer.optimizers[0], trainer.precision_plugin, trainer.accumulate_grad_batches
        zero = self.automatic_optimization.optim_progress.optimizer.zero_grad
        if self._gradients is not None and parts == 1:  # Lightning's GradientAccumulationScheduler may change that
            sample, loss = self._gradients(stored)
            trainer.lightning_module.schedule.add(loss)
            self.batch_progress.increment_started()
            self._tell("on_train_batch_start", sample, batch_idx)
            zero.increment_ready()
            self._tell("on_before_zero_grad", optimizer)
            zero.increment_started()
            zero.increment_completed()
            self._tell("on_before_backward", loss)
            self._tell("on_after_backward")
            return sample, loss
        sample = trainer.datamodule.prepare(stored)
        self._tell("on_train_batch_start", sample, batch_idx)
        self.batch_progress.increment_started()
        with plugin.train_step_context():
            loss = trainer.lightning_module.training_step(sample, batch_idx)
        loss = loss / parts if parts > 1 else loss
        if batch_idx % parts == 0:
            zero.increment_ready()
            self._tell("on_before_zero_grad", optimizer)
            zero.increment_started()
            optimizer.zero_grad()
            zero.increment_completed()
        scaler = getattr(plugin, "scaler", None)
        scaled = loss if scaler is None else scaler.scale(loss)
        self._tell("on_before_backward", scaled)
        scaled.backward()
        self._tell("on_after_backward")
        return sample, loss.detach()

    def _update(self) -> None:
        """Clip and take the optimizer's step."""
        trainer: Any = self.trainer
        optimizer, plugin, progress = (
            trainer.optimizers[0],
            trainer.precision_plugin,
            self.automatic_optimization.optim_progress.optimizer.step,
        )
        scaler = getattr(plugin, "scaler", None)
        progress.increment_ready()
        if scaler is not None and not getattr(optimizer, "_step_supports_amp_scaling", False):
            scaler.unscale_(optimizer)
        self._tell("on_before_optimizer_step", optimizer)
        clip_gradients(plugin, optimizer, trainer.gradient_clip_val, trainer.gradient_clip_algorithm)
        if scaler is None:
            optimizer.step()
        else:
            scaler.step(optimizer)
            scaler.update()
        progress.increment_completed()

    def _tell(self, event: str, *what: Any) -> None:
        task = self.trainer.lightning_module
        for tell in self._listeners[event]:
            task._current_fx_name = event  # for callbacks that call `log`
            tell(self.trainer, task, *what)
            task._current_fx_name = None


def listens(callback: Callback, event: str) -> bool:
    """Return whether a callback implements an event."""
    return getattr(getattr(callback, event), "__func__", None) is not getattr(Callback, event)
