"""How long a run may take, from what finished runs of the same model and data took, and from nothing else.

A finished run tells its rate in training, the seconds of its evaluations and its seconds in all. Training is scaled by
the images it shows, what is neither training nor evaluation (mostly validation) by the number of validations, and the
evaluations by theirs; so a short run's start is multiplied for a long one, which errs on the long side. A run of which
nothing is known is not guessed at.
"""

import json
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from restorelab.config import trainer_arguments
from restorelab.config.run_config import follow_moves
from restorelab.degradations.labels import STAGES
from restorelab.duration import seconds
from restorelab.runs.run_folder import RunFolder
from restorelab.sweep.planned import Planned

MOST = 200
"""How many finished runs of these models are read, the sweep's own and the newest first, to list runs in seconds."""

PLACES = ("*/*/result.json", "sweeps/*/*/result.json")
"""Where runs lie under runs_dir: of train.py and of studies, and of sweeps."""

UNMEASURED = {"data": ("root", "residency"), "trainer": ("bar", "log_every", "checkpoint_every", "max_epochs",
              "validate_every", "validate_steps", "deterministic", "keep_memory", "keep", "keep_every")}  # fmt: skip
"""Keys of these nodes that do not affect the speed."""

RELATED = ("model", "data", "trainer", "accumulate", "debug")
"""Runs with equal values of these have network, images and device in common, which decide most of a step's time."""

ALIKE = (*RELATED, *STAGES, "loss", "objective", "threads")
"""Runs with equal values of these do the same computation at each step."""

KINDS = {"the same model, data, degradation, loss and threads": ALIKE, "the same model and data": RELATED}
"""Keys by what the runs have in common; the first set of keys in which any finished run agrees is used."""


@dataclass(frozen=True)
class Expected:
    """The seconds that a run may take: the median of what `runs` finished ones tell that have `common` with it."""

    seconds: float
    runs: int
    common: str


class Finished:
    """The timings of a finished run."""

    def __init__(self, folder: RunFolder, result: Mapping[str, Any], config: Mapping[str, Any]) -> None:
        self.folder, self.result, self.config = folder, result, config
        self.evaluations = sum(entry.get("seconds") or 0.0 for entry in result["evaluations"])

    @cached_property
    def _history(self) -> dict[str, list[float]]:
        from restorelab.runs import history  # brings lightning

        return history.read(self.folder.metrics) if self.folder.metrics.is_file() else {}

    @property
    def steps(self) -> int:
        """Optimizer steps that it took."""
        return int((self._history.get("step") or [0])[-1])

    @property
    def epoch(self) -> int | None:
        """Optimizer steps of one epoch; None where its curve does not tell."""
        at = self._validated
        if not at or self.config["trainer"]["validate_steps"] or self.config["trainer"]["validate_every"] != 1:
            return None
        # What ends within its first epoch is validated there, too.
        cut = len(at) == 1 and (self.config["max_steps"] or self.config["max_time"])
        return None if cut or self._history["epoch"][at[0]] else int(self._history["step"][at[0]])

    @property
    def validations(self) -> int:
        """How often it was validated."""
        return len(self._validated)

    @cached_property
    def _validated(self) -> list[int]:
        measured = [values for name, values in self._history.items() if name.startswith("val/")]
        return [row for row, values in enumerate(zip(*measured, strict=True)) if not all(map(math.isnan, values))]

    def predict(self, settings: Mapping[str, Any], *, trains: bool) -> float | None:
        """Estimate the seconds that a run of these settings takes, from this run; None where that is not possible."""
        evaluations = (
            self.evaluations
            * len(settings["evaluation"])
            * max(len(settings.get("test") or {}), 1)
            / max(len(self.result["evaluations"]), 1)
        )
        rest = self.result["seconds"] - self.evaluations
        if not trains:
            return (0.0 if self.steps else max(rest, 0.0)) + evaluations
        steps = _steps(settings, self.epoch)
        if not steps or not self.steps:
            return None
        rate = self.result["images_per_second"]
        if not rate:  # too few batches to measure it
            return float(rest * steps / self.steps + evaluations)
        images = (
            settings["data"]["batch_size"]
            * settings["accumulate"]
            * trainer_arguments.device_count(settings["trainer"])
        )
        between = max(rest - self.steps * images / rate, 0.0)
        ratio = _validations(settings, steps, self.epoch) / max(self.validations, 1)
        training = steps * images / rate + between * ratio
        if settings["max_time"]:
            training = min(training, seconds(settings["max_time"]))
        return float(training + evaluations)


