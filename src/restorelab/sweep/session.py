"""One session of a sweep: plan, execute, and hand what is done to whoever writes the page."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from restorelab.duration import seconds
from restorelab.errors import ConfigError, UserError
from restorelab.runs.ledger import State, count
from restorelab.sweep import dry_run, keys, queue
from restorelab.sweep import request as asking
from restorelab.sweep.executors import choose
from restorelab.sweep.keys import Sweep
from restorelab.sweep.live import view
from restorelab.sweep.planned import Planned
from restorelab.sweep.request import Asked, Study
from restorelab.sweep.scheduler import Scheduler
from restorelab.training import gc_tuning

log = logging.getLogger(__name__)


Close = Callable[[Sweep, Asked, Sequence[Planned]], Path | None]
"""Writes the pages of a sweep over the runs that are done; gives the one to open, None where none was asked for."""


def run(argv: Sequence[str], load_study: Callable[[str], Study], close: Close) -> int:
    """Plan all runs, do those that have no result yet, write the page; gives the exit status.

    load_study: reads a study of a name. close: is called with all runs once none is left to do.
    """
    sweep, overrides = keys.split(argv)
    executor = choose.executor(sweep)
    if not sweep.dry:
        executor.warm()  # imports go on while the runs are being planned
    asked = asking.ask(sweep, overrides, executor.threads, load_study)
    gc_tuning.settle()
    if sweep.dry:
        print(dry_run.listing(asked.planned, workers=executor.workers))
        print("\n".join(dry_run.images(asked.planned, asked.study.images if asked.study else "")))
        if asked.source is not None:
            print(f"\nthe first trial of {asked.source.search.trials}; the others follow from what it finds")
        return 0
    total = asked.source.search.trials if asked.source else len(asked.planned)
    if not sweep.resume:
        asking.check_fresh(asked)
    dry_run.find_data(asked.planned)
    try:
        asking.note(asked, argv)
        queue.write(asked.folder, asked.planned)
        (asked.folder / "ledger").mkdir(exist_ok=True)
    except OSError as error:
        msg = f"sweep_dir: {asked.folder} cannot be written ({error.strerror or error}); name another folder."
        raise ConfigError(msg) from error
    shown = view(total)
    scheduler = Scheduler(
        asked.folder,
        asked.planned,
        executor,
        shown,
        source=asked.source,
        retries=sweep.retries,
        time_limit=seconds(sweep.time_limit) if sweep.time_limit else None,
    )
    log.info("%s: %d runs, %d at a time", asked.folder, total, executor.workers)
    try:
        states = scheduler.run()
    except KeyboardInterrupt:
        print(f"stopped. The same command goes on with {asked.folder}")
        raise
    finally:
        shown.close()
        if asked.source is not None:
            asking.note(replace(asked, planned=list(scheduler.runs.values())))
    return _finish(sweep, asked, scheduler, states, close)


def _finish(sweep: Sweep, asked: Asked, scheduler: Scheduler, states: Mapping[str, State], close: Close) -> int:
    """Evaluate across, write the page, say how it went."""
    failed = [run for run, state in states.items() if state not in ("done", "pruned")]
    runs = list(scheduler.runs.values())
    page, refused = None, False
    try:
        page = close(sweep, asked, runs)
    except (UserError, OSError) as error:  # the runs are done all the same
        log.error("no page: %s", error)
        refused = True
    counts = ", ".join(f"{number} {state}" for state, number in count(states.values()).items())
    print(f"{len(states)} runs: {counts or 'none'}")
    for run in failed:
        print(f"  not done: {run}: {scheduler.reasons.get(run, states[run])}")
    if asked.source is not None and (best := asked.source.search.best()) is not None:
        values = " ".join(f"{key}={value}" for key, value in best.swept.items())
        print(f"best trial: {best.number}, {asked.source.search.metric} {best.value:.6g} with {values}")
    if page is not None:
        print(f"page: {page}")
    return 1 if failed or refused else 0
