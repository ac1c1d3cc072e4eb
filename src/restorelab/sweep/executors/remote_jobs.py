"""The state of jobs on other machines: the cluster reports that a job has ended, the ledger how its run ended."""

from restorelab.runs.ledger import Ledger
from restorelab.sweep.executors.executor import Ended, Job


class RemoteJobs:
    """Jobs that a cluster has, and what the ledger of their sweep says of them.

    A run of another machine that says it runs may be dead: only a heartbeat that stands still for the ledger's
    patience shows it. A job is told to the sweep as ended when that is clear, so that no run is begun anew whose old
    process still writes.
    """

    def __init__(self) -> None:
        self._ledger: Ledger | None = None
        self._before: dict[str, int] = {}
        self._gone: dict[str, str] = {}
        self._killed: set[str] = set()

    def begin(self, job: Job) -> None:
        """Register a job that was submitted; earlier attempts at its run do not belong to it."""
        self._ledger = self._ledger or Ledger(job.file.parents[1] / "ledger")
        last = self._ledger.last(job.id)
        self._before[job.id] = last.number if last else 0
        self._killed.discard(job.id)

    def over(self, job: str) -> bool:
        """Return whether the run of a job has recorded its end."""
        assert self._ledger is not None
        last = self._ledger.last(job)
        return last is not None and last.number > self._before[job] and last.state != "running"

    def kill(self, job: str) -> None:
        """Register that the sweep ends a job, so that this does not count as a failure of the run."""
        self._killed.add(job)

    def end(self, job: str, status: int) -> Ended:
        """Register the exit status of a job."""
        self._forget(job)
        return Ended(job, status)

    def gone(self, job: str, reason: str) -> None:
        """Register that a job has ended without an exit status. reason: what the cluster reports, for the ledger."""
        self._gone.setdefault(job, reason)

    def settled(self) -> list[Ended]:
        """Return the jobs that have ended and whose runs have a known end; each job is returned once."""
        return [ended for job, reason in list(self._gone.items()) if (ended := self._settle(job, reason))]

    def _settle(self, job: str, reason: str) -> Ended | None:
        assert self._ledger is not None
        last = self._ledger.last(job)
        if last is None or last.number <= self._before[job]:  # the job ended before its run began
            self._forget(job)
            return Ended(job, None)
        state = self._ledger.state(last)
        if state == "running":
            return None
        if state == "lost":
            killed = job in self._killed
            self._ledger.settle(last, "interrupted" if killed else "failed", "stopped at once" if killed else reason)
        self._forget(job)
        return Ended(job, last.status)

    def _forget(self, job: str) -> None:
        self._gone.pop(job, None)
        self._killed.discard(job)
        del self._before[job]
