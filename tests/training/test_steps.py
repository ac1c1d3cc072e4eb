"""`trainer.steps_per_call`: several steps in one iteration of Lightning's loop give the bits of one each."""

from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

import runs
from restorelab.runs import history
from restorelab.runs.run_folder import RunFolder
from runs import same

SLOW = pytest.mark.slow

ALL = ("callbacks=ema", "clip=0.05", "noise=mixture", "scheduler=cosine", "model._target_=runs.Dropping")
"""What has a state, or draws."""


class Listener(Callback):
    """Notes every event of a batch, and what the trainer counts then."""

    def __init__(self, file: str) -> None:
        self.file = Path(file)

    def _note(self, trainer: Trainer, *what: object) -> None:
        loop = trainer.fit_loop.epoch_loop
        counts = trainer.global_step, trainer.current_epoch, loop.batch_idx, loop.total_batch_idx
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        with self.file.open("a") as stream:
            print(*what, *counts, trainer.is_last_batch, rate, file=stream)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: object, batch_idx: int) -> None:
        self._note(trainer, "start", batch_idx, batch.degraded.sum())  # type: ignore[attr-defined]

    def on_before_zero_grad(self, trainer: Trainer, pl_module: LightningModule, optimizer: object) -> None:
        self._note(trainer, "zero")

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        self._note(trainer, "loss", loss.detach())

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._note(trainer, "backward", sum(float(p.grad.sum()) for p in pl_module.parameters() if p.grad is not None))

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: object) -> None:
        self._note(trainer, "step", pl_module._current_fx_name)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        pl_module.log("seen", float(batch_idx))
        self._note(trainer, "end", batch_idx, outputs["loss"], trainer.callback_metrics.get("seen"))  # type: ignore[index]


def alike(tmp_path: Path, calls: tuple[int, ...], *overrides: str) -> None:
    for steps in calls:
        outcome = runs.run(tmp_path / str(steps), f"trainer.steps_per_call={steps}", *overrides)
        assert outcome.status == "done", outcome.message
        same(tmp_path / str(calls[0]), tmp_path / str(steps))
        assert loops(tmp_path / str(steps)) == loops(tmp_path / str(calls[0]))


def loops(run_dir: Path) -> object:
    """What Lightning has counted, as last.ckpt keeps it."""
    return torch.load(RunFolder(run_dir).last, weights_only=True)["loops"]


@pytest.mark.parametrize(
    ("calls", "overrides"),
    [
        # 6 batches an epoch: calls that end with it, before it, and that are longer than it
        ((1, 4), (*ALL, "trainer.max_epochs=2")),
        pytest.param((1, 2, 100), (*ALL, "trainer.max_epochs=2"), marks=SLOW),
        # ends within a call, validates and keeps within one
        ((1, 5), ("max_steps=8", "trainer.validate_steps=3", "trainer.keep_every=2", "trainer.log_every=1")),
        # 3 steps of 2 batches, or 2 steps of 4 and 2 batches
        pytest.param((1, 2, 100), (*ALL, "accumulate=2", "scheduler=step", "scheduler.step_size=2"), marks=SLOW),
        pytest.param((1, 2, 100), ("accumulate=4", "scheduler=step", "scheduler.step_size=1",
                     "scheduler.interval=epoch"), marks=SLOW),
        pytest.param((1, 4), ("scheduler=plateau", "scheduler.monitor=train/loss", "scheduler.mode=min",
                     "scheduler.patience=0", "scheduler.threshold=0.3", "trainer.precision=bf16-mixed"), marks=SLOW),
    ],
)  # fmt: skip
def test_the_number_of_steps_in_a_call_changes_no_bit(
    calls: tuple[int, ...], overrides: tuple[str, ...], tmp_path: Path
) -> None:
    alike(tmp_path, calls, *overrides)


def test_callbacks_hear_of_the_same_events(tmp_path: Path) -> None:
    for steps in (1, 4):
        listener = f"+callbacks.own={{_target_: test_steps.Listener, file: {tmp_path / f'{steps}.txt'}}}"
        how = (listener, "accumulate=2", "max_steps=5", f"trainer.steps_per_call={steps}")
        outcome = runs.run(tmp_path / str(steps), *how)
        assert outcome.status == "done", outcome.message
    lines = (tmp_path / "1.txt").read_text()
    assert len(lines.splitlines()) == 10 * 4 + 5 * 2
    assert (tmp_path / "4.txt").read_text() == lines


@pytest.mark.parametrize(
    ("batch", "where"), [(9, "on_train_batch_start"), pytest.param(10, "on_train_batch_end", marks=SLOW)]
)
def test_a_run_goes_on_with_another_number(batch: int, where: str, tmp_path: Path) -> None:
    """Cut in the middle of a call."""
    how = (*ALL, "trainer.validate_steps=4", "trainer.checkpoint_every=0", "trainer.max_epochs=2")
    assert runs.run(tmp_path / "whole", *how).status == "done"
    fail = f"+callbacks.fail={{_target_: runs.FailAt, batch: {batch}, where: {where}}}"
    assert runs.run(tmp_path / "cut", *how, "trainer.steps_per_call=3", fail).status == "failed"
    resumed = runs.run(tmp_path / "cut", *how, "trainer.steps_per_call=4", "resume=true")
    assert resumed.status == "done", resumed.message
    same(tmp_path / "whole", tmp_path / "cut")


def test_a_loss_that_is_no_number_is_named_by_its_step(tmp_path: Path) -> None:
    diverges = ("optimizer.lr=1e30", "scheduler=constant", "noise.clip=false", "trainer.steps_per_call=4")
    outcome = runs.run(tmp_path / "run", *diverges)
    assert "at step 1 (batch 1 of the run)" in outcome.message


def test_the_loss_of_an_accumulated_step_is_the_mean_of_its_batches(tmp_path: Path) -> None:
    """Of equal weights: with a rate of 0, the first 4 batches are the first 2 steps."""
    losses = []
    for name, accumulate, every in (("a", 1, 4), ("b", 2, 2)):
        how = ("optimizer.lr=0", f"accumulate={accumulate}", f"trainer.log_every={every}", f"max_steps={every}")
        assert runs.run(tmp_path / name, *how).status == "done"
        losses.append(history.read(tmp_path / name / "metrics.csv")["train/loss"][0])
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
