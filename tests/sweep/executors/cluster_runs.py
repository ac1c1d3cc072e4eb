"""Runs and jobs of a cluster."""

import re
from collections.abc import Callable
from pathlib import Path

import runs
from restorelab.runs.ledger import Attempt, State
from restorelab.sweep.executors.executor import Job
from restorelab.sweep.planned import Planned


def jobs(folder: Path, *names: str, devices: int = 1) -> list[Job]:
    return [Job(name, folder / "queue" / f"{name}.json", devices) for name in names]


def options(script: Path) -> dict[str, str]:
    """What a submitted file asks of sbatch."""
    found = re.findall(r"^#SBATCH --([\w-]+)(?:=(.*))?$", script.read_text(), re.MULTILINE)
    return {name: value.strip("'") for name, value in found}


class Silent:
    """Shows nothing; `seen` is called at each glance."""

    def __init__(self, seen: Callable[[], None] = lambda: None) -> None:
        self.seen = seen

    def had(self, run: Planned) -> None: ...

    def began(self, run: Planned, attempt: int) -> None: ...

    def ended(self, run: Planned, state: State, attempt: Attempt | None) -> None: ...

    def show(self, running: dict[str, Attempt | None], states: dict[str, State], left: int) -> None:
        self.seen()


def planned(folder: Path, name: str, *overrides: str) -> Planned:
    return Planned(name, 0, runs.settings(folder / f"{name}-s0", "max_steps=2", *overrides))
