"""Execute a run in this process: build, fit, evaluate, write the results."""

import logging
import os
import time
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import LambdaCallback, ModelCheckpoint, OnExceptionCheckpoint
from torch import nn

from restorelab import quoting
from restorelab.config import build
from restorelab.config.build import Parts
from restorelab.data.datamodule import DataModule
from restorelab.data.dataset import Opened
from restorelab.duration import seconds
from restorelab.errors import ConfigError, UserError
from restorelab.models import weights
from restorelab.runs import split_file
from restorelab.runs.run_folder import RunFolder, write_json
from restorelab.training import checks, footprint, lightning_trainer, process_group, run_progress, write_results
from restorelab.training.callbacks.checkpoint import Checkpoint
from restorelab.training.callbacks.guard import Guard
from restorelab.training.callbacks.health import Health
from restorelab.training.callbacks.history import History
from restorelab.training.callbacks.kept_checkpoints import KeptCheckpoints
from restorelab.training.callbacks.limits import Limits
from restorelab.training.callbacks.progress import Progress
from restorelab.training.callbacks.throughput import Throughput
from restorelab.training.course import Course, course
from restorelab.training.interruption import Interrupted, Interruption
from restorelab.training.loggers.run_loggers import RunLoggers
from restorelab.training.loggers.run_start import RunStart
from restorelab.training.malloc import release_freed_memory
from restorelab.training.run_progress import RunProgress
from restorelab.training.run_status import RunStatus
from restorelab.training.task import RestorationTask

log = logging.getLogger(__name__)

FAILED = 1
"""Exit status of a run that failed by itself."""

EXPLAINED = (UserError, MisconfigurationException, Interrupted, KeyboardInterrupt)
"""Errors that end a run with a message and without a traceback."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended: its folder holds `result.json` if it is done, else `failure.json`.

    `repeats`: it failed for what was asked of it, and would do so again.
    """

    status: Literal["done", "failed", "interrupted"]
    exit_status: int
    message: str
    run_dir: Path | None
    trace: str | None = None
    repeats: bool = False


def execute_here(
    settings: Mapping[str, Any],
    folder: RunFolder,
    built: Parts | None = None,
    opened: Opened | None = None,
    watch: RunStatus | None = None,
) -> Outcome:
    """Run in this process, in a folder that is open: the whole run, or one rank of several.

    built, opened: parts and data, where they were made already to be checked. watch: is told how far the run is.
    """
    with Interruption() as interruption:
        run = Run(settings, folder, interruption, built, opened, watch or RunStatus())
        try:
            message = run()
            return Outcome("done", 0, message, folder.path)
        except (Interrupted, KeyboardInterrupt) as error:
            how = (
                f"resume with {quoting.argument('run_dir', folder.path)} resume=true"
                if folder.last.exists()
                else "nothing was saved yet"
            )
            return run.fail("interrupted", error, f"interrupted; {how}", interruption.exit_status)
        except UserError as error:
            outcome = run.fail("failed", error, str(error), error.exit_status)
            return replace(outcome, trace=trace_of(error), repeats=True)
        except MisconfigurationException as error:  # warnings of Lightning about its arguments
            outcome = run.fail("failed", error, f"Lightning refuses this: {error}", FAILED)
            return replace(outcome, trace=trace_of(error), repeats=True)
        except Exception as error:
            memory = _out_of_memory(error)
            return run.fail("failed", error, memory or f"{type(error).__name__}: {error}", FAILED)


