"""Small real runs for the suite: composed by Hydra, executed in this process."""

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from restorelab.config import conf_files
from restorelab.config.schema import conf_dir
from restorelab.models.dncnn import DnCNN
from restorelab.runs.run_folder import RunFolder
from restorelab.sweep.composer import Composer
from restorelab.training import execute

TINY = (
    "model=dncnn", "model.depth=3", "model.features=4", "data.limit=60", "data.batch_size=8", "data.val=8",
    "data.test=8", "logger=csv", "callbacks=none", "trainer.max_epochs=3", "trainer.log_every=2", "trainer.bar=false",
    "trainer.accelerator=cpu", "pictures=0", "threads=1",
)  # fmt: skip
"""A run of about a second: 3 epochs of some steps on the photographs."""


def composed(overrides: Sequence[str]) -> dict[str, Any]:
    """What `composition.compose` gives (tests/sweep/test_expand.py holds the two equal), in a third of the time."""
    return _composer(str(conf_dir()), tuple(conf_files.searched())).compose(overrides)


@cache
def _composer(*configs: Any) -> Composer:
    """One for each set of config folders, which a test may change."""
    return Composer()


def settings(run_dir: Path, *overrides: str) -> dict[str, Any]:
    return composed([*TINY, f"run_dir={run_dir}", *overrides])


def run(run_dir: Path, *overrides: str) -> execute.Outcome:
    return execute.execute(settings(run_dir, *overrides))


def tensors(value: Any, path: str = "") -> dict[str, torch.Tensor]:
    """Every tensor of nested plain containers, by its path."""
    if isinstance(value, torch.Tensor):
        return {path: value}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    found: dict[str, torch.Tensor] = {}
    for key, item in items:
        found |= tensors(item, f"{path}/{key}")
    return found


def left_by(run_dir: Path) -> tuple[dict[str, torch.Tensor], str, str]:
    """The tensors of both checkpoints, metrics.csv and per_image.csv of a run."""
    folder = RunFolder(run_dir)
    checkpoints = {f.name: torch.load(f, weights_only=True) for f in (folder.best, folder.last)}
    return tensors(checkpoints), folder.metrics.read_text(), folder.per_image.read_text()


def same(a: Path, b: Path) -> None:
    """Assert that two runs left the same bits."""
    (tensors_a, metrics_a, images_a), (tensors_b, metrics_b, images_b) = left_by(a), left_by(b)
    assert tensors_a.keys() == tensors_b.keys()
    different = [name for name, value in tensors_a.items() if not torch.equal(value, tensors_b[name])]
    assert not different
    assert metrics_a == metrics_b
    assert images_a == images_b


class Dropping(DnCNN):
    """Draws from the global generator in training, as dropout does; built as `model=dncnn` is."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.dropout(super().forward(x), 0.2, self.training)


class FailAt(Callback):
    """Dies at one batch of the run, before any callback that stands behind it sees the batch's end."""

    def __init__(self, batch: int, how: str = "raise", where: str = "on_train_batch_start") -> None:
        self.batch, self.how, self.where = batch, how, where

    def _maybe(self, trainer: Trainer, where: str) -> None:
        if where == self.where and trainer.fit_loop.epoch_loop.total_batch_idx + 1 == self.batch:
            if self.how == "kill":
                os.kill(os.getpid(), 9)
            if self.how == "raise":
                raise RuntimeError("died on purpose")
            os.kill(os.getpid(), int(self.how))

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self._maybe(trainer, "on_train_batch_start")

    def on_train_batch_end(self, trainer: Trainer, *rest: Any) -> None:
        self._maybe(trainer, "on_train_batch_end")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._maybe(trainer, "on_validation_end")
