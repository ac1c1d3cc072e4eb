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
    states = [state(run) for run in planned]
    times = expected(planned, [network.trains for network in costs])
    rows = [HEAD]
    for run, network, time, how_far in zip(planned, costs, times, states, strict=True):
        left = "-" if how_far == "done" else duration.words(time.seconds) if time else UNKNOWN
        rows.append((
            run.name, str(run.seed), f"{network.parameters:,}", f"{network.macs:,}" if network.macs else "-",
            length(run.settings) if network.trains else "-", left, how_far,
            UNKNOWN if run.settings["data"]["root"] == UNSAID else str(run.folder),
        ))  # fmt: skip
    lines = aligned(rows, left=[place for place, name in enumerate(HEAD) if name not in NUMBERS])
    return "\n".join([*lines, "", *_sum(states, times, workers)])


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
    by_kind = Counter(time.common for time in known)
    sources = "; ".join(f"{number:,} as finished runs of {common} took" for common, number in by_kind.items())
    return [*lines, f"time: {duration.words(total)} of work{shared}{without}", f"{sources}; scaled by their steps"]


def length(settings: Mapping[str, Any]) -> str:
    """Describe how long a run trains, as its config limits it: `2,500 steps`, `40 epochs`."""
    steps, time = settings["max_steps"], settings["max_time"]
    if settings["debug"]:
        return "2 steps"
    epochs = settings["trainer"]["max_epochs"]
    limits = [f"{steps:,} steps" if steps else "", f"{epochs:,} epochs" if epochs else ""]
    limit = " or ".join(filter(None, limits))
    return f"{limit}, {time} at most" if time else limit


def state(run: Planned) -> str:
    """Describe a run's progress by the files in its folder."""
    folder = RunFolder(run.folder)
    if folder.done:
        return "done"
    if folder.failure.is_file():
        return "failed"
    return "begun" if folder.config.is_file() else "waiting" if run.waits_for else "to do"


def costs_of(planned: Sequence[Planned]) -> list[Cost]:
    """Return the cost of each network; equal networks on images of equal shape are built and counted once."""
    known: dict[str, Cost] = {}
    costs = []
    for run in planned:
        read = {key: run.settings[key] for key in ("model", "data", "blur", "downsample", "train")}
        key = json.dumps(read, sort_keys=True)
        if key not in known:
            known[key] = _cost(run.settings)
        costs.append(known[key])
    return costs


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

    which: a description of the images that a study expects, if `data.root` is not given.
    """
    lines = []
    for run in planned:
        data, choice = run.settings["data"], run.settings["choices"].get("data", run.settings["data"]["_target_"])
        if data["root"] == UNSAID:
            where = f"say where they are, data.root=FOLDER{f': {which}' if which else ''}"
        else:
            try:
                build.make("data", data).make_source().fingerprint()
                where = f"found in {data['root']}" if data["root"] else "found"
            except DataError as error:
                where = f"not found. {error}"
        lines.append(f"images, data={choice}: {where}")
    return list(dict.fromkeys(lines))


def find_data(planned: Sequence[Planned]) -> None:
    """Look for the dataset of every run to do, so that a missing one is reported before the first run starts.

    Raises:
        DataError: naming the run, and what would bring the dataset.
    """
    checked = set()
    for run in planned:
        key = json.dumps(run.settings["data"], sort_keys=True)
        if key in checked or run.done:
            continue
        try:
            build.make("data", run.settings["data"]).make_source().fingerprint()
        except DataError as error:
            msg = f"run {run.name}: {error}"
            raise DataError(msg) from error
        checked.add(key)
