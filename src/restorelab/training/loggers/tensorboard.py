"""TensorBoard: curves, pictures and hyperparameters, in an event file in the run's folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch.loggers import TensorBoardLogger

from restorelab.training.loggers.run_start import RunStart, flat, numbers


class TensorBoard(TensorBoardLogger):
    """`logger=tensorboard`: event files in the run's folder, so that `tensorboard --logdir runs` shows all runs.

    A resumed run goes on in the same folder, and TensorBoard leaves out what was logged after the step that it resumed
    from. Lightning's logger would begin a new version.

    name: of the folder in the run's. flush_secs: seconds after which what was logged is on the disk.
    """

    def __init__(self, name: str = "tensorboard", flush_secs: int = 30) -> None:
        self._given: dict[str, Any] = {"name": name, "version": "", "flush_secs": flush_secs}
        super().__init__(".", default_hp_metric=False, **self._given)

    def begin(self, start: RunStart) -> None:
        """Open the event file."""
        purge: dict[str, Any] = {"purge_step": start.step + 1} if start.resumed else {}
        super().__init__(start.folder, default_hp_metric=False, **self._given, **purge)
        self.experiment.flush()  # which Lightning opens at the first use
        self.log_hyperparams(flat(start.config))
        self.save()

    def log_image(self, key: str, images: Sequence[np.ndarray], step: int | None = None) -> None:
        """Log pictures, each (H, W, 3) uint8."""
        for number, image in enumerate(images):
            self.experiment.add_image(f"{key}/{number}" if number else key, image, step, dataformats="HWC")

    def conclude(self, summary: Mapping[str, Any], step: int, *, failed: bool) -> None:
        """Log the final values, with which the run appears among the hyperparameters; a failed run does not."""
        if not failed:
            self.log_hyperparams(self.hparams, numbers(summary), step)

    def where(self) -> str:
        """Return the command that shows the run."""
        return f"tensorboard --logdir {Path(self.log_dir)}"
