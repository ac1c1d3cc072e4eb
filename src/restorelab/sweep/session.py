"""One session of a sweep: plan the runs, execute them, and hand the finished runs to the writer of the page."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from restorelab.duration import seconds
from restorelab.errors import ConfigError, UserError
from restorelab.runs.ledger import State, count
from restorelab.sweep import dry_run, keys, queue, request
from restorelab.sweep.executors import choose
from restorelab.sweep.keys import Sweep
from restorelab.sweep.live import view
from restorelab.sweep.planned import Planned
from restorelab.sweep.request import Study, SweepPlan
from restorelab.sweep.scheduler import Scheduler
from restorelab.training import gc_tuning

log = logging.getLogger(__name__)


Close = Callable[[Sweep, SweepPlan, Sequence[Planned]], Path | None]
"""Write the pages of a sweep over the finished runs; return the page to open, or None without one."""


def run(argv: Sequence[str], load_study: Callable[[str], Study], close: Close) -> int:
    """Plan all runs, do those that have no result yet, write the page; gives the exit status.

    load_study: reads a study of a name. close: is called with all runs once none is left to do.
    """
    sweep, overrides = keys.split(argv)
    executor = choose.executor(sweep)
    if not sweep.dry:
        executor.warm()  # the fork server imports while the runs are being planned
    sweep_plan = request.plan(sweep, overrides, executor.threads, load_study)
    gc_tuning.settle()
    if sweep.dry:
        print(dry_run.listing(sweep_plan.planned, workers=executor.workers))
        print("\n".join(dry_run.images(sweep_plan.planned, sweep_plan.study.images if sweep_plan.study else "")))
        if sweep_plan.source is not None:
            print(
                f"\nthe first trial of {sweep_plan.source.search.trials}; the search chooses the others by the results"
            )
        return 0
    total = sweep_plan.source.search.trials if sweep_plan.source else len(sweep_plan.planned)
    if not sweep.resume:
        request.check_fresh(sweep_plan)
    dry_run.find_data(sweep_plan.planned)
    try:
        request.note(sweep_plan, argv)
        queue.write(sweep_plan.folder, sweep_plan.planned)
        (sweep_plan.folder / "ledger").mkdir(exist_ok=True)
    except OSError as error:
        msg = f"sweep_dir: {sweep_plan.folder} cannot be written ({error.strerror or error}); name another folder."
        raise ConfigError(msg) from error
    shown = view(total)
    scheduler = Scheduler(
        sweep_plan.folder,
        sweep_plan.planned,
        executor,
        shown,
        source=sweep_plan.source,
        retries=sweep.retries,
        time_limit=seconds(sweep.time_limit) if sweep.time_limit else None,
    )
    log.info("%s: %d runs, %d at a time", sweep_plan.folder, total, executor.workers)
    try:
        states = scheduler.run()
    except KeyboardInterrupt:
        print(f"stopped; the same command continues the sweep in {sweep_plan.folder}")
        raise
    finally:
        shown.close()
        if sweep_plan.source is not None:
            request.note(replace(sweep_plan, planned=list(scheduler.runs.values())))
    return _finish(sweep, sweep_plan, scheduler, states, close)


def _finish(
    sweep: Sweep, sweep_plan: SweepPlan, scheduler: Scheduler, states: Mapping[str, State], close: Close
) -> int:
    """Evaluate across, write the page, print the result of the session."""
    failed = [run for run, state in states.items() if state not in ("done", "pruned")]
    runs = list(scheduler.runs.values())
    page, refused = None, False
    try:
        page = close(sweep, sweep_plan, runs)
    except (UserError, OSError) as error:  # the runs are done nevertheless
        log.error("no page: %s", error)
        refused = True
    counts = ", ".join(f"{number} {state}" for state, number in count(states.values()).items())
    print(f"{len(states)} runs: {counts or 'none'}")
    for run in failed:
        print(f"  not done: {run}: {scheduler.reasons.get(run, states[run])}")
    if sweep_plan.source is not None and (best := sweep_plan.source.search.best()) is not None:
        values = " ".join(f"{key}={value}" for key, value in best.swept.items())
        print(f"best trial: {best.number}, {sweep_plan.source.search.metric} {best.value:.6g} with {values}")
    if page is not None:
        print(f"page: {page}")
    return 1 if failed or refused else 0
