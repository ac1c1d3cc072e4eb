"""When a learning rate schedule is stepped: the same rules for this package's schedules, torch's and any others."""

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from restorelab.config.build import make
from restorelab.errors import ConfigError, nearest
from restorelab.runs.metric import LOWER

TIMING = ("interval", "monitor")
"""Keys of the `scheduler` node that its target does not take: they say when it is stepped."""

TRAIN_LOSS = "train/loss"
"""What `monitor` may name besides the metrics of validation: the mean loss of an epoch."""


@dataclass(frozen=True)
class Plan:
    """A schedule before there is an optimizer.

    Attributes:
        build: takes the optimizer, and what of the run's length the target has parameters for.
        interval: what is counted: optimizer steps, epochs, or validations.
        monitor: the metric that it is stepped with, None for a schedule that needs none.
    """

    build: Callable[..., Any]
    interval: Literal["step", "epoch", "validation"]
    monitor: str | None = None

    @property
    def takes_total(self) -> bool:
        """Whether the schedule depends on the run's length."""
        return "total_steps" in _parameters(self.build)


def plan(node: Mapping[str, Any], measured: Sequence[str]) -> Plan:
    """Read a `scheduler` node. measured: what validation measures, as `validation_names` gives it; the
    first metric behind the loss decides which checkpoint is best.

    Raises:
        ConfigError: for a timing that does not fit the target.
    """
    build = make("scheduler", {key: value for key, value in node.items() if key not in TIMING})
    interval, monitor = (node.get(key) for key in TIMING)
    target = getattr(build, "func", build)
    if not (isinstance(target, type) and issubclass(target, ReduceLROnPlateau)):
        if monitor is not None:
            msg = f"scheduler.monitor={monitor}: only ReduceLROnPlateau is stepped with a metric; leave it out."
            raise ConfigError(msg)
        return Plan(build, interval or "step")
    monitor = monitor or measured[1]
    if monitor not in (*measured, TRAIN_LOSS):
        msg = f"scheduler.monitor: there is no {monitor}. {nearest(monitor, [*measured, TRAIN_LOSS])}"
        raise ConfigError(msg)
    right = "min" if monitor.split("/")[1] in LOWER else "max"
    if getattr(build, "keywords", {}).get("mode", "min") != right:
        better = "lower" if right == "min" else "higher"
        msg = f"scheduler.mode: {monitor} is the better the {better} it is; say scheduler.mode={right}."
        raise ConfigError(msg)
    measured_each: Literal["epoch", "validation"] = "epoch" if monitor == TRAIN_LOSS else "validation"
    if interval is not None:
        msg = f"scheduler.interval: ReduceLROnPlateau is stepped when {monitor} is measured, once each {measured_each}."
        raise ConfigError(f"{msg} Leave it out.")
    return Plan(build, measured_each, monitor)


class Schedule:
    """A schedule of one run's optimizer.

    total: of the run, in what the plan counts; for targets that take `total_steps`. A `max_lr` that is not given is
    the optimizer's rate.
    """

    def __init__(self, plan: Plan, optimizer: Optimizer, total: int) -> None:
        self.plan, self.scheduler = plan, construct(plan.build, optimizer, total)
        self._sum: Tensor | None = None
        self._count = 0

    def advance(self, count: int) -> None:
        """Advance a new schedule by so many steps or epochs, unless it depends on a metric."""
        if self.plan.monitor is None:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*lr_scheduler.step.*")  # without the optimizer's
                for _ in range(count):
                    self.scheduler.step()

    def add(self, loss: Tensor) -> None:
        """Add the loss of a batch, if the schedule needs it; it stays on its device."""
        if self.plan.monitor == TRAIN_LOSS:
            self._sum = loss.detach() if self._sum is None else self._sum + loss.detach()
            self._count += 1

    def step(self, *, epoch_ends: bool, mean: Callable[[Tensor], Tensor]) -> None:
        """Update the rate after an optimizer step. mean: over all ranks."""
        if self.plan.interval == "step":
            self.scheduler.step()
        elif self.plan.interval == "epoch" and epoch_ends:
            if self.plan.monitor is None:
                self.scheduler.step()
            elif self._sum is not None:
                self.scheduler.step(float(mean(self._sum)) / self._count)
                self._sum, self._count = None, 0

    def validated(self, metrics: Mapping[str, Tensor]) -> None:
        """Update the rate after a validation."""
        if self.plan.interval == "validation":
            assert self.plan.monitor is not None
            self.scheduler.step(float(metrics[self.plan.monitor]))

    def state_dict(self) -> dict[str, Any]:
        """Return the losses of the current epoch; Lightning keeps the scheduler's own state."""
        return {"sum": self._sum, "count": self._count}

    def load_state_dict(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Restore the state that `state_dict` returned."""
        self._count = state["count"]
        self._sum = None if state["sum"] is None else state["sum"].to(device)


def construct(build: Callable[..., Any], optimizer: Optimizer, total: int) -> Any:
    """Build a scheduler, and first those that it is made of (`schedulers` of SequentialLR).

    Raises:
        ConfigError: for a `total_steps` of one's own that the run exceeds.
    """
    takes, arguments = _parameters(build), dict(getattr(build, "keywords", {}))
    more: dict[str, Any] = {}
    total_steps = arguments.get("total_steps")
    if total_steps is not None and total_steps < total:
        msg = f"scheduler.total_steps={total_steps}: the run has {total}. Leave it out; it is then the run's."
        raise ConfigError(msg)
    if "total_steps" in takes and total_steps is None and arguments.get("epochs") is None:
        more["total_steps"] = total
    if "max_lr" in takes and arguments.get("max_lr") is None:
        more["max_lr"] = [group["lr"] for group in optimizer.param_groups]
    if "schedulers" in takes:
        more["schedulers"] = [construct(part, optimizer, total) for part in arguments.get("schedulers", [])]
    return build(optimizer, **more)


def _parameters(build: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(build.func if isinstance(build, partial) else build).parameters
