"""Weights & Biases: config, curves, pictures, final metrics, and the state of the run."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.loggers.logger import DummyLogger

from restorelab.training.loggers.run_start import RunStart
from restorelab.training.loggers.wandb_run import open_run


class WandB(WandbLogger):
    """`logger=wandb`: one W&B run a run, in its own folder.

    Offline W&B cannot continue a run: each session of a resumed run is an offline run of its own with the same id,
    which uploading joins again, and the run's metrics.csv stays the truth.

    project, entity, group, tags: as in wandb.init; project and entity null: as WANDB_PROJECT, WANDB_ENTITY or W&B's
    settings files say, else the project restorelab. name: how the run is called there; null is <name>-<seed>. mode:
    `auto` is online where the user is logged in (WANDB_API_KEY, or W&B's host in ~/.netrc), else offline. Nothing is
    sent against WANDB_MODE or W&B's settings files, and where those disable W&B nothing of it is started or written.
    """

    def __init__(
        self,
        project: str | None = None,
        entity: str | None = None,
        group: str | None = None,
        name: str | None = None,
        tags: Sequence[str] = (),
        mode: Literal["auto", "online", "offline"] = "auto",
    ) -> None:
        super().__init__(project=project)
        self.project, self.entity, self.group, self.run_name = project, entity, group, name
        self.tags, self.mode = list(tags), mode
        self._where = "not started"

    @property
    def experiment(self) -> Any:
        """W&B's run. Where W&B is disabled, an object that does nothing; Lightning's would start a run here."""
        return DummyLogger().experiment if self._experiment is None else self._experiment

    def begin(self, start: RunStart) -> None:
        """Open the run in its folder; goes on with the same id where it was begun before."""
        run, self._where = open_run(
            start, project=self.project, entity=self.entity, group=self.group, name=self.run_name, tags=self.tags,
            asked=self.mode,
        )  # fmt: skip
        if run is not None:
            super().__init__(project=run.project, name=run.name, save_dir=str(start.folder), experiment=run)

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log metrics over our own step: W&B's counter must rise, and that of a resumed run does not."""
        self.experiment.log({**metrics} if step is None else {**metrics, "step": step})

    def log_hyperparams(self, params: Any) -> None:
        """Add to the run's config, if there is a run."""
        if self._experiment is not None:
            super().log_hyperparams(params)

    def log_image(self, key: str, images: list[Any], step: int | None = None, **kwargs: Any) -> None:
        """Log pictures, each (H, W, 3) uint8: W&B turns floats in [0, 1] black."""
        if self._experiment is not None:
            super().log_image(key, images, step, **kwargs)

    def conclude(self, summary: Mapping[str, Any], step: int, *, failed: bool) -> None:
        """Set the final values."""
        if self._experiment is not None:
            self._experiment.summary.update(dict(summary))

    def finalize(self, status: str) -> None:
        """Close the run; without an exit code W&B would call a failed run finished."""
        super().finalize(status)
        if self._experiment is not None:
            self._experiment.finish(exit_code=0 if status == "success" else 1)
        self._experiment = None

    def where(self) -> str:
        """Return where to look at the run."""
        return self._where
