"""The loggers of one run. They get the rows of metrics.csv, and an error of a logger does not end the run."""

import inspect
import logging
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from lightning.pytorch.loggers import Logger
from lightning.pytorch.loggers.logger import DummyLogger

from restorelab.config import build
from restorelab.errors import ConfigError, UserError
from restorelab.training.loggers.run_start import RunStart, flat, numbers

log = logging.getLogger(__name__)

GUARDED = ("log_metrics", "log_hyperparams", "log_graph", "log_image", "save", "after_save_checkpoint")
"""Methods whose errors end the logger, not the run; Lightning and its callbacks call them, too."""


class RunLoggers:
    """The loggers that a config names, by their names there; empty under `logger=csv`.

    Beside Lightning's own methods, a logger may have

    - `begin(start)`, to open or continue its run in the run's folder, in place of `log_hyperparams`;
    - `log_image(key, [image], step)`, Lightning's name for it, to get the pictures: (H, W, 3) uint8;
    - `conclude(summary, step, failed=...)`, in place of `log_metrics` with the final values;
    - `where()`, to say where to look.

    Lightning's Trainer calls `finalize` when the fit ends. The run goes on to its evaluation, so that call is ignored,
    and `finish` makes it.
    """

    def __init__(self) -> None:
        self.named: dict[str, Logger] = {}
        self._finalize: dict[str, Callable[[str], None]] = {}
        self._stopped: dict[str, str] = {}
        self._step = 0

    def begin(self, nodes: Mapping[str, Any], start: RunStart, rank: int = 0) -> None:
        """Build the loggers and open them. Other ranks than the first get loggers that do nothing.

        Raises:
            UserError: naming the logger that cannot be built or opened; nothing of the run is lost yet.
        """
        self._step = start.step
        for name, node in nodes.items():
            if rank > 0:
                self.named[name] = DummyLogger()
                continue
            logger = build.make(f"logger.{name}", node, **_save_dir(node, start))
            if not isinstance(logger, Logger):
                msg = f"logger.{name}: expected a lightning.pytorch.loggers.Logger, got a {type(logger).__name__}."
                raise ConfigError(msg)
            try:
                if hasattr(logger, "begin"):
                    logger.begin(start)
                else:
                    logger.log_hyperparams(flat(start.config))
            except UserError:
                raise
            except Exception as error:  # errors of a service, of any type
                msg = (
                    f"logger.{name}: cannot be opened ({type(error).__name__}: {error}). ~logger.{name} leaves it out."
                )
                raise UserError(msg) from error
            self._guard(name, logger)

    def _guard(self, name: str, logger: Any) -> None:
        """Put this logger among those of the run, with its methods replaced by ones that raise nothing."""
        for method in GUARDED:
            if hasattr(logger, method):
                setattr(logger, method, partial(self._call, name, getattr(logger, method)))
        self.named[name], self._finalize[name] = logger, logger.finalize
        logger.finalize = lambda status: None

    def _call(self, name: str, method: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        if name in self._stopped:
            return
        try:
            method(*args, **kwargs)
        except Exception as error:
            self._stopped[name] = f"{type(error).__name__}: {error}"
            log.warning(
                "logger.%s: stopped (%s); the run continues, and its folder has everything", name, self._stopped[name]
            )

    @property
    def take_images(self) -> bool:
        """Return whether any logger takes pictures."""
        return any(hasattr(logger, "log_image") for logger in self.named.values())

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Log a row of metrics.csv at an optimizer step."""
        self._step = step
        row = {key: value for key, value in values.items() if key != "step"}
        for logger in self.named.values():
            logger.log_metrics(row, step)

    def image(self, key: str, image: np.ndarray, step: int | None = None) -> None:
        """Show a picture, (H, W, 3) uint8. step: None for the last one logged."""
        for logger in self.named.values():
            if hasattr(logger, "log_image"):
                logger.log_image(key, [image], self._step if step is None else step)

    def finish(self, summary: Mapping[str, Any], *, failed: bool) -> None:
        """Log the final values and close; a second call does nothing."""
        for name, logger in self.named.items():
            if name not in self._finalize:
                continue
            if hasattr(logger, "conclude"):
                self._call(name, logger.conclude, summary, self._step, failed=failed)
            else:
                logger.log_metrics(numbers(summary), self._step)
            self._call(name, self._finalize.pop(name), "failed" if failed else "success")

    def describe(self) -> dict[str, str]:
        """Return where each logger shows the run, by the loggers' names."""
        return {name: self._where(name, logger) for name, logger in self.named.items()}

    def _where(self, name: str, logger: Any) -> str:
        if name in self._stopped:
            return f"stopped ({self._stopped[name]})"
        return str(logger.where() if hasattr(logger, "where") else logger.save_dir or type(logger).__name__)


def _save_dir(node: Mapping[str, Any], start: RunStart) -> dict[str, str]:
    """Return the run's folder, for a logger that requires a `save_dir` and is not given one."""
    module, _, name = node["_target_"].rpartition(".")
    taken = inspect.signature(getattr(import_module(module), name)).parameters.get("save_dir")
    needed = taken is not None and taken.default is taken.empty and "save_dir" not in node
    return {"save_dir": str(start.folder)} if needed else {}
