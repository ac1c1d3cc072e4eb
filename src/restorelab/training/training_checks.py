"""Check that optimizer, scheduler and callbacks fit the run, before any data is read."""

import inspect
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn

from restorelab.config.build import Parts, make
from restorelab.errors import REFUSALS, ConfigError, first_line, nearest
from restorelab.training.evaluation import validation_names
from restorelab.training.schedule import TRAIN_LOSS, construct, plan

UNFIT = {
    "BackboneFinetuning": "wants a part of the module that is called backbone. Use ckpt= or transfer=.",
    "BatchSizeFinder": "would change what an epoch and the schedule are. Set data.batch_size.",
    "LearningRateFinder": "would train beside the run's record. Compare rates: sweep.py optimizer.lr=1e-4,3e-4,1e-3.",
    "ModelPruning": "gives the weights names that the network of best.ckpt does not have. Prune the loaded network.",
}
"""Callbacks of Lightning that a run cannot have, with the reason and an alternative."""


def check_training(built: Parts) -> None:
    """Build the optimizer and the scheduler for one number; they raise errors for unsuitable arguments."""
    optimizer = _try(built, "optimizer", make("optimizer", built.config["optimizer"]), [nn.Parameter(torch.zeros(1))])
    _check_closure(built, optimizer)
    measured = validation_names(list(built.evaluations), list(built.measures))
    _try(built, "scheduler", construct, plan(built.config["scheduler"], measured).build, optimizer, 1)


def _check_closure(built: Parts, optimizer: torch.optim.Optimizer) -> None:
    """Check that an optimizer which computes the loss several times per step, as LBFGS does, can do so."""
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    if closure is None or closure.default is not inspect.Parameter.empty:
        return
    trainer, name = built.trainer, type(optimizer).__name__
    if isinstance(optimizer, torch.optim.LBFGS) and trainer.channels_last is not False:
        msg = f"trainer.channels_last={trainer.channels_last}: torch's LBFGS takes contiguous gradients only. Use "
        raise ConfigError(f"{msg}trainer.channels_last=false.")
    for key, refused, instead in (
        (f"trainer.steps_per_call={trainer.steps_per_call}", trainer.steps_per_call > 1, "trainer.steps_per_call=1"),
        ("trainer.graph=true", trainer.graph, "trainer.graph=false"),
        ("trainer.precision=16-mixed", trainer.precision == "16-mixed", "trainer.precision=bf16-mixed"),
    ):
        if refused:
            msg = f"{key}: {name} computes the loss several times in a step, which does not go with it. Use {instead}."
            raise ConfigError(msg)


def _try(built: Parts, key: str, make_it: Callable[..., Any], *given: Any) -> Any:
    try:
        return make_it(*given)
    except REFUSALS as error:
        msg = f"{key}={built.config['choices'].get(key, '?')}: {first_line(error)}"
        raise ConfigError(msg) from error


def check_callbacks(built: Parts) -> None:
    """Check the named callbacks for what Lightning would refuse only when training has begun."""
    if not built.config["callbacks"]:
        return
    from lightning.pytorch.callbacks import Callback

    from restorelab.training.loop import EARLY, listens

    measured = [*validation_names(list(built.evaluations), list(built.measures)), TRAIN_LOSS, "lr"]
    seen: dict[str, str] = {}
    for name, node in built.config["callbacks"].items():
        callback = make(f"callbacks.{name}", node)
        if not isinstance(callback, Callback):
            msg = f"callbacks.{name}: {type(callback).__name__} is not a lightning.pytorch.callbacks.Callback."
            raise ConfigError(msg)
        monitor = getattr(callback, "monitor", None)
        if isinstance(monitor, str) and monitor not in measured:
            msg = f"callbacks.{name}.monitor: nothing measures {monitor!r}. {nearest(monitor, measured)}"
            raise ConfigError(msg)
        if reason := UNFIT.get(type(callback).__name__):
            msg = f"callbacks.{name}: {type(callback).__name__} {reason}"
            raise ConfigError(msg)
        if type(callback).__name__ == "GradientAccumulationScheduler" and built.config["accumulate"] > 1:
            msg = f"accumulate={built.config['accumulate']}: callbacks.{name} says that itself. Leave one of them out."
            raise ConfigError(msg)
        if type(callback).__name__ == "DeviceStatsMonitor" and find_spec("psutil") is None:
            msg = f"callbacks.{name}: DeviceStatsMonitor needs psutil: pip install psutil."
            raise ConfigError(msg)
        heard = [event for event in EARLY if built.trainer.graph and listens(callback, event)]
        if heard:
            msg = f"callbacks.{name}: {type(callback).__name__} listens to {heard[0]}, which is over before "
            raise ConfigError(f"{msg}trainer.graph=true lets the host do anything. Use trainer.graph=false.")
        other = seen.setdefault(callback.state_key, name)
        if other != name and type(callback).state_dict is not Callback.state_dict:
            msg = f"callbacks.{name}: a checkpoint cannot tell it from callbacks.{other}; leave one of them out."
            raise ConfigError(msg)
