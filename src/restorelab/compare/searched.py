"""The trials of a search, by the metric on validation images that it optimizes."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from restorelab.report import table_cells
from restorelab.report.charts.data import Dot, Scatter
from restorelab.report.table import Cell, Mark, Table
from restorelab.runs import naming
from restorelab.runs.metric import heading
from restorelab.runs.record import Runs
from restorelab.sweep.request import FILE


@dataclass(frozen=True)
class SearchedTrial:
    """One trial. label: the name of its run on the page, or its number. swept: what was searched, by key."""

    number: int
    label: str
    state: str
    value: float
    swept: dict[str, Any]


@dataclass(frozen=True)
class Searched:
    """A search. metric: such as `val/psnr`. trials: in their order."""

    metric: str
    higher: bool
    trials: list[SearchedTrial]

    @property
    def best(self) -> SearchedTrial | None:
        """Return the best of the finished trials, the first of equal ones."""
        done = [trial for trial in self.trials if trial.state == "done" and math.isfinite(trial.value)]
        return max(done, key=lambda trial: self._sign * trial.value, default=None)

    @property
    def leaders(self) -> list[SearchedTrial]:
        """Return the trials that were better than all that had ended before them."""
        leading: list[SearchedTrial] = []
        for trial in self.trials:
            better = not leading or self._sign * trial.value > self._sign * leading[-1].value
            if trial.state == "done" and math.isfinite(trial.value) and better:
                leading.append(trial)
        return leading

    @property
    def _sign(self) -> int:
        return 1 if self.higher else -1


def find(runs: Runs) -> list[Searched]:
    """Return the searches that the runs belong to, read from SWEEP/sweep.json."""
    names = {record.path.resolve(): name for name in runs for record in runs[name]}
    sweeps = dict.fromkeys(path.parent for path in names)
    return [search for sweep in sweeps if (search := _read(sweep, names)) is not None and len(search.trials) > 1]


def _read(sweep: Path, names: dict[Path, str]) -> Searched | None:
    try:
        search = json.loads((sweep / FILE).read_text())["search"]
        trials = [
            SearchedTrial(
                int(entry["number"]),
                names.get(sweep / str(entry["run"]), f"trial {entry['number']}"),
                str(entry["state"]),
                math.nan if entry["value"] is None else float(entry["value"]),
                dict(entry["swept"]),
            )
            for entry in search["trials"]
        ]
        return Searched(str(search["metric"]), bool(search["higher"]), trials)
    except (OSError, ValueError, KeyError, TypeError):  # not a search, or one of an earlier version
        return None


def text(search: Searched) -> str:
    """Describe which trial the search chose, and that the leaderboard ranks by another metric."""
    best = search.best
    if best is None:
        return f"None of {naming.counted(len(search.trials), 'trial')} was done."
    swept = ", ".join(f"{key} {naming.text(value)}" for key, value in best.swept.items())
    states = {
        state: sum(trial.state == state for trial in search.trials) for state in ("done", "pruned", "failed", "open")
    }
    counted_states = ", ".join(f"{count} {state}" for state, count in states.items() if count)
    return (
        f"Chosen: {best.label} ({swept}), trial {best.number} of {len(search.trials)} ({counted_states}), by "
        f"{search.metric}. The leaderboard ranks by the test images, on which nothing is chosen: report this run's "
        "numbers from there."
    )


def chart(search: Searched) -> Scatter | None:
    """Chart the value of each trial in their order, with the best so far as a line."""
    shown = [trial for trial in search.trials if math.isfinite(trial.value)]
    if len(shown) < 2:
        return None
    leaders = {trial.number for trial in search.leaders}
    dots = [Dot(trial.label, trial.number, trial.value, front=trial.number in leaders) for trial in shown]
    caption = "Joined: the best so far. A pruned trial stands at its last value."
    return Scatter("Trial by trial", "trial", _named(search), dots, caption=caption, lower=not search.higher)


def table(search: Searched) -> Table:
    """Tabulate every trial, the best first; those without a value last."""
    keys = list(dict.fromkeys(key for trial in search.trials for key in trial.swept))
    metric = search.metric.split("/")[1]
    best = search.best
    rows = []
    for trial in sorted(search.trials, key=lambda trial: _rank(trial, higher=search.higher)):
        mark: Mark = "best" if trial is best else ""
        value = Cell(table_cells.written(metric, trial.value), value=trial.value, mark=mark)
        rows.append([
            Cell(trial.label), Cell(str(trial.number), value=trial.number), Cell(trial.state),
            value if math.isfinite(trial.value) else Cell("-"), *(_cell(trial.swept.get(key)) for key in keys),
        ])  # fmt: skip
    head = ["", "trial", "state", _named(search), *(naming.label(key, keys) for key in keys)]
    return Table("Trials", head, rows, [f"By the best {search.metric} of each run; of a pruned one by its last."])


def _named(search: Searched) -> str:
    part, metric, *rest = search.metric.split("/")
    return " ".join([part, heading(metric), *rest])


def _rank(trial: SearchedTrial, *, higher: bool) -> tuple[bool, bool, float]:
    return trial.state != "done", math.isnan(trial.value), -trial.value if higher else trial.value


def _cell(value: Any) -> Cell:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return Cell("" if value is None else naming.text(value), value=float(value) if number else None)


def parts(runs: Runs) -> tuple[list[Table], list[Scatter], list[str]]:
    """Return tables, charts and sentences of all searches."""
    searches: Sequence[Searched] = find(runs)
    charts = [drawn for search in searches if (drawn := chart(search)) is not None]
    return [table(search) for search in searches], charts, [text(search) for search in searches]
