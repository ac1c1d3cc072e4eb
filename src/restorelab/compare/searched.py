"""What a search found, trial by trial, on the images that it looked at: those of the validation."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from restorelab.report import table_cells
from restorelab.report.charts.data import Dot, Scatter
from restorelab.report.table import Cell, Mark, Table
from restorelab.report.table_cells import NAMES
from restorelab.runs import naming
from restorelab.runs.record import Runs
from restorelab.sweep.request import FILE


@dataclass(frozen=True)
class Trial:
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
    trials: list[Trial]

    @property
    def best(self) -> Trial | None:
        """Of those that are done the best; of equal ones the first."""
        done = [trial for trial in self.trials if trial.state == "done" and math.isfinite(trial.value)]
        return max(done, key=lambda trial: self._sign * trial.value, default=None)

    @property
    def leaders(self) -> list[Trial]:
        """Those that were better than all before them when they ended."""
        found: list[Trial] = []
        for trial in self.trials:
            better = not found or self._sign * trial.value > self._sign * found[-1].value
            if trial.state == "done" and math.isfinite(trial.value) and better:
                found.append(trial)
        return found

    @property
    def _sign(self) -> int:
        return 1 if self.higher else -1


def find(runs: Runs) -> list[Searched]:
    """The searches that the runs belong to, as SWEEP/sweep.json tells of them."""
    names = {record.path.resolve(): name for name in runs for record in runs[name]}
    sweeps = dict.fromkeys(path.parent for path in names)
    return [found for sweep in sweeps if (found := _read(sweep, names)) is not None and len(found.trials) > 1]


def _read(sweep: Path, names: dict[Path, str]) -> Searched | None:
    try:
        told = json.loads((sweep / FILE).read_text())["search"]
        trials = [
            Trial(
                int(one["number"]),
                names.get(sweep / str(one["run"]), f"trial {one['number']}"),
                str(one["state"]),
                math.nan if one["value"] is None else float(one["value"]),
                dict(one["swept"]),
            )
            for one in told["trials"]
        ]
        return Searched(str(told["metric"]), bool(told["higher"]), trials)
    except (OSError, ValueError, KeyError, TypeError):  # no search, or of an earlier version
        return None


def text(found: Searched) -> str:
    """Which trial the search chose, and that the leaderboard ranks by something else."""
    best = found.best
    if best is None:
        return f"None of {naming.counted(len(found.trials), 'trial')} was done."
    swept = ", ".join(f"{key} {naming.text(value)}" for key, value in best.swept.items())
    states = {
        state: sum(trial.state == state for trial in found.trials) for state in ("done", "pruned", "failed", "open")
    }
    said = ", ".join(f"{count} {state}" for state, count in states.items() if count)
    return (
        f"Chosen: {best.label} ({swept}), trial {best.number} of {len(found.trials)} ({said}), by {found.metric}. The "
        "leaderboard ranks by test images, which choose nothing: report the numbers that this run has there."
    )


def chart(found: Searched) -> Scatter | None:
    """The value of each trial in their order, with the best so far joined."""
    shown = [trial for trial in found.trials if math.isfinite(trial.value)]
    if len(shown) < 2:
        return None
    leaders = {trial.number for trial in found.leaders}
    dots = [Dot(trial.label, trial.number, trial.value, front=trial.number in leaders) for trial in shown]
    said = "Joined: the best so far. A pruned trial stands at its last value."
    return Scatter("Trial by trial", "trial", _named(found), dots, caption=said, lower=not found.higher)


def table(found: Searched) -> Table:
    """Every trial, the best first; those without a value last."""
    keys = list(dict.fromkeys(key for trial in found.trials for key in trial.swept))
    metric = found.metric.split("/")[1]
    best = found.best
    rows = []
    for trial in sorted(found.trials, key=lambda trial: _rank(trial, higher=found.higher)):
        mark: Mark = "best" if trial is best else ""
        value = Cell(table_cells.written(metric, trial.value), value=trial.value, mark=mark)
        rows.append([
            Cell(trial.label), Cell(str(trial.number), value=trial.number), Cell(trial.state),
            value if math.isfinite(trial.value) else Cell("-"), *(_cell(trial.swept.get(key)) for key in keys),
        ])  # fmt: skip
    head = ["", "trial", "state", _named(found), *(naming.label(key, keys) for key in keys)]
    return Table("Trials", head, rows, [f"By the best {found.metric} of each run; of a pruned one by its last."])


def _named(found: Searched) -> str:
    part, metric, *rest = found.metric.split("/")
    return " ".join([part, NAMES.get(metric, metric), *rest])


def _rank(trial: Trial, *, higher: bool) -> tuple[bool, bool, float]:
    return trial.state != "done", math.isnan(trial.value), -trial.value if higher else trial.value


def _cell(value: Any) -> Cell:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return Cell("" if value is None else naming.text(value), value=float(value) if number else None)


def parts(runs: Runs) -> tuple[list[Table], list[Scatter], list[str]]:
    """Tables, charts and sentences of all searches."""
    found: Sequence[Searched] = find(runs)
    charts = [drawn for one in found if (drawn := chart(one)) is not None]
    return [table(one) for one in found], charts, [text(one) for one in found]
