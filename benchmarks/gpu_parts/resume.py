"""A run that is killed and resumed under trainer.deterministic=true ends with the bits of one that was not.

`resume.py run FOLDER OVERRIDES WORK.json` is one of its three runs, a process each.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from gpu_parts.record import Work

STEPS, AT = 60, 40


class Kill(Callback):
    """Ends its process as a lost machine does, at the start of a batch."""

    def __init__(self, at: int) -> None:
        self.at = at

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Die, once."""
        if trainer.global_step == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Do the three runs and compare what two of them left."""
    work = Work.read()
    if sys.argv[1] == "run":
        one(Path(sys.argv[2]), sys.argv[3:-1])
        return
    data, what = work.faces()
    steps, at = (6, 4) if work.quick else (STEPS, AT)
    job = work.overrides("model=dual_ae_skip", *data, "trainer.deterministic=true", f"max_steps={steps}",
                         f"trainer.validate_steps={at // 2}", "trainer.checkpoint_every=0")  # fmt: skip
    whole, cut = work.scratch / "whole", work.scratch / "cut"
    run(whole, *job, expected=0)
    run(cut, *job, f"+callbacks.kill={{_target_: gpu_parts.resume.Kill, at: {at}}}", expected=-signal.SIGKILL)
    run(cut, *job, "resume=true", expected=0)
    table = f"dual_ae_skip, {what}, {steps} steps, killed at step {at}, trainer.deterministic=true"
    for name, equal in compare(whole, cut).items():
        work.row(name, table=table, equal=equal, verdict="met" if equal else "MISSED")


def run(folder: Path, *overrides: str, expected: int) -> None:
    """Let a process of its own do a run. Raises RuntimeError where it ends otherwise than expected."""
    program = [sys.executable, "-m", "gpu_parts.resume", "run", str(folder), *overrides, sys.argv[-1]]
    status = subprocess.run(program, check=False).returncode
    if status != expected:
        raise RuntimeError(f"{folder.name}: status {status}, expected {expected}")


def one(folder: Path, overrides: list[str]) -> None:
    """Be one of the runs."""
    from worker import run as execute

    outcome = execute(overrides, folder)
    print(outcome.message, outcome.trace or "")
    sys.exit(outcome.exit_status)


def compare(whole: Path, cut: Path) -> dict[str, bool]:
    """Whether weights, optimizer and files are the same, each by itself."""
    import torch

    found = {}
    for name in ("best.ckpt", "last.ckpt"):
        one, other = (
            torch.load(run / "checkpoints" / name, weights_only=True, map_location="cpu") for run in (whole, cut)
        )
        found[f"{name}: weights"] = same(one["state_dict"], other["state_dict"])
        if "optimizer_states" in one:
            found[f"{name}: optimizer"] = same(one["optimizer_states"], other["optimizer_states"])
    for name in ("metrics.csv", "per_image.csv"):
        found[name] = (whole / name).read_bytes() == (cut / name).read_bytes()
    return found


def same(one: Any, other: Any) -> bool:
    """Whether nested containers hold the same values; tensors bit for bit."""
    import torch

    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return one == other


if __name__ == "__main__":
    main()
