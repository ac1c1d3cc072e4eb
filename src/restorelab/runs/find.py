"""Runs in folders: of a run, a sweep, a study, or of several of these; by name, and what of them is not finished."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from restorelab.errors import DataError, UserError, nearest
from restorelab.runs import differences, naming
from restorelab.runs.record import Record, Runs
from restorelab.runs.run_folder import RunFolder

DEPTH = 5
"""Levels of folders that are looked through: runs/sweeps/NAME/RUN has three."""

MARKS = ("config.yaml", "result.json", "failure.json")
"""Files that only a run's folder has."""

QUEUE = "queue"
"""The folder of a sweep that holds the configs of its runs, done or not."""

TRAINING = (
    "optimizer", "scheduler", "trainer", "loss", "objective", "callbacks", "max_steps", "max_time", "accumulate",
    "clip",
)  # fmt: skip
"""Keys of how a network is trained: the same median filter comes out of each."""


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
class Found:
    """What is in the folders: finished runs, and the rest."""

    runs: Runs
    left: list[Left]


def find(folders: Sequence[Path]) -> Found:
    """All runs in the folders. Runs of one config that differ in the seed share a name; see `naming.names`.

    Raises:
        DataError: for a folder that is not there, or holds no run.
    """
    paths: dict[Path, Path] = {}
    left: dict[Path, Left] = {}
    for folder in folders:
        inside, sweeps = _walk(_existing(folder))
        waiting = [one for sweep in sweeps for one in _queued(sweep)]
        if not inside and not waiting:
            held = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
            more = f" and {len(held) - 8} more" if len(held) > 8 else ""
            msg = (
                f"{folder} holds no run: there is no config.yaml and result.json in it, or {DEPTH} levels below. It "
                f"holds {', '.join(held[:8]) or 'nothing'}{more}."
            )
            raise DataError(msg)
        paths |= {path.resolve(): path for path in inside}
        left |= {one.path.resolve(): one for one in waiting}
    records: list[Record] = []
    for path in paths.values():
        one = _read(path)
        if isinstance(one, Record):
            left.pop(path.resolve(), None)
            records.append(one)
        elif path.resolve() not in left:
            left[path.resolve()] = one
    newest, older = _newest(records)
    return Found(_named(newest), [*left.values(), *older])


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        beside = [entry.name for entry in folder.parent.iterdir()] if folder.parent.is_dir() else []
        said = nearest(folder.name, beside) if beside else f"There is no {folder.parent} either."
        msg = f"{folder}: there is no such folder. {said}"
        raise DataError(msg)
    return folder


def _walk(folder: Path, depth: int = 0) -> tuple[list[Path], list[Path]]:
    """Folders of runs, and of sweeps, in the order of their names; nothing inside a run is looked at."""
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    if any(entry.name in MARKS for entry in found):
        return [folder], []
    runs: list[Path] = []
    sweeps = [folder] if any(entry.name == QUEUE and entry.is_dir() for entry in found) else []
    for entry in found if depth < DEPTH else ():
        if entry.is_dir() and not entry.name.startswith(".") and entry.name != QUEUE:
            inside, below = _walk(Path(entry.path), depth + 1)
            runs += inside
            sweeps += below
    return runs, sweeps


