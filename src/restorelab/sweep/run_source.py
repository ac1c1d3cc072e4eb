"""What gives the scheduler runs beside those that are planned."""

from typing import Protocol

from restorelab.runs.ledger import State
from restorelab.sweep.planned import Planned


class Source(Protocol):
    """Where runs come from that nobody knows yet: a search, which looks at what the earlier ones found."""

    def ask(self) -> Planned | None:
        """The next run; None where there is none now."""

    def prune(self, run: Planned) -> bool:
        """Whether a run that goes on need not go on."""

    def tell(self, run: Planned, state: State) -> None:
        """A run has ended for good."""
