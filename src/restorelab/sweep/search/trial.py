"""A trial of a search, and a line of its table."""

from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["done", "failed", "pruned"]
"""How a trial ended."""


@dataclass(frozen=True)
class Trial:
    """Values to train with.

    Attributes:
        number: from 0, in the order of asking; what `Search.report` and `Search.tell` want.
        overrides: all of the command line, each with one value, as Hydra's grammar takes them.
        swept: plain values of what is searched, by key: `{"model": "ae", "optimizer.lr": 0.00123}`.
    """

    number: int
    overrides: list[str]
    swept: dict[str, Any]


@dataclass(frozen=True)
class Row:
    """A line of the search's table.

    Attributes:
        number: of the trial.
        state: `open`: given out and not told yet.
        value: of the metric; of a pruned trial its last one. None where there is none.
        swept: the searched values, by key.
    """

    number: int
    state: Literal["open", "done", "failed", "pruned"]
    value: float | None
    swept: dict[str, Any] = field(default_factory=dict)
