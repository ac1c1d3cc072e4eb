"""What a logger of this package gets when its run begins."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class RunStart:
    """A run that begins or continues.

    Attributes:
        config: resolved.
        folder: the run's.
        name: `<name>-<seed>`.
        resumed: whether the folder held the run already.
        step: the optimizer step that it goes on from; 0 for a new run.
    """

    config: Mapping[str, Any]
    folder: Path
    name: str
    resumed: bool = False
    step: int = 0


def flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config as hyperparameters, by the names that they have on the command line: `optimizer.lr`."""
    return dict(_flat(config))


def _flat(config: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def numbers(summary: Mapping[str, Any]) -> dict[str, float]:
    """The final values of a run that are numbers."""
    return {key: value for key, value in summary.items() if isinstance(value, int | float)}
