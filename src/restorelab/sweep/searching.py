"""A search as a source of runs: its trials become planned runs, and the runs' measurements are reported to it."""

import logging
import math
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from restorelab.errors import ConfigError, UserError, nearest
from restorelab.runs.inputs import Inputs
from restorelab.runs.ledger import State
from restorelab.runs.run_folder import RunFolder
from restorelab.sweep import expand
from restorelab.sweep.checker import Checker
from restorelab.sweep.composer import Composer
from restorelab.sweep.dry_run import find_data
from restorelab.sweep.grid import Combination, labels
from restorelab.sweep.planned import Planned
from restorelab.sweep.search.search import Search, Trial

log = logging.getLogger(__name__)


class Searching:
    """Gives the scheduler the runs of a search. Open trials of an earlier session come first, with the same values."""

    def __init__(self, search: Search, folder: Path, composer: Composer) -> None:
        self.search, self.folder = search, folder
        self.composer, self.checker, self.inputs = composer, Checker(), Inputs()
        self._open = deque(search.open_trials())
        self._numbers: dict[str, list[int]] = {}
        self._seen: dict[str, int] = {}

    def done(self) -> list[Planned]:
        """Return the runs that earlier sessions finished."""
        planned = []
        for trial in self.search.done_trials():
            try:
                run = self._planned(trial)
            except UserError as error:  # a config or a folder of images has changed since
                log.warning("trial %d is left out: %s", trial.number, error)
                continue
            if run.done:
                planned.append(run)
        return list({run.id: run for run in planned}.values())

    def ask(self) -> Planned | None:
        """The next trial's run; None when all are given out.

        A trial whose values the run's parts refuse has failed, and the next one is asked for.

        Raises:
            ConfigError, DataError: where the first run of all cannot be: then none can.
        """
        while trial := self._open.popleft() if self._open else self.search.ask():
            try:
                run = self._planned(trial)
            except ConfigError as error:
                if not self._numbers:
                    raise
                log.warning("trial %d failed: %s", trial.number, error)
                self.search.tell(trial.number, "failed")
                continue
            if not self._numbers:
                self._check_metric(run)
                find_data([run])
            self._numbers.setdefault(run.id, []).append(trial.number)
            return run
        return None

    def told(self, runs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """The search as plain data, for SWEEP/sweep.json. runs: their searched values by id."""
        rows = [
            {"number": row.number, "state": row.state, "value": row.value, "swept": row.swept,
             "run": next((name for name, swept in runs.items() if swept == row.swept), None)}
            for row in self.search.rows()
        ]  # fmt: skip
        return {"metric": self.search.metric, "higher": self.search.higher, "trials": rows}

    def _check_metric(self, run: Planned) -> None:
        """Refuse a metric that the validation of the runs does not measure."""
        from restorelab.config import build
        from restorelab.training.evaluation import validation_names  # brings torch

        built = build.parts(run.settings)
        measured = validation_names(list(built.evaluations), list(built.measures))
        if self.search.metric not in measured:
            msg = f"metric={self.search.metric}: no validation of these runs measures that. "
            raise ConfigError(msg + nearest(self.search.metric, measured))
        dataset, seed = built.dataset, run.settings["split_seed"]
        if not built.val and not dataset.val and not len(dataset.open(seed, built.degradation)[1]["val"]):
            msg = "data.val=0: a search looks at validation images only, and there are none. Raise data.val."
            raise ConfigError(msg)

    def _planned(self, trial: Trial) -> Planned:
        combination = Combination(trial.overrides, trial.swept, labels([trial.swept])[0])
        return expand.plan([combination], self.folder, composer=self.composer, checker=self.checker,
                           inputs=self.inputs)[0]  # fmt: skip

    def prune(self, run: Planned) -> bool:
        """Report what the run has measured since the last call; return True where the run should be stopped."""
        values = self._values(run)
        stop = False
        for step, value in values[self._seen.get(run.id, 0) :]:
            for number in self._numbers[run.id]:
                stop = self.search.report(number, step, value) or stop
        self._seen[run.id] = len(values)
        return stop

    def tell(self, run: Planned, state: State) -> None:
        """Tell the search how its trial ended, with the best validation where it is done."""
        self.prune(run)
        values = [value for _, value in self._values(run) if math.isfinite(value)]
        best = (max(values) if self.search.higher else min(values)) if values else None
        for number in self._numbers.get(run.id, []):
            if state == "done":
                self.search.tell(number, "done", best)
            elif state == "pruned":
                self.search.tell(number, "pruned")
            else:
                self.search.tell(number, "failed")

    def _values(self, run: Planned) -> list[tuple[int, float]]:
        """Steps and values of the searched metric, from the run's metrics.csv as far as it is written."""
        from restorelab.runs import history  # brings lightning

        file = RunFolder(run.folder).metrics
        if not file.is_file():
            return []
        columns = history.read(file)
        if self.search.metric not in columns:
            return []
        pairs = zip(columns["step"], columns[self.search.metric], strict=True)
        return [(int(step), value) for step, value in pairs if not math.isnan(value)]
