"""The progress of a run and where its time goes, for observers outside the run."""

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:  # the parent process of a sweep imports this, and does not need torch
    from torch import Tensor

    from restorelab.data.frozen import FrozenSet

MEASURED = {"loss": "loss {:.4g}", "psnr": "PSNR {:.2f} dB", "ssim": "SSIM {:.4f}", "accuracy": "accuracy {:.1%}"}
"""How the metrics of a validation are written on a terminal, in the order in which a line has them."""

Phase = Literal["preparing", "training", "evaluating", "writing"]


@dataclass
class RunStatus:
    """Numbers that the run keeps up to date; another thread may read them at any time.

    Attributes:
        phase: what it does now; `enter` changes it.
        epoch: from 1; step, steps: of the optimizer, and how many there will be.
        rate: images a second.
        metric, value: the last validation's first metric, and its name.
        done: share of the evaluation that is done.
        spent: seconds in each phase that is over.
    """

    phase: Phase = "preparing"
    epoch: int = 0
    step: int = 0
    steps: int = 0
    rate: float = 0.0
    metric: str = ""
    value: float = float("nan")
    done: float = 0.0
    spent: dict[str, float] = field(default_factory=dict)
    _since: float = field(default_factory=time.monotonic)

    def enter(self, phase: Phase) -> None:
        """Begin a phase; what the one before took is added to its time."""
        now = time.monotonic()
        self.spent = {**self.spent, self.phase: self.spent.get(self.phase, 0.0) + now - self._since}
        self.phase, self._since = phase, now

    def restored(self, run: Path, frozen: "FrozenSet", places: "Tensor", output: "Tensor") -> None:
        """Take restored test images as they are measured; nothing is done with them unless a subclass does.

        run: the run's folder. frozen: the test set. places: (B,) the indices in it. output: (B, C, H, W), not clamped.
        """

    def facts(self) -> dict[str, Any]:
        """Return the current numbers."""
        return {name: value for name, value in asdict(self).items() if not name.startswith("_")}
