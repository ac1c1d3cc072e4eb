"""Runs and jobs of a SLURM cluster."""

import re
from pathlib import Path

from restorelab.sweep.executors.executor import Job


def jobs(folder: Path, *names: str, devices: int = 1) -> list[Job]:
    return [Job(name, folder / "queue" / f"{name}.json", devices) for name in names]


def options(script: Path) -> dict[str, str]:
    """What a submitted file asks of sbatch."""
    found = re.findall(r"^#SBATCH --([\w-]+)(?:=(.*))?$", script.read_text(), re.MULTILINE)
    return {name: value.strip("'") for name, value in found}
