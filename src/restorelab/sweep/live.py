"""The display of a running sweep: a live table on a terminal, plain lines anywhere else."""

import statistics
import sys
import time
from typing import Any

from restorelab.duration import words
from restorelab.runs.ledger import Attempt, State, count
from restorelab.sweep.planned import Planned
from restorelab.training.run_status import MEASURED

COLORS: dict[State, str] = {
    "done": "green", "running": "cyan", "queued": "dim", "failed": "red", "pruned": "yellow",
    "interrupted": "yellow", "lost": "red",
}  # fmt: skip


class LiveLines:
    """Prints a line when a run begins and when it ends."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.began_at = time.monotonic()
        self.seconds: list[float] = []
        self.over: set[str] = set()

    def had(self, run: Planned) -> None:
        """Count the run; nothing is printed."""
        self.over.add(run.id)

    def began(self, run: Planned, attempt: int) -> None:
        """Print that the run has started."""
        again = f", attempt {attempt} of this session" if attempt > 1 else ""
        self.say(f"{self._place()} {run.id}: started{again}")

    def ended(self, run: Planned, state: State, attempt: Attempt | None) -> None:
        """Print how the run ended, how long it took, and its validation metric."""
        took = f" after {words(attempt.seconds)}" if attempt is not None and attempt.ended else ""
        if state == "done" and attempt is not None:
            self.seconds.append(attempt.seconds)
        if state in ("done", "failed", "pruned"):
            self.over.add(run.id)
        reached = measured(attempt) if attempt is not None else ""
        explained = attempt is not None and attempt.reason and state != "interrupted"
        reason = f": {attempt.reason}" if explained and attempt is not None else ""
        self.say(f"{self._place()} {run.id}: {state}{took}{f', {reached}' if reached else ''}{reason}", state)

    def show(self, running: dict[str, Attempt | None], states: dict[str, State], left: int) -> None:
        """Do nothing: printed lines are not refreshed."""

    def say(self, text: str, state: State = "queued") -> None:
        """Print a line."""
        print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Do nothing: no output is left open."""

    def _place(self) -> str:
        return f"[{len(self.over)}/{self.total}]"

    def remaining(self, running: dict[str, Attempt | None], left: int) -> float | None:
        """Estimate the seconds until all runs are done, from the times of finished ones; None if unknown."""
        shares = [(attempt.seconds, share(attempt)) for attempt in running.values() if attempt is not None]
        whole = self.seconds + [seconds / part for seconds, part in shares if part > 0.05]
        if not whole:
            return None
        mean = statistics.fmean(whole)
        rest = [max(0.0, mean - seconds) if part <= 0.05 else seconds / part - seconds for seconds, part in shares]
        rest += [mean] * (len(running) - len(shares))
        return (sum(rest) + mean * left) / max(1, len(running)) if left else max(rest, default=0.0)


class LiveTable(LiveLines):
    """The table: what runs now, with epoch, rate, metric and time left; below it what is done and what is to do."""

    def __init__(self, total: int) -> None:
        super().__init__(total)
        from rich.console import Console
        from rich.live import Live

        self.console = Console(stderr=True)
        self.live = Live(console=self.console, refresh_per_second=4, transient=True)
        self.live.start()

    def say(self, text: str, state: State = "queued") -> None:
        """Print a line above the table, except for a start, which the table shows."""
        if not text.endswith("started"):
            self.console.print(text, style=COLORS[state], markup=False, highlight=False)

    def show(self, running: dict[str, Attempt | None], states: dict[str, State], left: int) -> None:
        """Redraw the table."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="dim")
        for head in ("run", "state", "epoch", "step", "images/s", "measured", "time", "left"):
            table.add_column(head, justify="left" if head in ("run", "state", "measured") else "right", no_wrap=True)
        for name, attempt in running.items():
            table.add_row(*_row(name, attempt))
        self.live.update(Group(table, Text(self.summary(running, states, left), style="dim")))

    def summary(self, running: dict[str, Attempt | None], states: dict[str, State], left: int) -> str:
        """Return one line about the whole sweep."""
        counts = ", ".join(f"{number} {state}" for state, number in count(states.values()).items())
        remaining = self.remaining(running, left)
        ahead = f", about {words(remaining)} left" if remaining is not None else ""
        return f"{counts}; {words(time.monotonic() - self.began_at)} so far{ahead}"

    def close(self) -> None:
        """Keep the printed lines and remove the table."""
        self.live.stop()


def view(total: int) -> LiveLines:
    """Return the table for a terminal, and lines for a file or a pipe."""
    return LiveTable(total) if sys.stderr.isatty() else LiveLines(total)


def share(attempt: Attempt) -> float:
    """Return the fraction of its training that a run has done, from 0 to 1."""
    progress = attempt.progress
    if progress.get("phase") in ("evaluating", "writing"):
        return 1.0
    return float(progress.get("step", 0)) / max(1, int(progress.get("steps") or 0)) if progress.get("steps") else 0.0


def measured(attempt: Attempt) -> str:
    """Describe the last validation; empty before the first one."""
    name, value = str(attempt.progress.get("metric") or ""), attempt.progress.get("value")
    if not name or value is None:
        return ""
    form = MEASURED.get(name.removeprefix("val/"))
    return f"val {form.format(value)}" if form else f"{name} {value:.4g}"


def _row(name: str, attempt: Attempt | None) -> list[str]:
    if attempt is None:
        return [name, "starting"]
    progress: dict[str, Any] = attempt.progress
    part = share(attempt)
    steps = f"{progress.get('step', 0):,}/{progress['steps']:,}" if progress.get("steps") else ""
    rate = f"{progress['rate']:,.0f}" if progress.get("rate") else ""
    left = words(attempt.seconds / part - attempt.seconds) if 0.02 < part < 1 else ""
    return [name, str(progress.get("phase", "starting")), str(progress.get("epoch") or ""), steps, rate,
            measured(attempt), words(attempt.seconds), left]  # fmt: skip
