"""How far a run is, as its last.ckpt says."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from restorelab.errors import DataError

KEY = "restorelab_standing"
"""Where last.ckpt says it."""


@dataclass(frozen=True)
class Standing:
    """What a run has done, over all its sessions.

    Attributes:
        steps: of the optimizer.
        epochs: whole ones.
        batches: of the epoch that is under way; 0 at an epoch's end.
        seconds: of training.
        policy: what the weights were trained by up to here, for whoever goes on by something else.
    """

    steps: int = 0
    epochs: int = 0
    batches: int = 0
    seconds: float = 0.0
    policy: Mapping[str, Any] | None = None

    def reaches(self, max_steps: int | None, max_epochs: int | None, max_time: float | None) -> bool:
        """Whether one of these limits is reached."""
        limits = ((self.steps, max_steps), (self.epochs, max_epochs), (self.seconds, max_time))
        return any(limit is not None and done >= limit for done, limit in limits)


def read(file: Path) -> Standing | None:
    """The standing in a last.ckpt, None where there is none yet.

    Raises:
        DataError: for a file that is damaged or that another program wrote.
    """
    import torch

    if not file.is_file():
        return None
    try:
        content = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
        return Standing(**content[KEY], seconds=content["callbacks"]["Limits"]["seconds"])
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        msg = (
            f"{file} is damaged or not of this program ({reason}); the run cannot go on from it. Remove it and say "
            f"resume=true to train from the beginning, or start a new run with ckpt={file.with_name('best.ckpt')}."
        )
        raise DataError(msg) from error
