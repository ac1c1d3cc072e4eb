"""Do the runs of a study, one after another, each in a fresh process; what is done already is not done again."""

import logging
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from restorelab.run_folder import RunFolder, write_text
from restorelab.study.plan import Planned

log = logging.getLogger(__name__)

INTERRUPTED = (130, 143)
"""Exit status of a run that was asked to stop, by Ctrl-C or SIGTERM, and has saved where it stands."""


def execute(planned: Sequence[Planned], folder: Path) -> dict[tuple[str, int], int]:
    """Execute what has no result yet; gives the exit status by (name, seed).

    folder: of the study; the resolved configs are written there first, so that editing a config meanwhile changes
    nothing. A run that was cut off goes on from its last checkpoint. A run that fails never takes another with it, but
    for those that wait for its weights. Raises KeyboardInterrupt once a run was interrupted.
    """
    queue = folder / "queue"
    queue.mkdir(parents=True, exist_ok=True)
    for run in planned:
        write_text(_file(queue, run), yaml.safe_dump(run.settings, sort_keys=False, allow_unicode=True))
    statuses: dict[tuple[str, int], int] = {}
    for number, run in enumerate(planned, start=1):
        title = f"[{number}/{len(planned)}] {run.name}, seed {run.seed}"
        if RunFolder(run.folder).result.exists():
            statuses[run.name, run.seed] = 0
            log.info("%s: done already, %s", title, run.folder)
            continue
        missing = [other for other in run.waits_for if statuses.get((other, run.seed), 1)]
        if missing:
            statuses[run.name, run.seed] = 1
            log.error("%s: left out, for it needs the weights of %s", title, ", ".join(missing))
            continue
        began = time.monotonic()
        log.info("%s: %s", title, run.folder)
        command = [sys.executable, "-m", "restorelab.study.worker", str(_file(queue, run))]
        status = _wait(command)
        statuses[run.name, run.seed] = status
        how = "interrupted" if status in INTERRUPTED else "failed" if status else "done"
        log.info("%s: %s after %.0f s", title, how, time.monotonic() - began)
        if status in INTERRUPTED:
            raise KeyboardInterrupt
    return statuses


def _wait(command: Sequence[str]) -> int:
    """Run a command; what asks this process to stop is for the command to hear, which saves first and then ends."""
    process = subprocess.Popen(command)

    def pass_on(number: int, frame: Any) -> None:
        process.send_signal(number)

    before = signal.signal(signal.SIGTERM, pass_on)
    try:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:  # the terminal sends Ctrl-C to the whole group, so the command has it already
                log.info("stopping: the run saves where it stands; Ctrl-C again to stop it at once")
    finally:
        signal.signal(signal.SIGTERM, before)


def _file(queue: Path, run: Planned) -> Path:
    return queue / f"{run.folder.name}.yaml"
