"""What every part needs: its work file, the rows that it leaves, and runs of the framework."""

import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ABSENT = "needs CUDA"
PARTS = ["data.val=256", "data.test=256"]
"""How many images are measured; what was packed tells the bits of these."""


@dataclass(frozen=True)
class Work:
    """What a part was told. device: `cuda` or `cpu`. out: of the results. ends: when it is stopped, by time.time()."""

    device: str
    quick: bool
    scratch: Path
    rows: Path
    out: Path
    ends: float
    bits: dict[str, str]
    """What `evaluation_bits` were where the images were packed; empty where nothing was packed."""

    @classmethod
    def read(cls) -> "Work":
        """Take the file that the command line names last."""
        told = json.loads(Path(sys.argv[-1]).read_text())
        paths = {key: Path(told[key]) for key in ("scratch", "rows", "out")}
        return cls(**paths, **{key: told[key] for key in ("device", "quick", "ends", "bits")})

    @property
    def cuda(self) -> bool:
        """Whether it is measured on a GPU."""
        return self.device == "cuda"

    @property
    def left(self) -> float:
        """Seconds until this part is stopped."""
        return self.ends - time.time()

    def row(self, name: str, **columns: Any) -> None:
        """Leave a row now, not when all is over."""
        with self.rows.open("a") as stream:
            stream.write(json.dumps({"name": name, **columns}) + "\n")

    def compared(self, name: str, value: float, *, at_least: float | None = None, at_most: float | None = None,
                 **columns: Any) -> None:  # fmt: skip
        """Leave a row with a target and whether it is met."""
        good = value >= at_least if at_least is not None else value <= (at_most or 0.0)
        aim = f">= {at_least:,g}" if at_least is not None else f"<= {at_most:,g}"
        judged = (
            {"target": aim, "verdict": "met" if good else "MISSED"} if self.cuda else {"target": aim, "verdict": ABSENT}
        )
        self.row(name, **columns, **judged)

    def overrides(self, *more: str) -> list[str]:
        """What every run is told: the device, no W&B, no bar, and what is said beside."""
        threads = ["threads=1"] if self.quick else []
        return ["logger=csv", "trainer.bar=false", f"trainer.accelerator={self.device}", *threads, *more]

    def run(self, *overrides: str, callback: dict[str, Any] | None = None) -> dict[str, Any]:
        """Execute a run in this process; gives its result.json and its folder. Raises RuntimeError where it fails."""
        from worker import run

        folder = Path(tempfile.mkdtemp(dir=self.scratch)) / "run"
        outcome = run(self.overrides(*overrides), folder, callback)
        if outcome.status != "done":
            raise RuntimeError(outcome.message + (outcome.trace or ""))
        return {**json.loads((folder / "result.json").read_text()), "folder": str(folder)}

    def faces(self) -> tuple[list[str], str]:
        """Overrides that choose the faces under impulse noise and the BCE, and what they are."""
        from images import FACES, find

        found = find(FACES, self.scratch.parent, quick=self.quick)
        small = ["data.size=[32,32]", "data.batch_size=8", "data.limit=200"] if self.quick else []
        parts = ["data.val=16", "data.test=16"] if self.quick else PARTS
        return [*found.overrides, "loss=bce", *parts, *small], found.what
