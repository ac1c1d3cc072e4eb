"""MLflow: curves, pictures, parameters and the state of the run, in a store that all runs share."""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from lightning.pytorch.loggers import MLFlowLogger

from restorelab.runs.run_folder import write_text
from restorelab.training.loggers.run_start import RunStart, flat, numbers

STORE = "mlflow.db"
"""The store in `runs_dir`, where neither the config nor MLFLOW_TRACKING_URI names another."""


class MLFlow(MLFlowLogger):
    """`logger=mlflow`: one MLflow run a run, which a resumed run continues.

    experiment_name: of the experiment that the run belongs to. run_name: null is <name>-<seed>. group: a tag that a
    sweep's runs have in common. tracking_uri: the store or server; null is MLFLOW_TRACKING_URI, else an SQLite file
    `mlflow.db` in `runs_dir`: MLflow 3 refuses the folders of files that Lightning's logger makes by default.
    """

    def __init__(
        self,
        experiment_name: str = "restorelab",
        run_name: str | None = None,
        group: str | None = None,
        tracking_uri: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        # Not Lightning's own yet: it would open a store that depends on the run.
        self.experiment_name, self.run_name, self.group, self.tracking_uri = (
            experiment_name,
            run_name,
            group,
            tracking_uri,
        )
        self.own_tags = dict(tags or {})

    def begin(self, start: RunStart) -> None:
        """Create the run in its store, or continue the one that the folder names."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # otherwise MLflow sends usage statistics
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        runs_dir = Path(start.config.get("runs_dir") or start.folder.parent).resolve()
        uri = self.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{runs_dir / STORE}"
        identity = start.folder / "mlflow" / "run_id.txt"
        known = identity.read_text().strip() if start.resumed and identity.is_file() else None
        runs_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(runs_dir / f".{STORE}.lock"):  # the runs of a sweep would all create the tables at once
            super().__init__(
                self.experiment_name,
                run_name=self.run_name or start.name,
                tracking_uri=uri,
                tags=self.own_tags | ({"group": self.group} if self.group else {}),
                artifact_location=(runs_dir / "mlflow").as_uri() if uri.startswith("sqlite:") else None,
                run_id=known,
                synchronous=True,
            )
            run_id = self.run_id
        if known:
            self.experiment.update_run(run_id, status="RUNNING")
            return  # MLflow refuses parameters that change, as those of a resumed run may
        identity.parent.mkdir(exist_ok=True)
        write_text(identity, f"{run_id}\n")
        self.log_hyperparams(flat(start.config))

    def log_image(self, key: str, images: Sequence[np.ndarray], step: int | None = None) -> None:
        """Log pictures, each (H, W, 3) uint8."""
        for number, image in enumerate(images):
            name = f"{key}/{number}" if number else key
            self.experiment.log_image(self.run_id, image, key=name, step=step, synchronous=True)

    def conclude(self, summary: Mapping[str, Any], step: int, *, failed: bool) -> None:
        """Log the final values; of a failed run, why it failed."""
        self.log_metrics(numbers(summary), step)
        if failed:
            self.experiment.set_tag(self.run_id, "failure", str(summary.get("failure")))

    def where(self) -> str:
        """Return the command that shows the run."""
        uri = self.experiment.tracking_uri
        shown = f"mlflow ui --backend-store-uri {uri}" if uri.startswith("sqlite:") else uri
        return f"run {self.run_id} ({shown})"
