"""Decide which run starts next, whether a failed run is repeated, and when the sweep is done. An executor runs them."""

import logging
import signal
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from restorelab.config import trainer_arguments, trust
from restorelab.runs.ledger import UNFINISHED, Attempt, Ledger, State
from restorelab.sweep import queue
from restorelab.sweep.executors.executor import Ended, Executor, Job
from restorelab.sweep.live import LiveLines
from restorelab.sweep.planned import Planned
from restorelab.sweep.worker import TAKEN

if TYPE_CHECKING:  # it brings torch
    from restorelab.sweep.searching import Searching

log = logging.getLogger(__name__)

GLANCE = 1.0
"""Seconds between two checks of running runs, and of runs that another sweep executes."""

BRIEF = 60.0
"""Seconds; an attempt that was interrupted earlier counts as a failure, so that a sweep cannot repeat it for ever."""

GRACE = 120.0
"""Seconds that a run has for saving and ending after its time limit."""

FINAL: tuple[State, ...] = ("done", "failed", "pruned")


@dataclass
class _Active:
    """A run that this sweep has started."""

    run: Planned
    before: int
    """The number of attempts that existed before."""
    began: float | None = None
    """When it was first seen at work; the time in a cluster's queue does not count."""
    why: str = ""
    """Why it was asked to stop, which decides how it counts: `time limit` or `pruned`; "" where it was not."""


