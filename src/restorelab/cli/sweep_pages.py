"""The end of a sweep: evaluations across, the study's page, the comparison, and W&B's table of it."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from restorelab.errors import UserError
from restorelab.study.plan import Study
from restorelab.sweep.keys import Sweep
from restorelab.sweep.planned import Planned
from restorelab.sweep.request import SweepPlan

log = logging.getLogger(__name__)


def write(sweep: Sweep, sweep_plan: SweepPlan, runs: Sequence[Planned]) -> Path | None:
    """Make the requested pages of the finished runs; return the page to open, or None if none was requested.

    Raises:
        UserError: where the page cannot be made.
    """
    logging.getLogger("restorelab.data").setLevel(logging.WARNING)  # each run has logged its data already
    done = [run for run in runs if run.done]
    if sweep.cross:
        from restorelab.compare import cross

        cross.cross([run.folder for run in done], sweep.cross if isinstance(sweep.cross, list) else ())
    if not sweep.report:
        return None
    compared = None
    tested = any(json.loads((run.folder / "result.json").read_text())["evaluations"] for run in done)
    if done and not tested:
        log.info("no comparison: nothing was tested, the dataset has no test images (data.test=0)")
    try:
        compared = _compared(sweep, sweep_plan, done) if tested else None
    except UserError as error:
        if sweep_plan.study is None:
            raise
        log.error("no comparison: %s", error)  # the study's own page does not need these results
    if sweep_plan.study is None:
        return compared
    from restorelab.study import write_study  # brings matplotlib

    assert isinstance(sweep_plan.study, Study)
    beside = compared.relative_to(sweep_plan.folder).as_posix() if compared else None
    return write_study.write(sweep_plan.study, runs, sweep_plan.folder, beside)


def _compared(sweep: Sweep, sweep_plan: SweepPlan, done: Sequence[Planned]) -> Path:
    """Make the comparison's page: the sweep's own, or beside the study's. W&B gets its tables."""
    from restorelab.compare import write_comparison
    from restorelab.compare.assemble import build
    from restorelab.compare.comparison import tables
    from restorelab.compare.crops import crops
    from restorelab.training.loggers.wandb_leaderboard import log_leaderboard

    title = sweep_plan.study.title if sweep_plan.study else sweep_plan.folder.name
    compared = build([sweep_plan.folder], baseline=sweep.baseline, title=title)
    folder = sweep_plan.folder / "comparison" if sweep_plan.study else sweep_plan.folder
    page = write_comparison.write(compared, folder, crops(compared.runs))
    if place := log_leaderboard(list(tables(compared).values()), sweep_plan.folder, done[0].settings["logger"], page):
        log.info("W&B: the comparison is %s", place)
    return page
