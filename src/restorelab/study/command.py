"""`python sweep.py study=NAME`: plan, execute, report."""

import json
import logging
from collections.abc import Sequence

import torch

from restorelab import build, cost
from restorelab.degradations.pipeline import Degradation
from restorelab.errors import ConfigError, DataError, nearest
from restorelab.study import execute, plan
from restorelab.study.plan import Planned

log = logging.getLogger(__name__)

USAGE = """\
python sweep.py study=NAME [only=RUN,RUN] [dry=true] [key=value ...]

Every other key=value goes to each run, as to train.py: data.root=FOLDER, length=short, seed=0,1,2.
What is done already is not done again; the page is made anew.
"""


def run(argv: Sequence[str]) -> int:
    """Plan all runs, do those that have no result yet, write the study's page; gives the exit status."""
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE)
        print(f"studies: {', '.join(plan.names())}")
        return 0
    own, overrides, seeds = plan.split(argv)
    if "study" not in own:
        msg = f"sweep: say which study, such as study={plan.names()[0]}. {nearest('', plan.names())}"
        raise ConfigError(msg)
    if own.get("dry", "false") not in ("true", "false"):
        msg = f"dry={own['dry']}: {nearest(own['dry'], ['true', 'false'])}"
        raise ConfigError(msg)
    study = plan.load(own["study"])
    only = [name for name in own.get("only", "").split(",") if name]
    planned = plan.plan(study, overrides, seeds, only)
    if own.get("dry") == "true":
        print(listing(planned))
        return 0
    find_data(planned)
    folder = planned[0].folder.parent
    statuses = execute.execute(planned, folder)
    from restorelab.study import report  # brings matplotlib

    page = report.write(study, planned, folder)
    failed = [f"{name} (seed {seed})" for (name, seed), status in statuses.items() if status]
    print(
        f"{len(statuses) - len(failed)} of {len(statuses)} runs are done{': not ' if failed else ''}{', '.join(failed)}"
    )
    print(f"page: {page}")
    return 1 if failed else 0


def find_data(planned: Sequence[Planned]) -> None:
    """Look for the dataset of every run that is to be done: a missing one should not be found run by run.

    Raises:
        DataError: naming the run, and what would bring the dataset.
    """
    found = set()
    for one in planned:
        key = json.dumps(one.settings["data"], sort_keys=True)
        if key in found or (one.folder / "result.json").is_file():
            continue
        try:
            build.make("data", one.settings["data"]).make_source().fingerprint()
        except DataError as error:
            msg = f"run {one.name}: {error}"
            raise DataError(msg) from error
        found.add(key)


def listing(planned: Sequence[Planned]) -> str:
    """The runs as an aligned table: name, seed, parameters, multiply-accumulates, steps, and whether it is done."""
    rows = [("run", "seed", "parameters", "MACs", "steps", "state", "folder")]
    for one in planned:
        net, macs = _cost(one)
        steps = one.settings["max_steps"]
        length = f"{steps:,}" if steps else f"{one.settings['trainer']['max_epochs']} epochs"
        done = "done" if (one.folder / "result.json").is_file() else "waiting" if one.waits_for else "to do"
        rows.append((one.name, str(one.seed), f"{net:,}", f"{macs:,}" if macs else "-", length if net else "-", done,
                     str(one.folder)))  # fmt: skip
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    return "\n".join(
        "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[-1]]) for row in rows
    )


def _cost(one: Planned) -> tuple[int, int | None]:
    with torch.device("meta"):
        net = build.make("model", one.settings["model"])
    dataset = build.make("data", one.settings["data"])
    degradation = Degradation(**{stage: build.make(stage, one.settings[stage]) for stage in build.STAGES})
    height, width = degradation.output_size(dataset.train_shape or (128, 128))
    trains = cost.parameters(net)
    return trains, cost.macs(net, (dataset.channels, height, width)) if trains else None
