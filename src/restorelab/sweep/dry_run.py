"""The output of `dry=true`: each run, its cost, its estimated time and its progress."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from restorelab import duration
from restorelab.config import build
from restorelab.degradations.labels import STAGES
from restorelab.degradations.pipeline import Degradation
from restorelab.errors import DataError
from restorelab.metrics import cost
from restorelab.report.text_table import aligned
from restorelab.runs.run_folder import RunFolder
from restorelab.sweep.composer import UNSAID
from restorelab.sweep.eta import Expected, expected
from restorelab.sweep.planned import Planned
from restorelab.training import checks

HEAD = ("run", "seed", "parameters", "MACs", "length", "time", "state", "folder")

NUMBERS = ("parameters", "MACs", "time")
"""Right-aligned columns."""

UNKNOWN = "?"


@dataclass(frozen=True)
class Cost:
    """A network's trainable parameters, multiply-accumulates per image (None: unknown), and whether it trains."""

    parameters: int
    macs: int | None
    trains: bool


def listing(planned: Sequence[Planned], *, workers: int = 1) -> str:
    """Format the runs as an aligned table with the totals below it.

    workers: how many are done at a time.
    """
    costs = costs_of(planned)
    states = [state(one) for one in planned]
    times = expected(planned, [each.trains for each in costs])
    rows = [HEAD]
    for one, each, time, told in zip(planned, costs, times, states, strict=True):
        rows.append((
            one.name, str(one.seed), f"{each.parameters:,}", f"{each.macs:,}" if each.macs else "-",
            length(one.settings) if each.trains else "-", _of_one(time, done=told == "done"), told,
            UNKNOWN if one.settings["data"]["root"] == UNSAID else str(one.folder),
        ))  # fmt: skip
    lines = aligned(rows, left=[place for place, name in enumerate(HEAD) if name not in NUMBERS])
    return "\n".join([*lines, "", *_sum(states, times, workers)])


def _of_one(time: Expected | None, *, done: bool) -> str:
    return "-" if done else duration.words(time.seconds) if time else UNKNOWN


def _sum(states: Sequence[str], times: Sequence[Expected | None], workers: int) -> list[str]:
    """Return the lines below the table: how many runs there are and are left, and the source of the times."""
    left = [time for state, time in zip(states, times, strict=True) if state != "done"]
    known = [time for time in left if time is not None]
    lines = [f"{len(states):,} runs, {len(states) - len(left):,} done"]
    if not left:
        return lines
    if not known:
        return [*lines, f"time: {UNKNOWN}; no finished run of these models and data is in sight to tell"]
    total = sum(time.seconds for time in known)
    # the longest run is a lower bound for the whole sweep, however many runs are executed at a time
    longest = max(time.seconds for time in known)
    whole = max(total / workers, longest)
    shared = f", {duration.words(whole)} with {workers} at a time if they do not slow each other" if workers > 1 else ""
    missing = len(left) - len(known)
    without = f", without {missing:,} of which nothing is known" if missing else ""
    told = Counter(time.common for time in known)
    said = "; ".join(f"{number:,} as finished runs of {common} took" for common, number in told.items())
    return [*lines, f"time: {duration.words(total)} of work{shared}{without}", f"{said}; scaled by their steps"]


def length(settings: Mapping[str, Any]) -> str:
    """Describe how long a run trains, as its config limits it: `2,500 steps`, `40 epochs`."""
    steps, time = settings["max_steps"], settings["max_time"]
    if settings["debug"]:
        return "2 steps"
    epochs = settings["trainer"]["max_epochs"]
    limits = [f"{steps:,} steps" if steps else "", f"{epochs:,} epochs" if epochs else ""]
    said = " or ".join(filter(None, limits))
    return f"{said}, {time} at most" if time else said


def state(one: Planned) -> str:
    """Describe a run's progress by the files in its folder."""
    folder = RunFolder(one.folder)
    if folder.done:
        return "done"
    if folder.failure.is_file():
        return "failed"
    return "begun" if folder.config.is_file() else "waiting" if one.waits_for else "to do"


def costs_of(planned: Sequence[Planned]) -> list[Cost]:
    """Return the cost of each network; equal networks on images of equal shape are built and counted once."""
    known: dict[str, Cost] = {}
    found = []
    for one in planned:
        read = {key: one.settings[key] for key in ("model", "data", "blur", "downsample", "train")}
        key = json.dumps(read, sort_keys=True)
        if key not in known:
            known[key] = _cost(one.settings)
        found.append(known[key])
    return found


def _cost(settings: Mapping[str, Any]) -> Cost:
    with torch.device("meta"):
        net = build.make("model", settings["model"])
    dataset = build.make("data", settings["data"])
    degradation = Degradation(**{stage: build.make(stage, settings[stage]) for stage in STAGES})
    _, (height, width) = checks.sizes(dataset, degradation, net)
    parameters = cost.parameters(net)
    macs = cost.macs(net, (dataset.channels, height, width)) if parameters else None
    return Cost(parameters, macs, trains=bool(settings["train"]) and checks.learnable(net))


def images(planned: Sequence[Planned], which: str = "") -> list[str]:
    """Which images the runs use, a line a dataset: where they were found, or what brings them.

    which: images a study means by a `data.root` that nobody gave, in words.
    """
    lines = []
    for one in planned:
        data, choice = one.settings["data"], one.settings["choices"].get("data", one.settings["data"]["_target_"])
        if data["root"] == UNSAID:
            said = f"say where they are, data.root=FOLDER{f': {which}' if which else ''}"
        else:
            try:
                build.make("data", data).make_source().fingerprint()
                said = f"found in {data['root']}" if data["root"] else "found"
            except DataError as error:
                said = f"not found. {error}"
        lines.append(f"images, data={choice}: {said}")
    return list(dict.fromkeys(lines))


def find_data(planned: Sequence[Planned]) -> None:
    """Look for the dataset of every run to do, so that a missing one is reported before the first run starts.

    Raises:
        DataError: naming the run, and what would bring the dataset.
    """
    found = set()
    for one in planned:
        key = json.dumps(one.settings["data"], sort_keys=True)
        if key in found or one.done:
            continue
        try:
            build.make("data", one.settings["data"]).make_source().fingerprint()
        except DataError as error:
            msg = f"run {one.name}: {error}"
            raise DataError(msg) from error
        found.add(key)
