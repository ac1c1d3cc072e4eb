"""Figures of runs of which some are not there: what is there is drawn, and what is not is named."""

from dataclasses import replace
from typing import Any, TypeVar

from restorelab.errors import DataError
from restorelab.runs.record import Runs

Drawing = TypeVar("Drawing")


def present(drawing: Drawing, runs: Runs) -> tuple[Drawing, str]:
    """The figure without those of its `runs` (a list, or by what they are shown for) that are absent, and why they are.

    The reasons are a sentence, empty where all runs are there. A name that the study does not have stays, so that the
    figure complains of it.

    Raises:
        DataError: where none of its runs is there.
    """
    asked: Any = getattr(drawing, "runs", None) or []
    absent = {name: runs.absent[name] for name in (asked.values() if isinstance(asked, dict) else asked)
              if name not in runs and name in runs.absent}  # fmt: skip
    if not absent:
        return drawing, ""
    if isinstance(asked, dict):
        left: Any = {shown: name for shown, name in asked.items() if name not in absent}
    else:
        left = [name for name in asked if name not in absent]
    reasons = ", ".join(
        f"{name} ({why.removeprefix('it was ').removeprefix('it is ')})" for name, why in absent.items()
    )
    if not left:
        msg = f"none of its runs is there: {reasons}."
        raise DataError(msg)
    return replace(drawing, runs=left), f"Not shown: {reasons}."  # type: ignore[type-var]
