"""Find the runs in the folders of runs, sweeps and studies: finished runs, and runs that cannot be compared."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from restorelab.errors import DataError, UserError, listed, nearest
from restorelab.runs import config_differences, naming
from restorelab.runs.record import Record, Runs
from restorelab.runs.run_folder import RunFolder

DEPTH = 5
"""How many levels of folders are searched: runs/sweeps/NAME/RUN has three."""

MARKS = ("config.yaml", "result.json", "failure.json")
"""Names of files that exist only in the folder of a run."""

QUEUE = "queue"
"""The folder of a sweep that holds the configs of all its runs, finished or not."""

TRAINING = (
    "optimizer", "scheduler", "trainer", "loss", "objective", "callbacks", "max_steps", "max_time", "accumulate",
    "clip",
)  # fmt: skip
"""Keys that only affect training, on which a classical baseline does not depend."""


@dataclass(frozen=True)
class Left:
    """A run that cannot be compared.

    Attributes:
        name: of its folder.
        state: `failed`, `pruned`, `unfinished`, `queued`, `not tested`, `unreadable` or `older`.
        reason: why, as a sentence.
    """

    name: str
    path: Path
    state: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


@dataclass(frozen=True)
class FoundRuns:
    """The runs in some folders: the finished ones by name, and those that cannot be compared."""

    runs: Runs
    left: list[Left]


def find(folders: Sequence[Path]) -> FoundRuns:
    """All runs in the folders. Runs of one config that differ in the seed share a name; see `naming.names`.

    Raises:
        DataError: for a folder that is not there, or holds no run.
    """
    paths: dict[Path, Path] = {}
    left: dict[Path, Left] = {}
    for folder in folders:
        runs_inside, sweeps = _walk(_existing(folder))
        queued = [outcome for sweep in sweeps for outcome in _queued(sweep)]
        if not runs_inside and not queued:
            names = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
            msg = (
                f"{folder} holds no run: there is no config.yaml and result.json in it, or {DEPTH} levels below. It "
                f"holds {listed(names) or 'nothing'}."
            )
            raise DataError(msg)
        paths |= {path.resolve(): path for path in runs_inside}
        left |= {outcome.path.resolve(): outcome for outcome in queued}
    records: list[Record] = []
    for path in paths.values():
        outcome = _read(path)
        if isinstance(outcome, Record):
            left.pop(path.resolve(), None)
            records.append(outcome)
        elif path.resolve() not in left:
            left[path.resolve()] = outcome
    newest, older = _newest(records)
    return FoundRuns(_named(newest), [*left.values(), *older])


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        beside = [entry.name for entry in folder.parent.iterdir()] if folder.parent.is_dir() else []
        hint = nearest(folder.name, beside) if beside else f"There is no {folder.parent} either."
        msg = f"{folder}: there is no such folder. {hint}"
        raise DataError(msg)
    return folder


def _walk(folder: Path, depth: int = 0) -> tuple[list[Path], list[Path]]:
    """Return the folders of runs and of sweeps, sorted by name; the contents of a run's folder are not searched."""
    with os.scandir(folder) as entries:
        listing = sorted(entries, key=lambda entry: entry.name)
    if any(entry.name in MARKS for entry in listing):
        return [folder], []
    runs: list[Path] = []
    sweeps = [folder] if any(entry.name == QUEUE and entry.is_dir() for entry in listing) else []
    for entry in listing if depth < DEPTH else ():
        if entry.is_dir() and not entry.name.startswith(".") and entry.name != QUEUE:
            inside, below = _walk(Path(entry.path), depth + 1)
            runs += inside
            sweeps += below
    return runs, sweeps


