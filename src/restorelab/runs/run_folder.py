"""A run's folder: the paths of its files, and writing that a kill cannot leave half-done."""

import json
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from restorelab.errors import ConfigError


@dataclass(frozen=True)
class RunFolder:
    """The files of one run; `result.json` is written last and only on success, see `done`."""

    path: Path

    config = property(lambda self: self.path / "config.yaml")
    inputs = property(lambda self: self.path / "inputs.json")
    split = property(lambda self: self.path / "split.csv.gz")
    metrics = property(lambda self: self.path / "metrics.csv")
    per_image = property(lambda self: self.path / "per_image.csv")
    best = property(lambda self: self.path / "checkpoints" / "best.ckpt")
    last = property(lambda self: self.path / "checkpoints" / "last.ckpt")
    images = property(lambda self: self.path / "images")
    restored = property(lambda self: self.path / "restored")
    curves = property(lambda self: self.path / "curves.png")
    page = property(lambda self: self.path / "report.html")
    result = property(lambda self: self.path / "result.json")
    failure = property(lambda self: self.path / "failure.json")

    @property
    def done(self) -> bool:
        """Return whether the run is complete: its result exists and can be read."""
        try:
            return isinstance(json.loads(self.result.read_text()), dict)
        except (OSError, ValueError):
            return False

    def open(self, config: Mapping[str, Any], *, resume: bool) -> None:
        """Make the folder and write the resolved config into it, or go on in it.

        Raises:
            ConfigError: where it holds a run already and `resume` is false.
        """
        if self.config.exists() and not resume:
            msg = f"run_dir: {self.path} holds a run already. Say resume=true to go on with it, or name another folder."
            raise ConfigError(msg)
        for folder in (self.images, self.best.parent):
            folder.mkdir(parents=True, exist_ok=True)
        self.failure.unlink(missing_ok=True)
        for left in (
            *self.path.glob(".*.tmp"),
            *self.path.glob("*/.*.tmp"),
            *self.path.glob("*/*/.*.tmp"),
        ):  # left by a run that was killed while writing
            left.unlink(missing_ok=True)
        placed = {**config, "run_dir": str(self.path.absolute())}
        write_text(self.config, yaml.safe_dump(placed, sort_keys=False, allow_unicode=True))


def choose(runs_dir: str, name: str) -> Path:
    """Make a new folder `<runs_dir>/<name>/<date>-<time>`, here, so that two runs cannot choose the same one."""
    base = Path(runs_dir) / name / time.strftime("%Y%m%d-%H%M%S")
    for number in range(1, 1000):
        folder = base if number == 1 else base.with_name(f"{base.name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    msg = f"runs_dir: {base} and 998 like it exist already."
    raise ConfigError(msg)


def write_text(file: Path, text: str, *, sync: bool = True) -> None:
    """Write a whole file under a temporary name, flush it to the disk, then rename it."""
    write_bytes(file, text.encode(errors="backslashreplace"), sync=sync)


def write_json(file: Path, value: Any, *, sync: bool = True) -> None:
    """Write JSON, whole or not at all. Not-a-number becomes null: JSON has none."""
    write_text(file, json.dumps(plain(value), indent=1, ensure_ascii=False) + "\n", sync=sync)


def write_bytes(file: Path, data: bytes, *, sync: bool = True) -> None:
    """Write a whole file under a temporary name, to the disk, then rename it.

    sync: wait for the disk, so that not even a power cut leaves half a file; without, only a kill is safe.
    """
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            if sync:
                os.fsync(stream.fileno())
        temporary.replace(file)
    except OSError:  # remove the incomplete file, so that it does not fill the disk
        temporary.unlink(missing_ok=True)
        raise


def put(temporary: Path, file: Path) -> None:
    """Give a file that was written under a temporary name its own, once it is on the disk."""
    with temporary.open("rb") as stream:
        os.fsync(stream.fileno())
    temporary.replace(file)


def plain(value: Any) -> Any:
    """A value as JSON can hold it: not-a-number and infinity become null, keys become strings."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