class Run:
    """One execution of a run in one process (as one rank, where there are several)."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        folder: RunFolder,
        interruption: Interruption,
        built: Parts | None,
        opened: Opened | None,
        watch: RunStatus,
    ) -> None:
        self.settings, self.folder, self.interruption = settings, folder, interruption
        self.built, self.opened, self.watch = built, opened, watch
        self.group = process_group.current()
        self.rank, self.world = self.group.rank, self.group.world
        self.loggers = RunLoggers()
        self.began = time.monotonic()
        self.trainer: Trainer | None = None

    def __call__(self) -> str:
        """Build, fit, evaluate, write; gives the summary for the terminal."""
        built = self._build()
        self._set_threads()
        built.trainer.apply_globally()
        built.trainer.tell()
        seed_everything(self.settings["seed"], verbose=False)
        net = built.net()
        if self.settings["transfer"]:
            taken = weights.transfer(net, Path(self.settings["transfer"]))
            log.info("transfer: %d tensors from %s (%s)", len(taken), self.settings["transfer"], ", ".join(taken))
        if self.settings["ckpt"]:
            weights.load_into(net, Path(self.settings["ckpt"]))
        built.objective.to(built.trainer.device)
        net, channels_last = built.trainer.lay_out(net)
        last = run_progress.read(self.folder.last) if self.settings["resume"] else None
        name = f"{self.settings['name']}-{self.settings['seed']}"
        start = RunStart(
            self.settings, self.folder.path, name, resumed=self.settings["resume"], step=last.steps if last else 0
        )
        self.loggers.begin(self.settings["logger"], start, self.rank)
        data = built.data(
            rank=self.rank,
            world=self.world,
            opened=self.opened,
            kept=split_file.read(self.folder.path),
            needs=partial(footprint.needs, built),
        )
        data.setup()
        speed = None
        if self.settings["train"] and checks.learnable(net):
            speed = self._fit(built, net, data, last, channels_last=channels_last)
            if self.rank > 0:
                return ""
            if self.folder.best.exists():
                weights.load_into(net, self.folder.best)
            else:
                log.warning("training ended before the first validation: the last step's weights are measured")
        summary = write_results.write(
            built, net, data, self.folder, self.loggers,
            channels_last=channels_last, images_per_second=speed, began=self.began, watch=self.watch,
        )  # fmt: skip
        return "\n".join([summary, *(f"{name + ':':<9} {where}" for name, where in self.loggers.describe().items())])

    def _set_threads(self) -> None:
        """Divide the threads of the run among the processes of this machine."""
        threads = max(1, self.settings["threads"] // self.group.local_world)
        if self.world > 1:  # else Lightning divides all CPUs of the machine among them when it begins to train
            os.environ["OMP_NUM_THREADS"] = str(threads)
        torch.set_num_threads(threads)

    def _build(self) -> Parts:
        built = self.built or build.parts(self.settings)
        if self.settings["debug"]:
            built.trainer = replace(built.trainer, compile=False, log_every=1)
        return built

    def _fit(
        self, built: Parts, net: nn.Module, data: DataModule, last: RunProgress | None, *, channels_last: bool
    ) -> float | None:
        """Train and return the images per second. Only the first rank has work to do afterwards."""
        settings, config = self.settings, built.trainer
        chosen = course(built, data, last)
        throughput = Throughput(built.dataset.batch_size)
        longest = seconds(settings["max_time"]) if settings["max_time"] else None
        limits = Limits(chosen.end.steps, longest, config.log_every, chosen.end.epochs)
        # return freed memory between training and validation, whose blocks have different sizes: the peak stays low
        release = LambdaCallback(
            on_validation_start=lambda trainer, module: release_freed_memory(),
            on_validation_end=lambda trainer, module: release_freed_memory(),
        )
        # checkpoints come last, so that they contain the state that the other callbacks produce
        named = self._named_callbacks()
        bar = config.bar and not lightning_trainer.shows_bar(named)
        callbacks = [
            *named,
            Guard(config.log_every),
            Health(),
            *([release] if config.keeps_memory else []),
            History(self.folder.metrics, chosen.measured, config.log_every, self.loggers.log),
            limits,
            throughput,
            Progress(chosen.end.steps, built.dataset.batch_size, bar=bar, watch=self.watch),
            self._checkpoint(built, chosen),
        ]
        self.trainer = lightning_trainer.build(
            config,
            callbacks,
            settings["accumulate"],
            settings["clip"],
            chosen.end.epochs,
            self.folder.path,
            list(self.loggers.named.values()),
        )
        module = RestorationTask.of(built, net, channels_last=channels_last, total=chosen.total, change=chosen.change)
        try:
            with warnings.catch_warnings():
                # a training without validation images, as configured
                warnings.filterwarnings("ignore", message="Total length of .* across ranks is zero")
                # Of evaluations that a limit or a rank leaves without a batch: their mean is NaN, and not counted.
                warnings.filterwarnings("ignore", message="The ``compute`` method of metric .* was called before")
                # The rows of metrics.csv are logged at each validation, too.
                warnings.filterwarnings("ignore", message="The number of training batches .* logging interval")
                self.trainer.fit(
                    module, datamodule=data, ckpt_path=self.folder.last if last else None, weights_only=True
                )
        finally:
            self.interruption.defer(False)
        net.float()  # a network is always measured in exact float32, whatever trainer.precision was
        self.began -= limits.before  # the run took the time of its earlier sessions as well
        if self.world > 1:
            torch.distributed.barrier()
            torch.distributed.destroy_process_group()
        return throughput.rate

    def _named_callbacks(self) -> list[Any]:
        """Those of the config."""
        named = {name: build.make(f"callbacks.{name}", node) for name, node in self.settings["callbacks"].items()}
        for name, callback in named.items():
            if hasattr(callback, "attach"):
                callback.attach(self.folder, self.loggers)
            if isinstance(callback, ModelCheckpoint) and callback.dirpath is None:
                callback.dirpath = str(self.folder.best.parent / name)  # apart from the run's own last.ckpt
            if isinstance(callback, OnExceptionCheckpoint):
                callback.dirpath = self.folder.path / callback.dirpath
                if Path(callback.ckpt_path).exists() and not self.settings["resume"]:  # Lightning would go on from it
                    msg = f"callbacks.{name}.dirpath: {callback.ckpt_path} is another run's. Name another folder."
                    raise ConfigError(msg)
        return list(named.values())

    def _checkpoint(self, built: Parts, chosen: Course) -> Checkpoint:
        config, monitor = built.trainer, f"val/{next(iter(built.measures))}"
        kept = KeptCheckpoints(self.folder, monitor, config.keep, config.keep_every)
        if chosen.begins is None and self.rank == 0:
            kept.clear()  # of an earlier session that had not got to its first last.ckpt
        return Checkpoint(
            self.folder, monitor, config.checkpoint_every, self.interruption, config.log_every,
            kept=kept, policy=chosen.policy,
        )  # fmt: skip

    def fail(
        self, status: Literal["failed", "interrupted"], error: BaseException, message: str, exit_status: int
    ) -> Outcome:
        """Write failure.json and close the loggers' runs as failed."""
        trace = None if isinstance(error, EXPLAINED) else traceback.format_exc()
        if self.rank == 0:
            facts = {"status": status, "error": type(error).__name__, "message": message, "traceback": trace,
                     "step": self.trainer.global_step if self.trainer else None}  # fmt: skip
            try:
                write_json(self.folder.failure, facts)
            except OSError as unwritten:  # the full disk may be the reason why the run ended
                log.error("%s: cannot be written (%s)", self.folder.failure, unwritten)
            self.loggers.finish({"status": status, "failure": message}, failed=True)
        return Outcome(status, exit_status, message, self.folder.path, trace)


def _out_of_memory(error: Exception) -> str | None:
    if not isinstance(error, torch.OutOfMemoryError | MemoryError) and "not enough memory" not in str(error):
        return None
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    return (
        f"out of memory ({first}). Lower data.batch_size (accumulate=N keeps the steps' size) or data.crop, set "
        "trainer.precision=bf16-mixed or data.residency=stream; in an evaluation lower data.eval_batch_size."
    )


def trace_of(error: Exception) -> str | None:
    """Return the traceback of a user's error, if RESTORELAB_TRACEBACK asks for it."""
    asked = os.environ.get("RESTORELAB_TRACEBACK") == "1"
    return "".join(traceback.format_exception(error)) if asked else None
