"""A run, its exported set, and outputs to be scored; see conftest.py."""

from dataclasses import dataclass
from pathlib import Path

from restorelab.exchange import score
from restorelab.runs.record import Record


@dataclass(frozen=True)
class Made:
    run: Path
    set: Path
    restored: Path
    inputs: Path


def scored(made: Made, outputs: Path, out: Path, *more: str, name: str = "method") -> Record:
    assert score.run([str(outputs), f"set={made.set}", f"name={name}", f"out={out}", *more]) == 0
    return Record(name, out)
