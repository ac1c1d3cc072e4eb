"""The course of a training, decided before it begins: its length, what it is trained by, what is measured."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from restorelab.config.build import Parts
from restorelab.data.datamodule import DataModule
from restorelab.errors import ConfigError
from restorelab.training.evaluation import validation_names
from restorelab.training.policy import Change
from restorelab.training.run_progress import RunProgress
from restorelab.training.schedule import Plan, plan

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Length:
    """The end of a training.

    Attributes:
        steps: optimizer steps in all, those of earlier sessions included; the schedule is over as many.
        epochs: that it enters, the last of them perhaps not to its end.
        reason: which limit ends it, and which one would have ended it later.
    """

    steps: int
    epochs: int
    reason: str


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
    begins: RunProgress | None

    @property
    def change(self) -> Change | None:
        """Return what differs from the policy up to `begins`."""
        before = self.begins.policy if self.begins else None
        return Change(before, self.policy) if before and before != self.policy else None


def course(built: Parts, data: DataModule, begins: RunProgress | None) -> Course:
    """Decide the course of a run, and log how long it is.

    Raises:
        ConfigError: where validation images are asked for that there are not.
    """
    settings, trainer = built.config, built.trainer
    max_steps, max_epochs = (2, None) if settings["debug"] else (settings["max_steps"], trainer.max_epochs)
    batches = _batches(len(data.train_dataloader()), trainer.lightning)
    end = length(batches, settings["accumulate"], max_steps, max_epochs, begins)
    for node in settings["callbacks"].values():
        if node["_target_"].endswith(".GradientAccumulationScheduler"):
            factors = {0: 1} | {int(epoch): int(factor) for epoch, factor in node["scheduling"].items()}
            end = scheduled(batches, factors, max_steps, max_epochs)
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


def length(
    batches: int, accumulate: int, max_steps: int | None, max_epochs: int | None, standing: RunProgress | None = None
) -> Length:
    """The end by whichever limit comes first.

    batches: of one epoch, on each device. accumulate: batches to one step; the last step of an epoch may have fewer.
    standing: where the run goes on from, None for its start.
    """
    at = standing or RunProgress()
    each = steps_in(batches, accumulate)
    left = steps_in(batches, accumulate) - at.batches // accumulate  # of the epoch that is under way
    whole = None if max_epochs is None else at.steps + left + each * (max_epochs - at.epochs - 1)
    if max_steps is not None and (whole is None or max_steps <= whole):
        further = max(0, -(-(max_steps - at.steps - left) // each))
        other = "" if whole is None else f", before trainer.max_epochs={max_epochs} would at step {max(whole, 0):,}"
        reason = f"max_steps={max_steps} ends it{other}"
        return Length(max_steps, at.epochs + 1 + further, reason)
    assert whole is not None
    assert max_epochs is not None
    other = "" if max_steps is None else f", before max_steps={max_steps}"
    return Length(
        max(whole, at.steps), max(max_epochs, at.epochs + 1), f"trainer.max_epochs={max_epochs} ends it{other}"
    )


def scheduled(batches: int, factors: Mapping[int, int], max_steps: int | None, max_epochs: int | None) -> Length:
    """The end under Lightning's GradientAccumulationScheduler. factors: batches to one step, from each epoch on."""
    steps = epochs = 0
    while (max_steps is None or steps < max_steps) and (max_epochs is None or epochs < max_epochs):
        steps += steps_in(batches, factors[max(epoch for epoch in factors if epoch <= epochs)])
        epochs += 1
    if max_steps is not None and steps >= max_steps:
        return Length(max_steps, epochs, f"max_steps={max_steps} ends it")
    return Length(steps, epochs, f"trainer.max_epochs={max_epochs} ends it")


def steps_in(batches: int, accumulate: int) -> int:
    """Optimizer steps of an epoch."""
    return -(-batches // accumulate)
