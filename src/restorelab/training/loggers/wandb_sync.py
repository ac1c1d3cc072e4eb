"""`restorelab sync [FOLDER ...]`: uploads the Weights & Biases runs that were made offline."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from restorelab.errors import ConfigError
from restorelab.runs.run_folder import RunFolder
from restorelab.training.loggers import wandb_account

USAGE = """\
restorelab sync [FOLDER ...]: uploads the W&B runs below the folders (./runs) that were made offline.

  FOLDER ...      a run, a sweep, or a folder of them; runs, where none is named

Those that are uploaded already, or still being written, are left out; a second call goes on where the first ended.
"""

QUIET = 120.0
"""Seconds without a write after which a run without an end counts as killed; W&B writes every 15 s."""

BATCH = 10
"""Runs handed to one `wandb sync`, which takes a second to start and uploads several at a time."""


@dataclass(frozen=True)
class Session:
    """One offline run of W&B: a `.wandb` file. A run that was resumed has several, with one id."""

    file: Path

    id = property(lambda self: self.file.stem.removeprefix("run-"))
    folder = property(lambda self: self.file.parent)
    uploaded = property(lambda self: self.file.with_suffix(".wandb.synced").exists())


def run(argv: Sequence[str]) -> int:
    """Upload; gives the exit status: 0 where nothing is left but what is still being written.

    Raises:
        ConfigError: for an argument that is no folder.
        UserError: without a key or a network; nothing was sent then.
    """
    if any(argument in ("-h", "--help") for argument in argv):
        print(USAGE, end="")
        return 0
    sessions = find([Path(argument) for argument in argv or ["runs"]])
    waiting = [session for session in sessions if not session.uploaded]
    if not waiting:
        print("no offline W&B runs here" if not sessions else f"nothing to do: all {_runs(sessions)} are uploaded")
        return 0
    reasons = written(waiting)
    for session in waiting:
        if session.id in reasons:
            print(f"{_short(session)}: skipped, {reasons[session.id]}")
    ready = [session for session in waiting if session.id not in reasons]
    if not ready:
        return 0
    wandb_account.require()
    done = 0
    for place in range(0, len(ready), BATCH):
        batch = ready[place : place + BATCH]
        print(f"uploading {place + 1} to {place + len(batch)} of {len(ready)} ...", file=sys.stderr, flush=True)
        output = _upload(batch)
        for session in batch:
            done += session.uploaded
            print(f"{_short(session)}: {_outcome(session, output)}", flush=True)
    print(f"{done} of {_runs(ready)} uploaded" + ("" if done == len(ready) else "; call it again for the rest"))
    return 0 if done == len(ready) else 1


def find(folders: Sequence[Path]) -> list[Session]:
    """The offline runs below the folders: sessions of one run side by side, the oldest first."""
    offline_files: set[Path] = set()
    for folder in folders:
        if not folder.is_dir():
            msg = f"sync {folder}: there is no such folder."
            raise ConfigError(msg)
        # latest-run links to one of them and does not fit the pattern.
        offline_files.update(file.resolve() for file in _files(folder))
    files = sorted(offline_files, key=lambda file: file.parent.name)  # offline-run-<date>_<time>-<id>
    first = {file.stem: i for i, file in reversed(list(enumerate(files)))}
    return [Session(file) for file in sorted(files, key=lambda file: first[file.stem])]


def _files(folder: Path) -> Iterator[Path]:
    """The `.wandb` files at or below a folder."""
    if folder.resolve().name.startswith("offline-run-"):
        yield from folder.glob("run-*.wandb")
    for parent, folders, _ in os.walk(folder):
        for name in [name for name in folders if name.startswith("offline-run-")]:
            yield from (Path(parent) / name).glob("run-*.wandb")
            folders.remove(name)


def written(sessions: Sequence[Session]) -> dict[str, str]:
    """Ids of the runs that are still being written, and why that is thought."""
    busy = _open_files()
    reasons = {}
    for session in sessions:
        age = time.time() - session.file.stat().st_mtime
        if session.file in busy:
            reasons[session.id] = f"process {busy[session.file]} is writing it"
        elif age < QUIET and not _ended(session):
            reasons[session.id] = f"it was written {age:.0f} s ago and has no end; if it was killed, wait two minutes"
    return reasons


def _open_files() -> dict[Path, str]:
    """Return the `.wandb` files that processes of this machine have open, as far as Linux shows them."""
    processes = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            targets = [link.readlink() for link in (process / "fd").iterdir()]
        except OSError:  # the process has ended meanwhile, or belongs to another user
            continue
        processes.update({target: process.name for target in targets if target.suffix == ".wandb"})
    return processes


def _ended(session: Session) -> bool:
    """Whether the run is over: its folder says how it ended, or W&B's own reader finds the end in the file."""
    ours = RunFolder(session.folder.parent.parent)
    if ours.result.exists() or ours.failure.exists():
        return True
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--summary", "--json", str(session.file)]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return finished.returncode == 0 and json.loads(finished.stdout).get("exit_code") is not None


def _upload(batch: Sequence[Session]) -> str:
    """Hand sessions to `wandb sync`, which marks what is up with a file `.wandb.synced`; gives what it said."""
    environment = wandb_account.online()
    with tempfile.TemporaryDirectory() as scratch:
        if not Path("wandb").is_dir():  # where W&B's own settings of this folder would lie
            environment["WANDB_DIR"] = scratch
        command = [sys.executable, "-m", "wandb", "sync", *(str(session.file) for session in batch)]
        ended = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, check=False
        )
    return ended.stdout + ended.stderr


def _outcome(session: Session, output: str) -> str:
    lines = [line for line in output.splitlines() if re.search(rf"\b{re.escape(session.id)}\b", line)]
    if session.uploaded:
        return "uploaded" + next((f", {m[1]}" for line in lines if (m := re.search(r" at (http\S+)$", line))), "")
    trouble = [line for line in lines if "ERROR" in line] or [line for line in output.splitlines() if "ERROR" in line]
    return "not uploaded: " + (trouble[0].partition("ERROR")[2].strip() if trouble else "wandb sync gave no reason")


def _runs(sessions: Sequence[Session]) -> str:
    return f"{len(sessions)} run{'s' if len(sessions) != 1 else ''}"


def _short(session: Session) -> str:
    folder = Path(os.path.relpath(session.folder))
    return str(folder if not str(folder).startswith("..") else session.folder)