class Scheduler:
    """Does the runs of a sweep. `states` and `reasons` (of what is not done) tell by a run's id how they stand.

    planned: in the order in which they start. source: gives more of them, for a search. retries: further attempts at a
    run that failed, in this session; one that would fail in the same way again is not repeated. time_limit: seconds
    that an attempt may take.
    """

    def __init__(
        self,
        folder: Path,
        planned: Iterable[Planned],
        executor: Executor,
        view: LiveLines,
        *,
        source: "Searching | None" = None,
        retries: int = 1,
        time_limit: float | None = None,
    ) -> None:
        self.folder, self.executor, self.view, self.source = folder, executor, view, source
        self.retries, self.time_limit = retries, time_limit
        self.ledger = Ledger(folder / "ledger")
        self.states: dict[str, State] = {}
        self.runs: dict[str, Planned] = {}
        self.reasons: dict[str, str] = {}
        self._pending: deque[Planned] = deque()
        self._elsewhere: dict[str, Planned] = {}
        self._active: dict[str, _Active] = {}
        self._tries: dict[str, int] = {}
        self._stops = 0
        self._glanced = 0.0
        for run in planned:
            self._add(run)

    def run(self) -> dict[str, State]:
        """Execute all runs; return the state of each by id. Raises KeyboardInterrupt after a signal to stop."""
        for run in self._pending:  # one that there can never be room for is refused before any has started
            self.executor.room(self._job(run))
        try:
            with self._signals():
                while self._step():
                    pass
        finally:
            self.executor.close()
        if self._stops:
            raise KeyboardInterrupt
        return self.states

    def _step(self) -> bool:
        """Do one turn of the loop; return False once nothing is left to do."""
        if not self._stops:
            self._start()
        if not self._active and (self._stops or not (self._pending or self._elsewhere)):
            return False
        for ended in self.executor.ended(GLANCE):
            self._end(ended)
        if time.monotonic() - self._glanced >= GLANCE:
            try:
                self._glance()
            except OSError as error:  # of a disk that others use: the next look may see more
                log.warning("%s: %s", self.folder, error)
            self._glanced = time.monotonic()
        return True

    def _add(self, run: Planned) -> None:
        self.runs[run.id] = run
        if run.done:
            self.states[run.id] = "done"
            self.view.had(run)
        else:
            self.states[run.id] = "queued"
            self._pending.append(run)

    def _start(self) -> None:
        """Start what there is room for, in order; runs that wait for others, or that another sweep has, are passed."""
        passed = deque[Planned]()
        while not self._stops:
            # A search is asked only when its run can start: the more results it has by then, the better it chooses.
            if not self._pending and not (self.source and self.executor.room(Job("", self.folder)) and self._ask()):
                break
            run = self._pending.popleft()
            job = self._job(run)
            if not self.executor.room(job):
                passed.append(run)
                break
            if self._startable(run, passed):
                last = self.ledger.last(run.id)
                self._active[run.id] = _Active(run, last.number if last else 0)
                self._tries[run.id] = self._tries.get(run.id, 0) + 1
                self.states[run.id] = "running"
                self.view.began(run, self._tries[run.id])
                self.executor.start(job)
        self._pending.extendleft(reversed(passed))

    def _job(self, run: Planned) -> Job:
        devices = trainer_arguments.device_count(run.settings["trainer"])
        return Job(run.id, queue.file(self.folder, run.id), devices, tuple(trust.named(run.settings)))

    def _ask(self) -> bool:
        """Get a run from the source, if it has one that this sweep has not executed yet."""
        while self.source is not None and (run := self.source.ask()) is not None:
            if run.id not in self.runs:
                queue.write(self.folder, [run])
                self._add(run)
            if self._pending:
                return True
            if self.states[run.id] in FINAL:
                # the same values were proposed before, so the earlier run's result is used
                self.source.tell(run, self.states[run.id])
        return False

    def _startable(self, run: Planned, passed: deque[Planned]) -> bool:
        """Return whether a run can start; a run that cannot is moved to the state that it is in."""
        if run.waits_for:
            needs = [other for other in self.runs.values() if other.name in run.waits_for and other.seed == run.seed]
            states = [self.states[other.id] for other in needs]
            if bad := [other.name for other, state in zip(needs, states, strict=True) if state in ("failed", "pruned")]:
                self._final(run, "failed", None)
                self.reasons[run.id] = f"it needs the weights of {', '.join(bad)}"
                log.error("%s: left out, for %s", run.id, self.reasons[run.id])
                return False
            if any(state != "done" for state in states):
                passed.append(run)
                return False
        attempt = self.ledger.last(run.id)
        if run.done:  # another sweep was quicker
            self._final(run, "done", attempt)
            return False
        if self.ledger.state(attempt) == "running":
            if run.id not in self._elsewhere:
                assert attempt is not None
                log.info("%s: another process has it (%s, process %d)", run.id, attempt.owner.host, attempt.owner.pid)
            self._elsewhere[run.id] = run
            return False
        if attempt is not None and attempt.state == "running":
            # Its worker cannot know: whether another machine's heart stands still shows only to who looks for long.
            self.ledger.settle(attempt, "lost", "its process is gone, and so perhaps was its machine or its sweep")
        return True

    def _end(self, ended: Ended) -> None:
        """Handle the end of a job: find out how it ended, and decide what happens to its run."""
        active = self._active.pop(ended.id)
        run, attempt = active.run, self.ledger.last(ended.id)
        if run.done:
            self._final(run, "done", attempt)
            return
        if ended.status == TAKEN:
            self._tries[run.id] -= 1
            self.states[run.id] = "queued"
            self._elsewhere[run.id] = run
            return
        if attempt is not None and attempt.number <= active.before:
            attempt = None  # an earlier attempt: this job ended before it began one
        if attempt is None and self._stops:
            self.states[run.id] = "queued"
            self.view.ended(run, "queued", None)
            return
        asked = self._stops or active.why
        if attempt is not None and attempt.state == "interrupted" and not asked and attempt.seconds > BRIEF:
            self._tries[run.id] -= 1  # its machine was needed for something else
        if attempt is None or self.ledger.state(attempt) == "lost":
            attempt = self._lost(attempt, ended)
        if attempt is not None and active.why:
            state: State = "pruned" if active.why == "pruned" else "failed"
            attempt = self.ledger.settle(attempt, state, active.why, repeats=True)
        state = attempt.state if attempt is not None else "lost"
        again = not self._stops and self._tries[run.id] <= self.retries and not (attempt and attempt.repeats)
        if state == "pruned" or not again:
            self._final(run, state if state in FINAL or self._stops else "failed", attempt)
        else:
            self.view.ended(run, state, attempt)
            self.states[run.id] = "queued"
            self._pending.append(run)

    def _lost(self, attempt: Attempt | None, ended: Ended) -> Attempt | None:
        """Record the end of a process that ended without recording it."""
        self.reasons[ended.id] = ended.how
        if attempt is None:
            log.error("%s: %s; it had not begun", ended.id, ended.how)
            return None
        if self._stops:
            return self.ledger.settle(attempt, "interrupted", "stopped at once")
        return self.ledger.settle(attempt, "failed", ended.how)

    def _final(self, run: Planned, state: State, attempt: Attempt | None) -> None:
        self.states[run.id] = state
        if attempt is not None and attempt.reason:
            self.reasons[run.id] = attempt.reason
        self.view.ended(run, state, attempt)
        if self.source is not None and not (self._stops and state in UNFINISHED):
            self.source.tell(run, state)

    def _glance(self) -> None:
        """Check running runs: display them, stop those that are pruned or over their time limit."""
        running: dict[str, Attempt | None] = {}
        for name, active in self._active.items():
            attempt = self.ledger.last(name)
            current = attempt if attempt is not None and attempt.state == "running" else None
            running[name] = current
            if current is not None and active.began is None:
                active.began = time.monotonic()
            if current is None and self._stops:  # a cluster has not begun it, and may not for hours
                self.executor.kill(name)
            seconds = time.monotonic() - active.began if active.began is not None else 0.0
            if self.time_limit is not None and seconds > self.time_limit:
                active.why = active.why or f"time limit: it took longer than {self.time_limit:g} s"
                if seconds > self.time_limit + GRACE:
                    self.executor.kill(name)
            elif not active.why and self.source is not None and self.source.prune(active.run):
                active.why = "pruned"
            if (self._stops or active.why) and current is not None and not self.ledger.asked_to_stop(current):
                self.ledger.ask_to_stop(current)
        for name, run in list(self._elsewhere.items()):
            if run.done:
                del self._elsewhere[name]
                self._final(run, "done", self.ledger.last(name))
            elif self.ledger.state(attempt := self.ledger.last(name)) != "running":
                del self._elsewhere[name]
                if attempt is not None and attempt.repeats and attempt.state in FINAL:
                    self._final(run, attempt.state, attempt)
                else:
                    self._pending.append(run)
        self.view.show(running, self.states, len(self._pending))

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """The first Ctrl-C or SIGTERM lets every run save and end, the second ends them at once."""

        def stop(number: int, frame: FrameType | None) -> None:
            self._stops += 1
            if self._stops == 1:
                self._glanced = 0.0
                log.info("stopping: each run saves a checkpoint and ends; press Ctrl-C again to stop at once")
            else:
                for name in list(self._active):
                    self.executor.kill(name)

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
