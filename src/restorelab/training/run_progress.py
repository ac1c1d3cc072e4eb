"""The progress of a run, read from its last.ckpt."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from restorelab import quoting
from restorelab.errors import DataError
from restorelab.runs.run_folder import RunFolder

KEY = "restorelab_standing"
"""The key of last.ckpt that holds the progress."""


@dataclass(frozen=True)
class RunProgress:
    """What a run has done, over all its sessions.

    Attributes:
        steps: of the optimizer.
        epochs: whole ones.
        batches: of the epoch that is under way; 0 at an epoch's end.
        seconds: of training.
        policy: the optimizer and schedule up to here, for a continuation with other ones.
    """

    steps: int = 0
    epochs: int = 0
    batches: int = 0
    seconds: float = 0.0
    policy: Mapping[str, Any] | None = None

    def reaches(self, max_steps: int | None, max_epochs: int | None, max_time: float | None) -> bool:
        """Return whether one of these limits is reached."""
        limits = ((self.steps, max_steps), (self.epochs, max_epochs), (self.seconds, max_time))
        return any(limit is not None and done >= limit for done, limit in limits)


def read(file: Path) -> RunProgress | None:
    """The standing in a last.ckpt, None where there is none yet.

    Raises:
        DataError: for a file that is damaged or that another program wrote; says what is left to go on from.
    """
    from restorelab.models import weights  # brings torch

    if not file.is_file():
        return None
    try:
        content = weights.content(file, "resume")
        return RunProgress(**content[KEY], seconds=content["callbacks"]["Limits"]["seconds"])
    except DataError as error:
        raise DataError(f"{error} {_left(file, file.with_name('best.ckpt'), 'best')}") from error
    except (KeyError, TypeError) as error:
        msg = f"resume: {file} does not hold the state of a run ({type(error).__name__}: {error})."
        raise DataError(f"{msg} {_left(file, file.with_name('best.ckpt'), 'best')}") from error


def require_whole(folder: RunFolder) -> None:
    """Refuse to resume in a folder whose checkpoints cannot be read, before anything in it is changed.

    Raises:
        DataError: naming the file, and what is left to go on from.
    """
    from restorelab.models import weights

    read(folder.last)
    if not folder.best.exists():
        return
    try:
        weights.read(folder.best, "resume")
        if not isinstance(weights.content(folder.best, "resume").get("restorelab"), dict):
            raise DataError(f"resume: {folder.best} does not say which step of the run its weights are of.")
    except DataError as error:
        raise DataError(f"{error} {_left(folder.best, folder.last, 'last')}") from error


def _left(file: Path, other: Path, which: str) -> str:
    """Describe what can be resumed from without a checkpoint. other: the one beside it, with the `which` weights."""
    from restorelab.models import weights

    try:
        whole = other.exists() and bool(weights.read(other))
    except DataError:
        whole = False
    again = f"remove {file} and say resume=true to train from the beginning" if which == "best" else ""
    new = f"start a new run from the {which} weights, {quoting.argument('ckpt', other)}" if whole else ""
    ways = ", or ".join(way for way in (new, again) if way) or f"remove {file.parents[1]} and begin anew"
    return f"The run cannot go on from it, and nothing was changed: {ways}."
