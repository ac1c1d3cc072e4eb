"""Several devices: one process each, watched by torch's elastic launcher; if one dies, all end."""

import json
import os
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from restorelab.config import trainer_arguments, trust
from restorelab.errors import UserError
from restorelab.runs.run_folder import RunFolder, write_json
from restorelab.training import logs
from restorelab.training.runner import FAILED, Outcome, execute_here

SAVING = 110
"""Seconds that ranks have to save after a signal, before they are killed; a sweep and SLURM wait for 120."""


def ranks(settings: Mapping[str, Any], folder: RunFolder) -> Outcome:
    """Execute the run with `trainer.devices` processes; the first of them evaluates and writes, alone."""
    devices = trainer_arguments.device_count(settings["trainer"])
    with tempfile.TemporaryDirectory() as scratch:
        launch = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=devices,
            run_id=folder.path.name,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            max_restarts=0,
            monitor_interval=0.2,
            start_method="spawn",
            shutdown_timeout=SAVING,
        )
        file = Path(scratch) / "outcome.json"
        try:
            elastic_launch(launch, _rank)(dict(settings), str(file))
        except ChildFailedError as error:
            outcome = _read(file, folder)
            if outcome is not None:
                return outcome
            rank, failure = error.get_first_failure()
            message = f"rank {rank} of {devices} died ({failure.message})"
            if not folder.failure.exists():
                write_json(folder.failure, {"status": "failed", "error": "RankDied", "message": message})
            return Outcome("failed", FAILED, message, folder.path)
        except SignalException as error:
            outcome = _read(file, folder)
            number = int(error.sigval or signal.SIGTERM)
            message = outcome.message if outcome else "interrupted before the ranks could say how far they were"
            return Outcome("interrupted", 128 + number, message, folder.path)
        return _read(file, folder) or Outcome("failed", FAILED, "no rank reported", folder.path)


def _rank(settings: dict[str, Any], file: str) -> None:
    """Execute the run as one rank; the function of its process."""
    logs.set_up_for(settings, int(os.environ["RANK"]))
    trust.note(settings)  # the parent process, which passes them on, has checked them
    outcome = execute_here(settings, RunFolder(Path(settings["run_dir"])))
    if os.environ.get("RANK") == "0":
        facts = {"status": outcome.status, "exit_status": outcome.exit_status, "message": outcome.message,
                 "trace": outcome.trace}  # fmt: skip
        write_json(Path(file), facts)
    if outcome.status != "done":
        raise UserError(outcome.message)


def _read(file: Path, folder: RunFolder) -> Outcome | None:
    if not file.is_file():
        return None
    facts = json.loads(file.read_text())
    return Outcome(run_dir=folder.path, **facts)