def _steps(settings: Mapping[str, Any], epoch: int | None) -> int | None:
    """Return the optimizer steps of a planned run. epoch: steps of one epoch, if known."""
    if settings["debug"]:
        return 2
    wanted: int | None = settings["max_steps"]
    epochs = settings["trainer"]["max_epochs"]
    whole = epoch * epochs if epoch and epochs else None
    return min(wanted, whole) if wanted and whole else wanted or whole


def _validations(settings: Mapping[str, Any], steps: int, epoch: int | None) -> int:
    trainer = settings["trainer"]
    every = trainer["validate_steps"] or (epoch * trainer["validate_every"] if epoch else None)
    return max(1, steps // every) if every else 1


def expected(planned: Sequence[Planned], trains: Sequence[bool]) -> list[Expected | None]:
    """Estimate the time of each run; None without a comparable finished run.

    trains: whether each has anything to learn.
    """
    finished = find(planned)
    tables: dict[str, dict[str, list[Finished]]] = {common: {} for common in KINDS}
    for common, keys in KINDS.items():
        for run in finished:
            tables[common].setdefault(_key(run.config, keys), []).append(run)
    estimates: list[Expected | None] = []
    for plan, learns in zip(planned, trains, strict=True):
        estimates.append(None)
        for common, keys in KINDS.items():
            alike = tables[common].get(_key(plan.settings, keys), [])
            times = [time for run in alike if (time := run.predict(plan.settings, trains=learns)) is not None]
            if times:
                estimates[-1] = Expected(median(times), len(times), common)
                break
    return estimates


def find(planned: Sequence[Planned]) -> list[Finished]:
    """Finished runs of the planned models, in the sweep's own folder and under runs_dir, done on this machine."""
    models = {run.settings["choices"].get("model") for run in planned}
    of_sweep = [file for folder in {run.folder.parent for run in planned} for file in folder.glob("*/result.json")]
    roots = {Path(run.settings["runs_dir"]) for run in planned}
    others = {file for root in roots for pattern in PLACES for file in root.glob(pattern)} - set(of_sweep)
    newest = sorted(of_sweep, key=_modified, reverse=True) + sorted(others, key=_modified, reverse=True)
    finished: list[Finished] = []
    for file in newest[: 10 * MOST]:
        if len(finished) == MOST:
            break
        folder = RunFolder(file.parent)
        try:
            result = json.loads(file.read_text())
            if result["model"] not in models or result.get("host", platform.node()) != platform.node():
                continue
            config = yaml.load(folder.config.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
            follow_moves(config)
            run = Finished(folder, result, config)
            _key(config, ALIKE), run.steps, run.epoch  # a missing folder raises an error here
        except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
            continue  # a run of another version, or one that is being removed, has no timings
        finished.append(run)
    return finished


def _modified(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def _key(settings: Mapping[str, Any], keys: Sequence[str]) -> str:
    compared = {}
    for key in keys:
        left_out = UNMEASURED.get(key)
        compared[key] = {k: v for k, v in settings[key].items() if k not in left_out} if left_out else settings[key]
    # An epoch of noise=each shows each image once with each noise.
    return json.dumps([compared, len(settings["noise"].get("noises", ()))], sort_keys=True)
