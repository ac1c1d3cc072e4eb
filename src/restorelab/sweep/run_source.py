"""The interface of a source that gives the scheduler further runs."""

from typing import Protocol

from restorelab.runs.ledger import State
from restorelab.sweep.planned import Planned


class Source(Protocol):
    """A source of runs that are not known in advance: a search, which chooses them by the results of earlier runs."""

    def ask(self) -> Planned | None:
        """Return the next run; None where there is none at present."""

    def prune(self, run: Planned) -> bool:
        """Return whether a running run should be stopped early."""

    def tell(self, run: Planned, state: State) -> None:
        """Called when a run has ended for good."""
