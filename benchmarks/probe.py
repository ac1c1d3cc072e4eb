"""A callback that times the framework's own steps, and between them lets hand-written loops take theirs."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from restorelab.errors import UserError


class Measured(UserError):  # noqa: N818  (it ends the run; nothing went wrong)
    """The benchmark has what it wants."""


class Probe(Callback):
    """Time `segment` steps of the run, then as many of each loop in `kinds`, and so on for `rounds` rounds.

    A framework segment lasts from where the probe let go of one batch's end to where the last batch's end reaches it
    again: loading, degrading, every hook and every other callback are inside. Each loop is a process of its own
    (plain.py) on the run's training images, which sleeps while it is not asked for steps: nothing that the framework
    sets in its process helps or hurts it. Where all rounds are done, the seconds and images of each segment are
    written to `out` and the run is ended by Measured.

    work: a file with the config nodes `model` and `noise`. warmup: rounds that are run and forgotten.
    """

    def __init__(self, out: str, work: str, kinds: Sequence[str], segment: int, rounds: int, warmup: int) -> None:
        self.out, self.work, self.kinds = Path(out), Path(work), list(kinds)
        self.segment, self.rounds = segment, rounds
        self.found: dict[str, list[tuple[float, int]]] = {name: [] for name in ("framework", *kinds)}
        self._round = -warmup
        self._steps, self._images, self._since = 0, 0, 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the loops on the run's own images."""
        data: Any = trainer.datamodule
        self.device = pl_module.device
        images = self.work.with_name("images.npy")
        np.save(images, np.stack([data.table.clean(row) for row in data.rows["train"]]))
        told = {"images": str(images), "device": str(self.device), "batch_size": data.dataset.batch_size}
        self.work.write_text(json.dumps(json.loads(self.work.read_text()) | told))
        program = [sys.executable, str(Path(__file__).with_name("plain.py")), str(self.work)]
        self.loops = {kind: _start([*program, kind]) for kind in self.kinds}
        self._since = self._now()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count; after a segment, hand over to the loops."""
        self._steps += 1
        self._images += len(batch)
        if self._steps < self.segment:
            return
        self._keep("framework", self._now() - self._since, self._images)
        # Each round begins with another loop, so that none always follows the framework.
        turn = self._round % len(self.kinds)
        for place in range(len(self.kinds)):
            kind = self.kinds[place - turn]
            seconds, images = _ask(self.loops[kind], str(self.segment)).split()
            self._keep(kind, float(seconds), int(images))
        self._round += 1
        if self._round >= self.rounds:
            self.out.write_text(json.dumps(self.found))
            raise Measured("measured")
        self._steps, self._images = 0, 0
        self._since = self._now()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """End the loops: with the measurement, or with whatever ended the run."""
        for loop in getattr(self, "loops", {}).values():
            loop.communicate()

    def _keep(self, name: str, seconds: float, images: int) -> None:
        if self._round >= 0:
            self.found[name].append((seconds, images))

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def _start(program: list[str]) -> subprocess.Popen[str]:
    loop = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert loop.stdout is not None
    if loop.stdout.readline() != "ready\n":
        msg = f"{' '.join(program)} did not start"
        raise RuntimeError(msg)
    return loop


def _ask(loop: subprocess.Popen[str], what: str) -> str:
    assert loop.stdin is not None
    assert loop.stdout is not None
    loop.stdin.write(f"{what}\n")
    loop.stdin.flush()
    return loop.stdout.readline()