def _read(path: Path) -> Record | Left:
    """Return a finished run, or the reason why it cannot be compared."""
    folder = RunFolder(path)
    try:
        if folder.result.is_file():
            record = Record("", path)
            if record.result["evaluations"] == []:
                return Left(path.name, path, "not tested", "not tested: its dataset had no test images (data.test=0).")
            _check(record)
            return record
        if folder.failure.is_file():
            failure = json.loads(folder.failure.read_text())
            state = failure.get("status", "failed")
            message = failure.get("message", "no reason was written")
            return Left(path.name, path, state, _sentence(f"{state}: {message}"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError, UserError) as error:
        reason = f"its files cannot be read ({type(error).__name__}: {' '.join(str(error).split())[:200]})."
        return Left(path.name, path, "unreadable", reason)
    return Left(path.name, path, "unfinished", "not finished: without a result.json it is running, or was interrupted.")


def _check(record: Record) -> None:
    """Check what every comparison reads from a run's files; raises any of the errors of wrong types."""
    if not record.result["evaluations"]:
        msg = "its result.json has no evaluation"
        raise ValueError(msg)
    for entry in record.result["evaluations"]:
        str.join("", (entry["degradation"], entry["spec"], entry["bits"]))
        for value in entry["metrics"].values():
            float("nan" if value is None else value)
    for key in ("parameters", "macs", "seconds", "images_per_second", "peak_memory"):
        if isinstance(record.result.get(key), str):
            msg = f"{key} in its result.json is not a number"
            raise TypeError(msg)
    dict(record.result.get("versions") or {})
    for key in ("ckpt", "transfer"):
        os.fspath(record.config.get(key) or "")
    for group in ("choices", "model", "data", "noise", "loss", "evaluation", "trainer", "callbacks"):
        dict(record.config.get(group) or {})


def _sentence(words: str) -> str:
    first = words.strip().splitlines()[0]
    return first if first.endswith((".", "!", "?")) else f"{first}."


def _queued(sweep: Path) -> list[Left]:
    """The runs in a sweep's queue that have no result, with the reason from the ledger."""
    queued = sorted(file.stem for file in (sweep / QUEUE).iterdir() if file.suffix in (".json", ".yaml"))
    waiting = [name for name in queued if not RunFolder(sweep / name).result.is_file()]
    if not waiting:
        return []
    attempts: Mapping[str, Any] = {}
    ledger = None
    if (sweep / "ledger").is_dir():
        from restorelab.runs.ledger import Ledger

        ledger = Ledger(sweep / "ledger")
        attempts = ledger.attempts()
    left = []
    for name in waiting:
        attempt = attempts.get(name)
        state = str(ledger.state(attempt)) if ledger and attempt else "queued"
        detail = attempt.reason if attempt and attempt.reason not in ("", state) else ""
        reason = f"{state}: {detail}" if detail else _state(state)
        readable = (sweep / name).is_dir() and state in ("queued", "failed") and not detail
        outcome = _read(sweep / name) if readable else None
        if isinstance(outcome, Left) and outcome.state != "unfinished":
            left.append(outcome)
        else:
            left.append(Left(name, sweep / name, state, _sentence(reason)))
    return left


def _state(state: str) -> str:
    words = {
        "queued": "not started yet", "running": "still running", "lost": "interrupted: its process is gone",
        "interrupted": "stopped before its end", "failed": "failed", "pruned": "pruned: the search ended it early",
        "done": "the ledger says done, but there is no result.json",
    }  # fmt: skip
    return words.get(state, state)


def _newest(records: Sequence[Record]) -> tuple[list[tuple[str, Record]], list[Left]]:
    """Return one record for each config and seed; of several records, the one that ended last."""
    newest: dict[tuple[str, int], Record] = {}
    older = []
    common = _common(records)
    for record in sorted(records, key=lambda record: record.folder.result.stat().st_mtime):
        key = (common[id(record)], record.seed)
        if key in newest:
            older_path = newest[key].path
            reason = f"found twice (seed {record.seed}): {record.path.name} is newer and counts."
            older.append(Left(older_path.name, older_path, "older", reason))
        newest[key] = record
    order = {id(record): place for place, record in enumerate(records)}
    in_order = sorted(newest.items(), key=lambda item: order[id(item[1])])
    return [(same, record) for (same, _), record in in_order], older


def _common(records: Sequence[Record]) -> dict[int, str]:
    """Return by record the identity that it shares with the records that differ in the seed only.

    Where a seed occurs with several weights, such as those of one run before and after it was resumed, the content of
    the weights is part of the identity of all runs of that config.
    """
    common = {id(record): _same_run(record) for record in records}
    weights = {id(record): config_differences.contents(record) for record in records}
    seen: dict[tuple[str, int], dict[str, str]] = {}
    several = set()
    for record in records:
        same = common[id(record)]
        if seen.setdefault((same, record.seed), weights[id(record)]) != weights[id(record)]:
            several.add(same)
    return {key: f"{same} {sorted(weights[key].items())}" if same in several else same for key, same in common.items()}


def learning(record: Record) -> dict[str, Any]:
    """The config as names and tables show it; of a classical baseline only what it depends on."""
    learns = record.result.get("parameters") != 0
    return {key: value for key, value in record.shown_config.items() if learns or key not in TRAINING}


def _same_run(record: Record) -> str:
    """The identity of runs that differ in the seed only; an external method has one for each set of images."""
    if record.external:
        images = sorted((entry["spec"], entry["bits"]) for entry in record.result["evaluations"])
        return f"external {record.config.get('name', record.path.name)} {images}"
    return config_differences.seedless(learning(record), record.path)


def _named(grouped: Sequence[tuple[str, Record]]) -> Runs:
    """Name the records; those whose configs have no name are named after their folders."""
    records: dict[str, list[Record]] = {}
    for same, record in grouped:
        records.setdefault(same, []).append(record)
    config_differences.label(records)
    settings: dict[str, dict[str, Any]] = {}
    for same, (record, *_) in records.items():
        name = record.config.get("name") or re.sub(r"-\d+$", "", config_differences.short(record.path))
        settings[same] = {**record.shown_config, "name": name}
    names = naming.names(settings)
    for same, record in grouped:
        record.name = names[same]
    return Runs([record for _, record in grouped])
