"""An executor that ends its jobs as a test says."""

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from restorelab.runs.ledger import Attempt, Ledger, State
from restorelab.runs.process_id import Owner
from restorelab.sweep.executors.executor import Ended, Job
from restorelab.sweep.planned import Planned
from restorelab.sweep.worker import TAKEN


class Script:
    """Ends each job, in order of starting, by what is written for its run: a word an attempt, `done` for the rest."""

    threads = None

    def __init__(self, folder: Path, words: dict[str, list[str]], workers: int = 1) -> None:
        self.folder, self.words, self.workers = folder, words, workers
        self.ledger = Ledger(folder / "ledger")
        self.started: list[str] = []
        self.running: list[str] = []
        self.most = 0
        self.closed = False
        self.on_start: Callable[[str], None] = lambda run: None

    def warm(self) -> None: ...

    def room(self, job: Job) -> bool:
        return len(self.running) < self.workers

    def start(self, job: Job) -> None:
        self.started.append(job.id)
        self.running.append(job.id)
        self.most = max(self.most, len(self.running))
        self.on_start(job.id)

    def ended(self, timeout: float) -> list[Ended]:
        if not self.running:
            time.sleep(min(timeout, 0.01))
            return []
        run = self.running.pop(0)
        left = self.words.get(run, [])
        return [Ended(run, self.end(run, left.pop(0) if left else "done"))]

    def end(self, run: str, word: str) -> int | None:
        if word == "taken":
            claim = self.ledger.claim(run)
            assert claim is not None
            self.ledger.write(replace(claim.attempt, owner=Owner("far", "elsewhere", 1, "1")))
            return TAKEN
        if word == "unborn":
            return None
        claim = self.ledger.claim(run)
        assert claim is not None
        if word == "killed":
            self.ledger.write(replace(claim.attempt, owner=replace(Owner.me(), born="before")))
            return -signal.SIGKILL
        if word == "done":
            (self.folder / run).mkdir(exist_ok=True)
            (self.folder / run / "result.json").write_text("{}")
        state: State = word if word in ("done", "interrupted") else "failed"  # type: ignore[assignment]
        claim.end(state, 0, {}, word, repeats=word == "diverged")
        return 0 if word == "done" else 1

    def kill(self, job: str) -> None: ...

    def close(self) -> None:
        self.closed = True


class Silent:
    """A view that remembers."""

    def __init__(self) -> None:
        self.said: list[tuple[str, State]] = []
        self.attempts: list[Attempt | None] = []

    def had(self, run: Planned) -> None: ...

    def began(self, run: Planned, attempt: int) -> None: ...

    def ended(self, run: Planned, state: State, attempt: Attempt | None) -> None:
        self.said.append((run.id, state))
        self.attempts.append(attempt)

    def show(self, running: dict[str, Attempt | None], states: dict[str, State], left: int) -> None: ...


def planned(folder: Path, name: str, waits_for: Sequence[str] = (), seed: int = 0) -> Planned:
    settings: dict[str, Any] = {"run_dir": str(folder / f"{name}-s{seed}"), "trainer": {"devices": 1}}
    return Planned(name, seed, settings, tuple(waits_for))


class Held(Script):
    """Jobs that run until they are told to stop."""

    def ended(self, timeout: float) -> list[Ended]:
        time.sleep(0.01)
        found = []
        for run in list(self.running):
            attempt = self.ledger.last(run)
            assert attempt is not None
            if self.ledger.asked_to_stop(attempt):
                self.running.remove(run)
                self.ledger.write(replace(attempt, state="interrupted", status=143))
                found.append(Ended(run, 143))
        return found

    def start(self, job: Job) -> None:
        super().start(job)
        assert self.ledger.claim(job.id) is not None