def _read(path: Path) -> Record | Left:
    """A finished run, or why it is none."""
    folder = RunFolder(path)
    try:
        if folder.result.is_file():
            record = Record("", path)
            if record.result["evaluations"] == []:
                return Left(path.name, path, "not tested", "not tested: its dataset had no test images (data.test=0).")
            _check(record)
            return record
        if folder.failure.is_file():
            told = json.loads(folder.failure.read_text())
            state = told.get("status", "failed")
            return Left(path.name, path, state, _sentence(f"{state}: {told.get('message', 'no reason was written')}"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError, UserError) as error:
        said = f"its files cannot be read ({type(error).__name__}: {' '.join(str(error).split())[:200]})."
        return Left(path.name, path, "unreadable", said)
    return Left(path.name, path, "unfinished", "not finished: it has no result.json; it runs still, or was cut off.")


def _check(record: Record) -> None:
    """Look at what every comparison takes for granted of a run's files; raises any of the errors of wrong types."""
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
    """What a sweep's queue holds that has no result, with the reason that its ledger gives."""
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
    found = []
    for name in waiting:
        attempt = attempts.get(name)
        state = str(ledger.state(attempt)) if ledger and attempt else "queued"
        told = attempt.reason if attempt and attempt.reason not in ("", state) else ""
        reason = f"{state}: {told}" if told else _state(state)
        one = _read(sweep / name) if (sweep / name).is_dir() and state in ("queued", "failed") and not told else None
        if isinstance(one, Left) and one.state != "unfinished":
            found.append(one)
        else:
            found.append(Left(name, sweep / name, state, _sentence(reason)))
    return found


def _state(state: str) -> str:
    words = {
        "queued": "not begun yet", "running": "it runs still", "lost": "cut off: its process is gone",
        "interrupted": "stopped before its end", "failed": "failed", "pruned": "pruned: the search ended it early",
        "done": "its ledger says done, and there is no result.json",
    }  # fmt: skip
    return words.get(state, state)


def _newest(records: Sequence[Record]) -> tuple[list[tuple[str, Record]], list[Left]]:
    """One record a config and seed, with the config's identity; of several the one that ended last."""
    kept: dict[tuple[str, int], Record] = {}
    older = []
    common = _common(records)
    for record in sorted(records, key=lambda record: record.folder.result.stat().st_mtime):
        key = (common[id(record)], record.seed)
        if key in kept:
            before = kept[key].path
            said = f"found twice (seed {record.seed}): {record.path.name} is newer and counts."
            older.append(Left(before.name, before, "older", said))
        kept[key] = record
    order = {id(record): place for place, record in enumerate(records)}
    return sorted(((same, one) for (same, _), one in kept.items()), key=lambda found: order[id(found[1])]), older


def _common(records: Sequence[Record]) -> dict[int, str]:
    """By record, what it has in common with those that differ in the seed only.

    Where a seed occurs with several weights, such as those of one run before and after it went on, all runs of that
    config are told apart by the content of their weights.
    """
    common = {id(record): _same_run(record) for record in records}
    weights = {id(record): differences.contents(record) for record in records}
    seen: dict[tuple[str, int], dict[str, str]] = {}
    several = set()
    for record in records:
        same = common[id(record)]
        if seen.setdefault((same, record.seed), weights[id(record)]) != weights[id(record)]:
            several.add(same)
    return {one: f"{same} {sorted(weights[one].items())}" if same in several else same for one, same in common.items()}


def learning(record: Record) -> dict[str, Any]:
    """The config as it is told; of a method that learns nothing only what it depends on."""
    learns = record.result.get("parameters") != 0
    return {key: value for key, value in record.told.items() if learns or key not in TRAINING}


def _same_run(record: Record) -> str:
    """What runs that differ in the seed only have in common; a method from elsewhere is one on each set of images."""
    if record.external:
        images = sorted((entry["spec"], entry["bits"]) for entry in record.result["evaluations"])
        return f"external {record.config.get('name', record.path.name)} {images}"
    return differences.seedless(learning(record), record.path)


def _named(found: Sequence[tuple[str, Record]]) -> Runs:
    """Name the records; configs that were made without names or groups go by their folders."""
    records: dict[str, list[Record]] = {}
    for same, record in found:
        records.setdefault(same, []).append(record)
    differences.tell(records)
    settings: dict[str, dict[str, Any]] = {}
    for same, (record, *_) in records.items():
        name = record.config.get("name") or re.sub(r"-\d+$", "", differences.short(record.path))
        settings[same] = {**record.told, "name": name}
    names = naming.names(settings)
    for same, record in found:
        record.name = names[same]
    return Runs([record for _, record in found])
