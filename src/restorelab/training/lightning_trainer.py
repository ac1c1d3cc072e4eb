"""Lightning's Trainer, built from the `trainer` group and the keys of a run that it knows under other names."""

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import (
    Callback,
    DeviceStatsMonitor,
    LearningRateMonitor,
    ProgressBar,
    ThroughputMonitor,
)
from lightning.pytorch.loggers import CSVLogger, Logger
from lightning.pytorch.profilers import AdvancedProfiler, PyTorchProfiler, SimpleProfiler
from lightning.pytorch.strategies import Strategy

from restorelab.errors import ConfigError, UserError
from restorelab.training.loop import StepLoop
from restorelab.training.trainer_config import TrainerConfig

PROFILERS: Mapping[str, Any] = {"simple": SimpleProfiler, "advanced": AdvancedProfiler, "pytorch": PyTorchProfiler}
"""Lightning's names of its profilers."""

FOLLOWED = ("callbacks", "profilers")
"""Parts of Lightning whose messages are shown; messages about available devices and advertisements are not."""

MONITORS = (DeviceStatsMonitor, LearningRateMonitor, ThroughputMonitor)
"""Callbacks of Lightning that require a logger; where the run has none, one writes into the folder `lightning`."""


def build(
    config: TrainerConfig,
    callbacks: Sequence[Callback],
    accumulate: int,
    clip: float | None,
    max_epochs: int,
    folder: Path,
    loggers: Sequence[Logger] = (),
) -> Trainer:
    """Build the Trainer of a run. Checkpoints, bar and limits are the callbacks'.

    max_epochs: that training may enter; the `Limits` callback ends it at its last step. folder: the run's, for what
    Lightning's own parts write.
    """
    arguments = _arguments(config, accumulate, clip, max_epochs)
    if arguments.get("profiler") in PROFILERS:
        arguments["profiler"] = PROFILERS[arguments["profiler"]](dirpath=folder, filename="profile")
    monitors = any(isinstance(callback, MONITORS) for callback in callbacks)
    trainer = _trainer(
        **arguments,
        callbacks=list(callbacks),
        default_root_dir=folder,
        logger=list(loggers) or (CSVLogger(folder, name="lightning") if monitors else False),
        enable_checkpointing=True,
        enable_progress_bar=shows_bar(callbacks),
    )
    if config.steps_per_call > 1 or config.graph:
        trainer.fit_loop.epoch_loop = StepLoop(trainer, config.steps_per_call, graph=config.graph)
    return trainer


def shows_bar(callbacks: Sequence[Callback]) -> bool:
    """Return whether one of Lightning's progress bars is among the callbacks."""
    return any(isinstance(callback, ProgressBar) for callback in callbacks)


def try_out(config: TrainerConfig, accumulate: int, clip: float | None) -> None:
    """Build a Trainer and discard it where Lightning's own arguments are given, to find errors before the run starts.

    Raises:
        ConfigError: for what Lightning refuses.
    """
    if not config.lightning:
        return
    try:
        _bare(config, accumulate, clip)
    except Exception as error:
        shown = " ".join(f"trainer.{name}={value}" for name, value in config.lightning.items())
        msg = f"{shown}: Lightning's Trainer refuses these values ({type(error).__name__}: {error})."
        raise ConfigError(msg) from error


def join(config: TrainerConfig, accumulate: int, clip: float | None) -> Strategy:
    """Join the processes that a launcher started for a run, through Lightning's strategy, before the run has a folder.

    The Trainer of the run trains in this group. It is joined here so that the ranks can agree on the folder.

    Raises:
        UserError: where the processes do not find each other.
    """
    strategy = _bare(config, accumulate, clip).strategy
    try:
        strategy.setup_environment()
    except (RuntimeError, ValueError) as error:  # torch.distributed's own errors are RuntimeErrors
        msg = f"the processes of this run do not find each other ({type(error).__name__}: {error})."
        raise UserError(msg) from error
    return strategy


def _bare(config: TrainerConfig, accumulate: int, clip: float | None) -> Trainer:
    """A Trainer with the run's arguments that is not going to train."""
    arguments = _arguments(config, accumulate, clip, 1)
    return _trainer(**arguments, logger=False, enable_checkpointing=False, enable_progress_bar=False)


def _arguments(config: TrainerConfig, accumulate: int, clip: float | None, max_epochs: int) -> dict[str, Any]:
    arguments = {
        "accelerator": "cuda" if config.accelerator == "gpu" else config.accelerator,
        "devices": config.devices,
        "precision": config.precision,
        "max_epochs": max_epochs,
        "accumulate_grad_batches": accumulate,
        "gradient_clip_val": clip,
        "check_val_every_n_epoch": None if config.validate_steps else config.validate_every,
        "val_check_interval": config.validate_steps * accumulate if config.validate_steps else 1.0,
        "num_sanity_val_steps": 0,
        "log_every_n_steps": config.log_every,
        "deterministic": config.deterministic,
        "benchmark": not config.deterministic,
        "enable_model_summary": False,
        "use_distributed_sampler": False,
    }
    return arguments | dict(config.lightning)


def _trainer(**arguments: Any) -> Trainer:
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for part in FOLLOWED:
        logging.getLogger(f"lightning.pytorch.{part}").setLevel(logging.INFO)
    with warnings.catch_warnings():
        # "GPU available but not used": the user has set accelerator=cpu on purpose
        warnings.filterwarnings("ignore", message=".*available but not used.*")
        return Trainer(**arguments)
