"""Offline W&B runs for the suite, made in processes of their own, and their records, by W&B's own reader."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SESSION = """
import sys
import numpy as np
from pathlib import Path
from restorelab.training.loggers.run_start import RunStart
from restorelab.training.loggers.wandb_run import open_run
import wandb
folder, first, resumed, ending = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "resumed", sys.argv[4]
start = RunStart({"choices": {"model": "dncnn"}, "seed": 0}, folder, "name", resumed)
run, _ = open_run(start, project="p", group="g", asked="offline")
for step in range(first, first + 3):
    run.log({"train/loss": 1.0 / (1 + step), "step": step})
run.log({"val/panel": wandb.Image(np.zeros((8, 8, 3), np.uint8)), "step": first})
if ending == "wait":
    print("ready", flush=True)
    sys.stdin.readline()
run.summary.update({"test/psnr": 20.0})
run.finish()
"""


def alone() -> dict[str, str]:
    """The environment of a process that has W&B's service to itself; the suite's own process may have one."""
    return {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"} | {"WANDB_MODE": "offline"}


def session(folder: Path, first: int = 0, *, resumed: bool = False) -> Path:
    """One session of a run: 3 steps from `first` and a picture; gives the folder that W&B made of it."""
    before = set(folder.glob("wandb/offline-run-*"))
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", SESSION, str(folder), str(first), "resumed" if resumed else "new", "end"]
    subprocess.run(command, check=True, env=alone(), timeout=120)
    (made,) = set(folder.glob("wandb/offline-run-*")) - before
    return made


def opened(folder: Path) -> subprocess.Popen[str]:
    """A session that stays open until a line is sent to it."""
    folder.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-c", SESSION, str(folder), "0", "new", "wait"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=alone(),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def records(folder: Path) -> list[dict[str, Any]]:
    """All records of an offline run, in order."""
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(folder)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    return [json.loads(line) for line in said.splitlines()]


def summary(folder: Path) -> dict[str, Any]:
    """The run's config, its last values and its state."""
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--summary", "--json", str(folder)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)
