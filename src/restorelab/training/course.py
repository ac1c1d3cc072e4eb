"""The course of a training, decided before it begins: its length, what it is trained by, what is measured."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from restorelab.config.build import Parts
from restorelab.data.datamodule import DataModule
from restorelab.errors import ConfigError
from restorelab.training.length import Length, length, scheduled, steps_in
from restorelab.training.policy import Change
from restorelab.training.run_progress import Standing
from restorelab.training.schedule import Plan, plan
from restorelab.training.validation import validation_names

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Course:
    """What is decided.

    Attributes:
        end: after how many steps it ends.
        schedule: of the learning rate; total: the run's length in what the schedule counts.
        policy: what the weights are trained by, as last.ckpt keeps it.
        measured: the columns of a validation.
        begins: where it goes on from, None for its start.
    """

    end: Length
    schedule: Plan
    total: int
    policy: dict[str, Any]
    measured: list[str]
    begins: Standing | None

    @property
    def change(self) -> Change | None:
        """Return what differs from the policy up to `begins`."""
        before = self.begins.policy if self.begins else None
        return Change(before, self.policy) if before and before != self.policy else None


def course(built: Parts, data: DataModule, begins: Standing | None) -> Course:
    """Decide the course of a run, and log how long it is.

    Raises:
        ConfigError: where validation images are asked for that there are not.
    """
    settings, trainer = built.config, built.trainer
    max_steps, max_epochs = (2, None) if settings["debug"] else (settings["max_steps"], trainer.max_epochs)
    batches = _batches(len(data.train_dataloader()), trainer.lightning)
    end = length(batches, settings["accumulate"], max_steps, max_epochs, begins)
    if factors := _accumulation(settings["callbacks"]):
        end = scheduled(batches, lambda epoch: factors[max(e for e in factors if e <= epoch)], max_steps, max_epochs)
    for name, most in (("min_steps", end.steps), ("min_epochs", end.epochs)):
        if (least := trainer.lightning.get(name)) and least > most:
            msg = f"trainer.{name}={least}: the run has {most}, as {end.reason}."
            raise ConfigError(msg)
    log.info("length: %d steps, %d per epoch; %s", end.steps, steps_in(batches, settings["accumulate"]), end.reason)
    measured = validation_names(list(built.evaluations), list(built.measures))
    schedule = plan(settings["scheduler"], measured)
    if not data.frozen("val") and (schedule.interval == "validation" or trainer.keep > 1):
        key = "trainer.keep" if trainer.keep > 1 else "scheduler.monitor"
        msg = f"{key}: there are no validation images (data.val=0) that could tell which weights are better."
        raise ConfigError(msg)
    total = end.epochs if schedule.interval == "epoch" else end.steps
    policy = {
        "optimizer": settings["optimizer"],
        "scheduler": settings["scheduler"],
        "total": total if schedule.takes_total else None,
    }
    return Course(end, schedule, total, policy, measured, begins)


def _accumulation(callbacks: Mapping[str, Any]) -> dict[int, int]:
    """Return by epoch the batches per step of Lightning's GradientAccumulationScheduler; empty without it."""
    for node in callbacks.values():
        if node["_target_"].endswith(".GradientAccumulationScheduler"):
            return {0: 1} | {int(epoch): int(batches) for epoch, batches in node["scheduling"].items()}
    return {}


def _batches(whole: int, lightning: Mapping[str, Any]) -> int:
    """Return the batches of an epoch under `limit_train_batches` and `overfit_batches`, as Lightning does."""
    for name in ("overfit_batches", "limit_train_batches"):
        limit = lightning.get(name)
        if limit:
            batches = min(whole, limit) if isinstance(limit, int) else int(whole * limit)
            if not batches:
                msg = f"trainer.{name}={limit}: no batch is left of the {whole} of an epoch."
                raise ConfigError(msg)
            return batches
    return whole
